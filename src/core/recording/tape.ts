/**
 * The recording of a core while it lives: every input, every decision, and for what is too much to keep (frames,
 * questions, renewals of gates) a digest. Inputs are written as what differs from the last one of their like, since
 * a quiet cluster says the same ten times a second. The tape is cut into batches of text; what a batch means depends
 * on those before it, back to the beginning of its segment.
 *
 * Secrets: commands are no part of it, and sentences that programs said lose what looks like one.
 */

import { MAX_BATCH_LENGTH } from "../base/limits.ts";
import type { Instant } from "../base/time.ts";
import type { Effect } from "../node/effects.ts";
import type { Input } from "../node/inputs.ts";
import { decisionsAmong, type Decision } from "./decisions.ts";
import { differenceOf, isWholeThousandths, type Difference } from "./difference.ts";
import { digestEffects, NO_DIGEST } from "./digest.ts";
import { leaveSecretsOut } from "./redact.ts";

/**
 * One step. First the time: thousandths of a millisecond since the row before, or in a list the time itself. Then
 * the input: the first of its like whole, later ones as its number and what differs, 0 for nothing. Then the decisions, if any.
 */
export type Row =
  | readonly [time: number | readonly [number], input: object, decisions?: readonly Decision[]]
  | readonly [time: number | readonly [number], like: number, difference: Difference, decisions?: readonly Decision[]];

/** What a batch's text says. */
export interface Batch {
  /** When it was cut, by the machine's boot-time clock and by the wall clock; the latter for people only. */
  readonly at: Instant;
  readonly wall: number;
  /** Digests of all gates opened and of all that was sent or asked, since the segment's beginning. */
  readonly gates: number;
  readonly messages: number;
  readonly rows: readonly Row[];
}

/** Kinds of likes that are told apart; beyond, inputs of one kind are all alike. */
const MAX_LIKES = 1_000;

export class Tape {
  /** Last input of each like, and its number. */
  readonly #likes = new Map<string, { readonly number: number; input: object }>();
  #rows: string[] = [];
  #length = 0;
  #lastNow: number | undefined;
  #gates = NO_DIGEST;
  #messages = NO_DIGEST;
  #isFull = false;

  /** Characters that wait for the next cut. */
  get length(): number {
    return this.#length;
  }

  /** So much happened since the last cut that the tape has a gap: only a new beginning helps. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** A new segment begins here: nothing before it counts. */
  begin(): void {
    this.#likes.clear();
    this.#rows = [];
    this.#length = 0;
    this.#lastNow = undefined;
    this.#gates = NO_DIGEST;
    this.#messages = NO_DIGEST;
    this.#isFull = false;
  }

  /** The core took an input and answered with effects, or threw. Answers the decisions. */
  step(input: Input, effects: readonly Effect[], thrown?: string): readonly Decision[] {
    const decisions = decisionsAmong(effects, thrown);
    if (this.#isFull) return decisions;
    this.#gates = digestEffects(this.#gates, effects, isGate);
    this.#messages = digestEffects(this.#messages, effects, isMessage);
    const text = JSON.stringify(this.#row(input, decisions));
    this.#rows.push(text);
    this.#length += text.length;
    if (this.#length > MAX_BATCH_LENGTH) this.#isFull = true;
    return decisions;
  }

  /** Takes everything since the last cut off the tape, as the text of a batch; undefined when nothing happened. */
  cut(at: Instant, wall: number): string | undefined {
    if (this.#rows.length === 0 || this.#isFull) return undefined;
    const rows = this.#rows.join(",");
    this.#rows = [];
    this.#length = 0;
    return `{"at":${at},"wall":${wall},"gates":${this.#gates},"messages":${this.#messages},"rows":[${rows}]}`;
  }

  #row(input: Input, decisions: readonly Decision[]): Row {
    const time = this.#time(input.now);
    const { now: _, ...rest } = withoutSecrets(input);
    const key = this.#likes.size < MAX_LIKES ? likeOf(input) : input.kind;
    const like = this.#likes.get(key);
    if (like === undefined) {
      this.#likes.set(key, { number: this.#likes.size, input: rest });
      return decisions.length === 0 ? [time, rest] : [time, rest, decisions];
    }
    const difference = differenceOf(like.input, rest) ?? 0;
    like.input = rest;
    return decisions.length === 0 ? [time, like.number, difference] : [time, like.number, difference, decisions];
  }

  #time(now: number): number | readonly [number] {
    const last = this.#lastNow;
    this.#lastNow = now;
    if (last === undefined || !isWholeThousandths(now) || !isWholeThousandths(last)) return [now];
    return Math.round(now * 1_000) - Math.round(last * 1_000);
  }
}

/** What is opened is derived from the inputs and renewed ten times a second: a digest is enough. */
export function isGate(effect: Effect): boolean {
  return effect.kind === "open";
}

/** What is said to others and asked on the wire. */
export function isMessage(effect: Effect): boolean {
  return effect.kind === "send" || effect.kind === "ask";
}

function likeOf(input: Input): string {
  if (input.kind === "frame") return `frame ${input.frame.node} ${input.frame.link}`;
  if (input.kind === "answer") return `answer ${input.link} ${input.address}`;
  return input.kind;
}

function withoutSecrets(input: Input): Input {
  if (!("detail" in input) || input.detail === "") return input;
  return { ...input, detail: leaveSecretsOut(input.detail) };
}
