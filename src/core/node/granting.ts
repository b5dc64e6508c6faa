/** Answers to the claims of other nodes, and what an answer binds this node to. */

import type { Instant } from "../base/time.ts";
import type { Claim, ClaimAnswer } from "../membership/frame.ts";
import type { Peer } from "../membership/roster.ts";
import type { Group } from "./group.ts";
import { isDeaf } from "./cover.ts";
import { isServing, releasedTo } from "./standing.ts";
import type { Surroundings } from "./surroundings.ts";

/** Answers another node's claim to a group; a grant is remembered. */
export function judgeClaim(
  s: Surroundings,
  group: Group,
  asked: { claimer: Peer; claim: Claim; now: Instant },
): ClaimAnswer {
  const { claimer, claim, now } = asked;
  const holder = group.holder === undefined ? undefined : s.roster.peers.get(group.holder);
  const holderAlive =
    holder !== undefined &&
    holder !== claimer &&
    holder.alive &&
    isServing(holder.reports.get(group.config.name)?.role) &&
    !releasedTo(holder, group, claimer.name);
  const own = group.claiming;
  const rank = (node: string): number => group.standing.rankAgainst(claimer, node);
  const verdict = group.grants.judge(
    {
      claimer: claimer.name,
      epoch: claim.epoch,
      now,
      knownEpoch: group.epoch,
      knownHolder: group.holder,
      isDeaf: isDeaf(s, claimer, { vips: group.vips, now }),
      busyHere: group.role === "holding" || group.role === "starting",
      holderAlive,
      own: own === undefined ? undefined : { epoch: own.epoch, rank: rank(s.me), claimerRank: rank(claimer.name) },
    },
    s.timing.waitMs,
  );
  const { epoch } = claim;
  return verdict.granted
    ? { group: claim.group, epoch, granted: true, reason: "" }
    : { group: claim.group, epoch, granted: false, reason: verdict.reason };
}

/** This node granted the claim of one that lives and still claims: that one may open at any moment, so this one may not. */
export function isPromised(s: Surroundings, group: Group, now: Instant): boolean {
  const claimer = s.roster.peers.get(group.grants.holder(now) ?? "");
  return claimer?.alive === true && claimer.claims.some((claim) => claim.group === group.config.name);
}
