/**
 * What a group sees of its node: the state that all groups of a node share. `Node` owns and changes it;
 * groups read it.
 */

import type { Instant } from "../base/time.ts";
import type { Timing } from "../base/timing.ts";
import type { NodeMode, Verdict } from "../base/words.ts";
import type { ClusterConfig, VipConfig } from "../config/cluster.ts";
import type { Roster } from "../membership/roster.ts";
import type { SegmentEvidence } from "../ownership/evidence.ts";
import type { Wishes } from "./wishes.ts";

/** State of the device behind one of this node's links. */
export interface Interface {
  up: boolean;
  device: string | undefined;
  mac: string | undefined;
}

export interface Counters {
  framesSent: number;
  framesHeard: number;
  stale: number;
  unconfirmed: number;
  lapses: number;
  pauses: number;
}

export interface Surroundings {
  readonly config: ClusterConfig;
  readonly configHash: string;
  readonly me: string;
  readonly timing: Timing;
  readonly roster: Roster;
  /** By link number. */
  readonly segments: readonly SegmentEvidence[];
  /** By link number. */
  readonly interfaces: readonly Interface[];
  readonly wishes: Wishes;
  readonly monitors: ReadonlyMap<string, { verdict: Verdict; detail: string }>;
  readonly counters: Counters;
  readonly startedAt: Instant;
  mode: NodeMode;
  stalled: boolean;
  gateBroken: boolean;
  leaving: boolean;
  /** Leases were handed to the daemon's next self: nothing may be changed any more. */
  frozen: boolean;
  /** Unique numbers for `run` effects. */
  readonly tokens: { last: number };
}

/** The link whose evidence counts for a VIP. */
export function linkOf(vip: VipConfig): number {
  return vip.link ?? 0;
}

/** Does a group's lease rest on a link? One without addresses may rest on any that shows that this node is connected. */
export function restsOn(vips: readonly VipConfig[], link: number): boolean {
  return vips.length === 0 || vips.some((vip) => linkOf(vip) === link);
}

/** Is the whole cluster kept as it is by an operator? */
export function inMaintenance(s: Surroundings): boolean {
  return s.wishes.get("maintenance") === "on";
}

/** Node whose hardware address this is: another node, this one, or nobody of the cluster. */
export function nodeOfMac(s: Surroundings, mac: string): string | undefined {
  if (s.interfaces.some((own) => own.mac === mac)) return s.me;
  for (const peer of s.roster.peers.values()) if (peer.macs.has(mac)) return peer.name;
  return undefined;
}
