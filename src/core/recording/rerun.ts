/**
 * Runs a recording again: the recorded inputs through this program's core, from the beginning of a segment, and
 * compares what is decided with what was decided then. The first difference ends it: all that follows would differ
 * for the same reason.
 */

import { assert } from "../base/assert.ts";
import { instant, type Instant } from "../base/time.ts";
import type { ClusterConfig } from "../config/cluster.ts";
import { restoreNode, stateShape, type Checkpoint } from "../node/checkpoint.ts";
import type { Effect } from "../node/effects.ts";
import type { Input } from "../node/inputs.ts";
import { Node } from "../node/node.ts";
import { decisionsAmong, type Decision } from "./decisions.ts";
import { applyDifference, type Difference } from "./difference.ts";
import { digestEffects, NO_DIGEST } from "./digest.ts";
import { isGate, isMessage, type Batch, type Row } from "./tape.ts";

/** How a segment begins. */
export interface SegmentStart {
  /** Version of the program that recorded it. */
  readonly software: string;
  /** Shape of its core's state; a checkpoint can only be restored by a program whose state has the same. */
  readonly shape: string;
  readonly node: string;
  readonly config: ClusterConfig;
  readonly configHash: string;
  /** Random per start of the daemon. */
  readonly incarnation: string;
}

/** One step, run again. */
export interface RerunStep {
  readonly input: Input;
  readonly effects: readonly Effect[];
  /** What is decided now, and what was then. */
  readonly decisions: readonly Decision[];
  readonly recorded: readonly Decision[];
}

/** Where this program does something else than the recorded one. */
export type Divergence =
  | { readonly kind: "decisions"; readonly step: RerunStep }
  /** Somewhere between two cuts of the tape other gates were opened, or other frames and questions sent. */
  | { readonly kind: "gates" | "messages"; readonly from: Instant; readonly to: Instant };

/** Can this program go on from a checkpoint of that one? */
export function canRestore(start: SegmentStart): boolean {
  return start.shape === stateShape();
}

export class Rerun {
  /** Decisions that were compared. */
  decisions = 0;
  steps = 0;
  /** The first difference; nothing is run after it. */
  divergence: Divergence | undefined;
  /** Frames or questions differ while the decisions agree; only looked at when the program may say other things. */
  hasOtherMessages = false;
  readonly #node: Node;
  readonly #likes: object[] = [];
  readonly #toleratesMessages: boolean;
  #now: number | undefined;
  #cutAt: Instant | undefined;
  #gates = NO_DIGEST;
  #messages = NO_DIGEST;
  #hasEnded = false;

  /** `toleratesMessages`: the recorded program is another version, whose frames may hold other words. */
  constructor(start: SegmentStart, checkpoint: Checkpoint | undefined, options: { toleratesMessages: boolean }) {
    const { config, configHash, node } = start;
    const own = { config, configHash, node };
    this.#node = checkpoint === undefined ? new Node(own) : restoreNode(own, checkpoint);
    this.#toleratesMessages = options.toleratesMessages;
  }

  /** Runs a batch; calls back for every step, also the one that differs. Throws when the batch is none. */
  run(batch: Batch, took: (step: RerunStep) => void = () => {}): void {
    for (const row of batch.rows) {
      if (this.divergence !== undefined || this.#hasEnded) return;
      const { input, recorded } = this.#read(row);
      const step = this.#step(input, recorded);
      took(step);
      if (!isSame(step)) this.divergence = { kind: "decisions", step };
    }
    if (this.divergence === undefined) this.#compareDigests(batch);
    this.#cutAt = batch.at;
  }

  #step(input: Input, recorded: readonly Decision[]): RerunStep {
    let effects: readonly Effect[] = [];
    let thrown: string | undefined;
    try {
      effects = this.#node.step(input).effects;
    } catch (error) {
      thrown = error instanceof Error ? error.message : String(error);
      this.#hasEnded = true;
    }
    this.steps++;
    this.#gates = digestEffects(this.#gates, effects, isGate);
    this.#messages = digestEffects(this.#messages, effects, isMessage);
    const decisions = decisionsAmong(effects, thrown);
    this.decisions += decisions.length;
    return { input, effects, decisions, recorded };
  }

  #compareDigests(batch: Batch): void {
    const about = { from: this.#cutAt ?? batch.at, to: batch.at };
    if (this.#gates !== batch.gates) this.divergence = { kind: "gates", ...about };
    else if (this.#messages === batch.messages) return;
    else if (this.#toleratesMessages) this.hasOtherMessages = true;
    else this.divergence = { kind: "messages", ...about };
  }

  #read(row: Row): { input: Input; recorded: readonly Decision[] } {
    const now = this.#timeOf(row[0]);
    this.#now = now;
    const what = row[1];
    if (typeof what !== "number") {
      this.#likes.push(what);
      return { input: { ...what, now } as Input, recorded: (row[2] as readonly Decision[] | undefined) ?? [] };
    }
    const like = this.#likes[what];
    assert(like !== undefined, "a row is like one before it");
    const difference = row[2] as Difference;
    const input = (difference === 0 ? like : applyDifference(like, difference)) as object;
    this.#likes[what] = input;
    return { input: { ...input, now } as Input, recorded: row[3] ?? [] };
  }

  #timeOf(time: number | readonly [number]): Instant {
    if (typeof time !== "number") return instant(time[0]);
    assert(this.#now !== undefined, "the first row tells its time");
    return instant((Math.round(this.#now * 1_000) + time) / 1_000);
  }
}

function isSame({ decisions, recorded }: RerunStep): boolean {
  if (decisions.length !== recorded.length) return false;
  return decisions.length === 0 || JSON.stringify(decisions) === JSON.stringify(recorded);
}
