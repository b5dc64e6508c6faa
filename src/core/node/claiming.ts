/**
 * One attempt of this node to take a group: the claim that goes out with every frame, the questions about the
 * group's VIPs on the wire, and the verdict whether everything needed has come together. It prepares while the
 * old holder's lease still runs, so that at the lease's end nothing is left to do.
 */

import { after, earlier, later, LONG_AGO, NEVER, type Instant } from "../base/time.ts";
import type { VipConfig } from "../config/cluster.ts";
import type { ClaimAnswer } from "../membership/frame.ts";
import type { Peer } from "../membership/roster.ts";
import { backSince, isDeaf, mayTake, uncovered } from "./cover.ts";
import type { Row } from "../ownership/evidence.ts";
import { VipProbe } from "../ownership/vip-probe.ts";
import { isServing, releasedTo } from "./standing.ts";
import { linkOf, type Surroundings } from "./surroundings.ts";
import type { Turn } from "./turn.ts";

/** Claims travel so often while they stand. */
const CLAIM_EVERY_MS = 10;
/** A taker's newest sign of life may be as old as so many questions' time. */
const PROVEN_ASKS = 6;
/** A rival's probe counts for so many questions' time. */
const RIVAL_ASKS = 3;
/** A rival that takes nothing for so long, although it could, does not stand in the way any more. */
const RIVAL_LIMIT_MS = 500;
/** After so long without success, claims travel only so often. */
const PATIENCE_MS = 500;
const CLAIM_PATIENTLY_EVERY_MS = 50;
/** VIPs are asked for so often. */
const ASK_EVERY_MS = 5;

/** What the claim is judged by. */
interface ClaimState {
  readonly now: Instant;
  readonly knownEpoch: number;
  readonly probing: boolean;
  /** This node is the group's last holder. */
  readonly isLast: boolean;
}

export class Claiming {
  readonly group: string;
  readonly since: Instant;
  epoch: number;
  private readonly vips: readonly VipConfig[];
  private readonly probes: ReadonlyMap<string, VipProbe>;
  private nextClaimAt: Instant = LONG_AGO;
  private reported = false;
  /** Other nodes that probe for a VIP of the group too, with the time of their last probe. */
  private readonly rivals = new Map<string, Instant>();
  private rivalSince: Instant | undefined;

  constructor(options: { group: string; vips: readonly VipConfig[]; epoch: number; now: Instant }) {
    this.group = options.group;
    this.vips = options.vips;
    this.epoch = options.epoch;
    this.since = options.now;
    this.probes = new Map(options.vips.map((vip) => [vip.address, new VipProbe()]));
  }

  /** Another node of the cluster wants the VIP at the same time. */
  probedBy(node: string, now: Instant): void {
    this.rivals.set(node, now);
  }

  /** A node knows a higher epoch: ask again with one above it. */
  isOutbid(s: Surroundings): boolean {
    return [...s.roster.peers.values()].some((peer) => peer.alive && this.answerOf(peer)?.reason === "EPOCH_TOO_LOW");
  }

  /** Somebody's hardware address answers for a VIP. */
  answered(answer: { address: string; node: string; mac: string; probe: "arp" | "echo"; now: Instant }): void {
    const probe = this.probes.get(answer.address);
    if (answer.probe === "echo") probe?.echoed(answer);
    else probe?.answered(answer);
  }

  /** Sends what is due: the claim with the next frames, questions for VIPs, echo requests. */
  pursue(turn: Turn, s: Surroundings, state: { holderGone: boolean; probing: boolean }): void {
    if (turn.now >= this.nextClaimAt) {
      const isLong = turn.now - this.since > PATIENCE_MS;
      this.nextClaimAt = after(turn.now, isLong ? CLAIM_PATIENTLY_EVERY_MS : CLAIM_EVERY_MS);
      turn.urgent = true;
    }
    if (!state.probing) return;
    for (const vip of this.vips) this.pursueVip(turn, s, vip, state.holderGone);
  }

  /** The claim is won and services start: keep asking the wire, which also tells others that this node comes. */
  watch(turn: Turn, s: Surroundings): void {
    this.nextClaimAt = NEVER;
    for (const vip of this.vips) this.pursueVip(turn, s, vip, true);
  }

