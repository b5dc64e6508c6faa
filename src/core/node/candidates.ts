/** Who may hold a group, as this node sees it: itself by its own state, others by their reports. */

import type { Instant } from "../base/time.ts";
import type { GroupConfig, VipConfig } from "../config/cluster.ts";
import type { Peer } from "../membership/roster.ts";
import { linkOf, type Surroundings } from "./surroundings.ts";

/** May a node hold a group, and why (not), as one clause. */
export interface Eligibility {
  readonly eligible: boolean;
  readonly because: string;
  /** Only health, connection or an operator's wish speaks against it: what is there may stay. */
  readonly soft: boolean;
}

const YES: Eligibility = { eligible: true, because: "is well", soft: true };

function no(because: string, soft: boolean): Eligibility {
  return { eligible: false, because, soft };
}

/** This node's own eligibility. */
export function ownEligibility(
  s: Surroundings,
  group: {
    readonly config: GroupConfig;
    readonly vips: readonly VipConfig[];
    readonly barred: string | undefined;
    /** A former self served it without a break: what it knew of this node's health still holds. */
    readonly isResumed: boolean;
    /** A former self's lease runs so long: it is believed before the network has answered this one. */
    readonly resumedUntil: Instant;
  },
  now: Instant,
): Eligibility {
  if (s.stalled) return no("has a daemon whose main thread hangs", false);
  if (s.gateBroken) return no("cannot keep its gate", false);
  if (group.barred !== undefined) return no(`is barred until cleared: ${group.barred}`, false);
  if (s.mode === "left") return no("has left", false);
  if (s.leaving) return no("is leaving", true);
  if (s.mode === "observing" && !group.isResumed) return no("has just started and observes first", true);
  if (s.mode === "standby") return no("is in standby", true);
  for (const name of group.config.requires) {
    const monitor = s.monitors.get(name);
    if (monitor === undefined && !group.isResumed) return no(`has no verdict of monitor ${name} yet`, true);
    if (monitor?.verdict === "down") return no(`fails monitor ${name}`, true);
  }
  if (now < group.resumedUntil) return YES;
  for (const vip of group.vips) {
    const link = linkOf(vip);
    const own = s.interfaces[link];
    if (own?.up !== true) return no(`has no working device for ${vip.address}`, true);
    const segment = s.segments[link];
    if (segment !== undefined && segment.reach(now) === 0 && segment.deadline <= now) {
      return no(`is cut off from the network of ${vip.address}`, true);
    }
  }
  return YES;
}

/** Another node's eligibility, by its own latest report. */
export function peerEligibility(s: Surroundings, peer: Peer, group: string): Eligibility {
  if (peer.state === "unheard") return no("was not heard since this node started", false);
  if (peer.state === "left") return no("has left", false);
  if (peer.state === "dead") return no("is dead", false);
  if (peer.state === "suspect") return no("is silent", false);
  if (peer.config !== s.configHash) return no("runs another cluster file", true);
  const report = peer.reports.get(group);
  if (report === undefined) return no("has not reported yet", true);
  return { eligible: report.eligible, because: report.reason, soft: report.soft };
}
