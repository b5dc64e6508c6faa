/**
 * What one node tells another, once every interval and in answer to probes. A frame is written for one
 * recipient on one link, so it stays small however large the cluster is.
 */

import type { GroupRole, NodeMode } from "../base/words.ts";

/** Highest frame version that this program writes and reads. */
export const FRAME_VERSION = 2;
/** Version from which on a frame can say that its sender's daemon restarts. */
export const RESTART_SINCE_VERSION = 2;

export type FrameKind =
  /** The regular heartbeat. */
  | "beat"
  /** "Answer at once": sent often while something is missing. */
  | "probe"
  /** The answer to a probe. */
  | "answer";

/** One group as the sender sees it. */
export interface GroupReport {
  readonly name: string;
  /** Highest epoch known to the sender. */
  readonly epoch: number;
  /** Node of that epoch; undefined when the group was never held. */
  readonly holder: string | undefined;
  /** Highest epoch that the sender ever granted to anybody; a new claim must be above it. */
  readonly granted: number;
  readonly role: GroupRole;
  /** While the sender holds: how long its gate may stay open with no further evidence. */
  readonly leaseMs: number;
  /** May the sender hold the group now? */
  readonly eligible: boolean;
  /** Reason word when it may not. */
  readonly reason: string;
  /** True when only health or connection speaks against the sender, so a group already there may stay. */
  readonly soft: boolean;
  /** The sender released the group so that this node takes it. */
  readonly to: string | undefined;
  /** While not holding: node whose MAC last answered the VIPs' ARP/NDP probe, with its age. */
  readonly seen: string | undefined;
}

/** What the sender last heard from the recipient on one link. */
export interface Heard {
  readonly link: number;
  readonly incarnation: string;
  readonly sequence: number;
  /** Milliseconds between hearing it and sending this frame. */
  readonly ageMs: number;
}

/** A request for the right to hold a group, repeated in every frame while it stands. */
export interface Claim {
  readonly group: string;
  readonly epoch: number;
}

/** The sender's answer to the recipient's claim, repeated while the claim stands. */
export interface ClaimAnswer {
  readonly group: string;
  readonly epoch: number;
  readonly granted: boolean;
  readonly reason: string;
}

/** One versioned operator's wish; the higher (version, node) wins everywhere. */
export interface Wish {
  /** `maintenance`, `standby/NODE`, `at/GROUP`, `cleared/GROUP`. */
  readonly key: string;
  readonly value: string;
  readonly version: number;
  readonly node: string;
}

/** A frame, authenticated and decoded. */
export interface Frame {
  readonly version: number;
  /** Highest version that the sender can read. */
  readonly speaks: number;
  readonly kind: FrameKind;
  readonly node: string;
  /** Random per start of the sender's daemon; 16 hexadecimal digits. */
  readonly incarnation: string;
  /** Grows with every frame of this incarnation to this recipient, over all links (in version 1 on each by itself). */
  readonly sequence: number;
  readonly link: number;
  /** Hash of the sender's cluster file. */
  readonly config: string;
  readonly mode: NodeMode;
  /** Set while the sender's daemon restarts: it will not be heard for so long, and holds what it holds. */
  readonly restartMs: number;
  readonly heard: readonly Heard[];
  readonly groups: readonly GroupReport[];
  /** Per link: how well the sender is connected there: 0 nobody answers, 1 peers answer, 2 a gateway answers. */
  readonly reach: readonly number[];
  readonly claims: readonly Claim[];
  readonly claimAnswers: readonly ClaimAnswer[];
  readonly wishes: readonly Wish[];
}