  /** Somebody answers for a VIP although the claim is won. */
  isContested(s: Surroundings, now: Instant): boolean {
    return this.vips.some((vip) => this.missingOnWire(s, vip, now) !== undefined);
  }

  private pursueVip(turn: Turn, s: Surroundings, vip: VipConfig, holderGone: boolean): void {
    const probe = this.probes.get(vip.address);
    if (probe === undefined) return;
    const link = linkOf(vip);
    if (probe.ask(turn.now, ASK_EVERY_MS)) {
      turn.emit({ kind: "ask", link, probe: "arp", address: vip.address, mac: undefined });
    }
    if (!holderGone) return;
    const disbelieved = probe.judgeEchoes();
    if (disbelieved !== undefined) {
      const { node, mac } = disbelieved;
      const facts = { mac, address: vip.address };
      turn.event("FABRIC_ANSWERS", { severity: "alert", group: this.group, node, facts });
    }
    const mac = probe.askEcho(turn.now);
    if (mac !== undefined) turn.emit({ kind: "ask", link, probe: "echo", address: vip.address, mac });
    const holder = probe.believed(turn.now);
    if (holder === undefined || this.reported || turn.now - this.since < s.timing.waitMs) return;
    this.reported = true;
    const facts = { address: vip.address, mac: holder.mac };
    turn.event("ADDRESS_ANSWERED", { severity: "warning", group: this.group, node: holder.node, facts });
  }

  /** What is still missing before the group may be taken, as a clause; undefined when nothing is. */
  missing(s: Surroundings, state: ClaimState): string | undefined {
    const { now } = state;
    for (const peer of s.roster.peers.values()) {
      const missing = this.missingFrom(s, peer, state);
      if (missing !== undefined) return missing;
    }
    if (this.vips.length === 0) return missingAnywhere(s, state);
    for (const vip of this.vips) {
      if (!state.probing && (s.segments[linkOf(vip)]?.deadline ?? LONG_AGO) <= now) {
        return `no sign of life on the network of ${vip.address}`;
      }
    }
    if (!state.probing) return undefined;
    const unheard = this.servedUnheard(s, now);
    if (unheard !== undefined) {
      this.rivalSince = undefined;
      return `${unheard} served it a moment ago and is not heard: its lease may still run`;
    }
    for (const vip of this.vips) {
      const missing = this.missingOnWire(s, vip, now);
      if (missing === undefined) continue;
      this.rivalSince = undefined;
      return missing;
    }
    const rival = this.rival(s, now);
    if (rival === undefined) return undefined;
    this.rivalSince ??= now;
    return now - this.rivalSince < RIVAL_LIMIT_MS ? `${rival} asks the wire for it too` : undefined;
  }

  /**
   * A node that is not heard, and answered for an address when its lease should have been over, renews it by other
   * signs than ours. Silence on the wire alone does not end that lease: it may be cut off, or stand still.
   */
  private servedUnheard(s: Surroundings, now: Instant): string | undefined {
    for (const peer of s.roster.peers.values()) {
      const served = peer.servesUnheard.get(this.group);
      if (served === undefined || peer.alive || now - served.at >= s.timing.waitMs) continue;
      const isBelieved = [...this.probes.values()].every((probe) => !probe.disbelieves(served.mac));
      if (isBelieved) return peer.name;
    }
    return undefined;
  }

  /**
   * A rival that has not granted this claim may not hear it. Of two that cannot agree by frames the earlier in the
   * file proceeds; that rule depends on nothing that the two may see differently.
   */
  private rival(s: Surroundings, now: Instant): string | undefined {
    const index = (name: string): number => s.config.nodes.findIndex((node) => node.name === name);
    for (const [name, at] of this.rivals) {
      const peer = s.roster.peers.get(name);
      if (peer === undefined || now - at > s.timing.askMs * RIVAL_ASKS || index(name) > index(s.me)) continue;
      if (!peer.alive || this.answerOf(peer)?.granted !== true) return name;
    }
    return undefined;
  }

