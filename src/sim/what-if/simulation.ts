/** What a played script answers, as data: the shape of `understudy simulate --json`. Times are milliseconds. */

import type { TextPosition } from "../../core/base/report.ts";

/** Where a group is. */
export interface GroupState {
  readonly group: string;
  /** Nodes that serve it; one, unless it is nowhere or a promise could not be kept. */
  readonly on: readonly string[];
  /** Undefined when no daemon runs that knows it. */
  readonly epoch: number | undefined;
  /** Why nobody serves it, or what its holder is doing. */
  readonly because: string | undefined;
  /** Times until the cluster will act by itself, by name: `failback`. */
  readonly pending: Readonly<Record<string, number>>;
}

/** One thing that happened. */
export interface Entry {
  /** Since the script began. */
  readonly at: number;
  readonly kind: /** A statement of the script. */
    | "script"
    /** What a `for` ended. */
    | "over"
    /** A node's decision; `by` lists all nodes that recorded it. */
    | "decision"
    /** A kernel did what no daemon could. */
    | "kernel"
    /** What clients of a VIP see. */
    | "clients"
    /** A daemon's answer to an operator. */
    | "reply"
    /** An expectation that was or was not met. */
    | "expect"
    /** A promise was broken. */
    | "broken";
  readonly by: readonly string[];
  readonly severity: "info" | "warning" | "alert";
  readonly reason?: string;
  readonly group?: string;
  /** Nodes and links that it is about. */
  readonly nodes?: readonly string[];
  readonly links?: readonly number[];
  readonly vip?: string;
  readonly text: string;
  readonly facts?: Readonly<Record<string, string | number | boolean>>;
}

/** Where the users of a VIP sit: on its segment, or behind the segment's gateway. */
export type Side = "segment" | "gateway";

/** A time in which clients got no answer from a VIP. */
export interface Gap {
  readonly vip: string;
  readonly group: string;
  readonly side: Side;
  readonly from: number;
  /** Undefined: it had not ended. */
  readonly to: number | undefined;
  readonly ms: number;
}

/** A group changed its place, or came back where it was. */
export interface Move {
  readonly group: string;
  readonly from: string | undefined;
  readonly to: string;
  readonly at: number;
  /** Since the statement, or its end, that came before. */
  readonly afterMs: number;
  readonly epoch: number;
}

export interface Expectation {
  readonly text: string;
  /** Where it stands in the script. */
  readonly at: TextPosition;
  /** When it was looked at, since the script began. */
  readonly atMs: number;
  readonly isMet: boolean;
  /** What was seen, in one sentence. */
  readonly seen: string;
}

/** One play of a script. */
export interface Simulation {
  readonly seed: number;
  readonly start: readonly GroupState[];
  readonly entries: readonly Entry[];
  readonly moves: readonly Move[];
  readonly gaps: readonly Gap[];
  readonly expectations: readonly Expectation[];
  readonly end: readonly GroupState[];
  /** How long it was watched, counted from the script's begin. */
  readonly untilMs: number;
  /** False when something still changed in the last seconds. */
  readonly isSettled: boolean;
}

/**
 * A broken promise that nothing excuses: clients reached two holders at once. Of a machine whose clock stood still that
 * is known, and told as such.
 */
export function isFailure({ kind, severity, facts }: Entry): boolean {
  return kind === "broken" && severity === "alert" && facts?.["clockStoodStill"] !== true;
}

/** How a run judges the clients' gaps of one VIP: the longest of the run. */
export function longestGapMs(simulation: Simulation, vip: string): number {
  return Math.max(0, ...simulation.gaps.filter((gap) => gap.vip === vip).map(({ ms }) => ms));
}
