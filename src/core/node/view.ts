/**
 * A node's state as others may see it: the API, `status`, `why`, the simulator's traces. A plain value, made
 * on request; changing it changes nothing.
 */

import type { GroupRole, NodeMode, PeerState, Verdict } from "../base/words.ts";
import type { Wish } from "../membership/frame.ts";
import type { Rejection } from "./inputs.ts";
import type { DecisionEvent } from "./effects.ts";

export interface LinkView {
  readonly link: number;
  readonly up: boolean;
  /** Since the last frame heard on it; undefined when none was. */
  readonly silentMs: number | undefined;
  readonly address: string;
}

export interface PeerView {
  readonly node: string;
  readonly state: PeerState;
  readonly mode: NodeMode | undefined;
  readonly incarnation: string | undefined;
  readonly silentMs: number | undefined;
  readonly links: readonly LinkView[];
  readonly configDiffers: boolean;
  readonly macs: readonly string[];
}

export interface CandidateView {
  readonly node: string;
  readonly eligible: boolean;
  /** Why not, or why yes, in one sentence. */
  readonly because: string;
}

export interface GroupView {
  readonly name: string;
  readonly epoch: number;
  readonly holder: string | undefined;
  /** This node's role. */
  readonly role: GroupRole;
  /** This node's lease while it holds. */
  readonly leaseMs: number | undefined;
  readonly candidates: readonly CandidateView[];
  /** The latest decision about the group. */
  readonly decision: DecisionEvent | undefined;
  /** Timers that run: name and milliseconds left. */
  readonly timers: Readonly<Record<string, number>>;
  /** What would change the decision, one sentence each. */
  readonly wouldChange: readonly string[];
}

export interface NodeView {
  readonly node: string;
  readonly cluster: string;
  readonly incarnation: string;
  readonly mode: NodeMode;
  readonly config: string;
  readonly maintenance: boolean;
  readonly stalled: boolean;
  /** Per own link: device state and how well it is connected (0 nobody, 1 peers, 2 gateway). */
  readonly links: readonly {
    readonly link: number;
    readonly address: string;
    readonly device: string | undefined;
    readonly up: boolean;
    readonly reach: number;
    readonly gateways: readonly string[];
  }[];
  readonly peers: readonly PeerView[];
  readonly groups: readonly GroupView[];
  readonly monitors: readonly { readonly name: string; readonly verdict: Verdict; readonly detail: string }[];
  readonly wishes: readonly Wish[];
  readonly counters: {
    readonly framesSent: number;
    readonly framesHeard: number;
    readonly rejected: Readonly<Record<Rejection, number>>;
    readonly stale: number;
    readonly unconfirmed: number;
    /** Times that an open gate was closed because evidence was missing. */
    readonly lapses: number;
    readonly pauses: number;
  };
}