  /** The segment must be known to carry our questions just now, and nobody may answer them. */
  private missingOnWire(s: Surroundings, vip: VipConfig, now: Instant): string | undefined {
    const carried = carriedOn(s, linkOf(vip), now);
    if (typeof carried === "string") return carried;
    const probe = this.probes.get(vip.address);
    if (probe === undefined || carried.some((row) => probe.quiet(now, row))) return undefined;
    const holder = probe.believed(now);
    return holder === undefined ? `${vip.address} is being probed` : `${holder.node} answers for ${vip.address}`;
  }

  private missingFrom(s: Surroundings, peer: Peer, { now, knownEpoch, isLast }: ClaimState): string | undefined {
    // What a life says that is not confirmed may be true: perhaps it never hears this node.
    if (!peer.alive && now - peer.newcomer.servesAt(this.group) < s.timing.waitMs) {
      return `${peer.name} says that it has it, and hears nothing of this node`;
    }
    if (!peer.alive) return undefined;
    if (releasedTo(peer, { config: { name: this.group }, epoch: knownEpoch }, undefined)) return undefined;
    // A restarting daemon cannot answer. It takes nothing before it has observed, so the last holder need not wait.
    if (isLast && now < peer.restartUntil && !isServing(peer.reports.get(this.group)?.role)) return undefined;
    const answer = this.answerOf(peer);
    // A node that serves nothing and hears nobody would never answer.
    const isAnswerNeeded = isServing(peer.reports.get(this.group)?.role) || !isDeaf(s, peer, { vips: this.vips, now });
    if (answer === undefined) return isAnswerNeeded ? `${peer.name} has not answered` : undefined;
    return answer.granted ? undefined : `${peer.name} refused: ${answer.reason}`;
  }

  private answerOf(peer: Peer): ClaimAnswer | undefined {
    return peer.claimAnswers.find((answer) => answer.group === this.group && answer.epoch === this.epoch);
  }

  wakeAt(now: Instant, probing: boolean): Instant {
    let wake: Instant = this.nextClaimAt;
    if (probing) for (const probe of this.probes.values()) wake = earlier(wake, probe.wakeAt(now));
    return wake;
  }
}

/**
 * Unbroken rows of proofs that a link carries what this node sends just now, or why that is not known. In a segment
 * that may have fallen apart it is the part with the gateway that counts: what peers in another part prove says nothing
 * about it.
 */
function carriedOn(s: Surroundings, link: number, now: Instant): string | readonly Row[] {
  const segment = s.segments[link];
  if (segment === undefined) return `no link ${link} leads anywhere`;
  const needsGateway = !mayTake(s, link, now);
  const rows = needsGateway ? [segment.gatewayRow] : segment.rows;
  const carried = rows.filter((row) => now - row.until <= s.timing.askMs * PROVEN_ASKS);
  const { hearingSince, gatewayHearingSince } = segment;
  // Who is heard by its kernel alone may have come back just now, from a part that nothing reached before.
  const hearing = later(hearingSince, needsGateway ? gatewayHearingSince : backSince(s, link, now));
  // Whoever is silent now may have spoken, and been renewed, while we could not hear.
  const silent = [...s.roster.peers.values()].some((peer) => !peer.alive && !peer.hasLeft);
  if (silent && now - hearing < s.timing.waitMs) return `the network of link ${link} is heard again only now`;
  if (carried.length > 0) return carried;
  if (now - segment.provenAt > s.timing.askMs * PROVEN_ASKS) return `no sign of life on link ${link}`;
  const missing = uncovered(s, link, now).join(" and ");
  const why = segment.gateways.length > 0 ? "and no gateway answers" : "and they are half of the nodes or more";
  return `${missing} may serve where link ${link} does not lead, ${why}`;
}

/** A group without addresses is taken by a node that any one network reaches. */
function missingAnywhere(s: Surroundings, { now, probing }: ClaimState): string | undefined {
  const isCarried = s.segments.some(
    (segment, link) => segment.deadline > now && (!probing || typeof carriedOn(s, link, now) !== "string"),
  );
  return isCarried ? undefined : "no sign of life on any network";
}
