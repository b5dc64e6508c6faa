/** Everything that a chaos run collected, for the judgement afterwards: plain values, times on the observers' clock. */

import type { Overlap } from "../../promises/one-holder.ts";
import type { Span } from "../../promises/explained-failures.ts";
import type { Meeting } from "../checks/holders.ts";
import type { Try } from "../checks/tries.ts";
import type { CaptureEntry } from "./capture-log.ts";
import type { Decision, EpochSeen } from "./decisions.ts";
import type { PlannedFault, Schedule } from "./schedule.ts";
import type { Spell } from "./spells.ts";

/** How one phase went. */
export interface PhaseSeen {
  readonly number: number;
  readonly fromMs: number;
  /** When everything was put right. */
  readonly healedMs: number;
  /** When the cluster was at rest again; undefined when it was not within its bound. */
  readonly restMs: number | undefined;
  /** What spoke against rest. */
  readonly trouble: string | undefined;
}

/** A planned fault that was not possible, or was refused, when its time came. */
export interface Skipped {
  readonly fault: PlannedFault;
  readonly node: string | undefined;
  readonly why: string;
}

/** What the observer at the nodes' ports saw in all. */
export interface SegmentSeen {
  readonly questions: number;
  readonly evidence: number;
  readonly compared: number;
  readonly meetings: readonly Meeting[];
  readonly overlaps: readonly Overlap[];
  readonly capture: readonly CaptureEntry[];
  readonly frames: number;
  readonly dropped: number;
  readonly longestBlindMs: number;
}

export interface Evidence {
  readonly schedule: Schedule;
  readonly nodes: readonly string[];
  readonly startedMs: number;
  readonly endedMs: number;
  /** Ended by the person who started it, before its time. */
  readonly isInterrupted: boolean;
  readonly phases: readonly PhaseSeen[];
  readonly spells: readonly Spell[];
  readonly skipped: readonly Skipped[];
  /** Requests on connections of their own. */
  readonly tries: readonly Try[];
  /** Requests on connections that stand. */
  readonly standing: readonly Try[];
  readonly segment: SegmentSeen;
  readonly stalls: readonly Span[];
  readonly decisions: readonly Decision[];
  readonly epochs: readonly EpochSeen[];
}
