/**
 * The heart's end of the record of inputs: writes every step on a tape and hands the tape over every two seconds.
 * It waits for nobody: when the main thread does not take what it hands over, the recording has a gap and begins
 * anew later. A checkpoint is taken only when nothing is going on, so never on the way of a takeover.
 */

import type { Instant } from "../core/base/time.ts";
import { LONG_AGO } from "../core/base/time.ts";
import type { Checkpoint } from "../core/node/checkpoint.ts";
import type { Effect } from "../core/node/effects.ts";
import type { Input } from "../core/node/inputs.ts";
import { Tape } from "../core/recording/tape.ts";

/** What the main thread is told, in order. */
export type TapePart =
  /** A segment begins: with the core's start, or with its state. */
  | {
      readonly kind: "begin";
      readonly incarnation: string;
      readonly shape: string;
      readonly checkpoint: Checkpoint | undefined;
      readonly wall: number;
    }
  | { readonly kind: "batch"; readonly text: string }
  /** Something was not recorded: the segment is over. */
  | { readonly kind: "gap" }
  /** Recording itself failed, which is a defect: there is no more of it in this life. */
  | { readonly kind: "failed"; readonly detail: string };

const CUT_EVERY_MS = 2_000;
/** A busy time is handed over in pieces. */
const CUT_LENGTH = 262_144;
/** Batches that are handed over without a sign of life of the main thread. */
const MAX_UNREAD = 30;
/** A checkpoint waits until nothing was decided for so long, but not for ever. */
const CALM_MS = 500;
const CALM_LIMIT_MS = 10_000;

/** The core's whole state, and the shape of it. */
export interface Checkpoints {
  readonly shape: string;
  take(): Checkpoint;
}

export interface HeartRecordingOptions {
  readonly incarnation: string;
  readonly checkpoints: Checkpoints;
  post(part: TapePart): void;
  /** The wall clock; for people who read the recording. */
  wall(): number;
}

export class HeartRecording {
  readonly #options: HeartRecordingOptions;
  readonly #tape = new Tape();
  #isOn = true;
  #hasFailed = false;
  #cutAt: Instant = LONG_AGO;
  #decidedAt: Instant = LONG_AGO;
  #askedAt: Instant | undefined;
  #isAsked = false;
  #unread = 0;

  constructor(options: HeartRecordingOptions) {
    this.#options = options;
    this.#post(undefined);
  }

  /** The core took an input; called after the effects were performed, or when it threw. */
  stepped(input: Input, effects: readonly Effect[], thrown?: string): void {
    this.#orGiveUp(() => {
      if (effects.some(({ kind }) => kind === "event")) this.#decidedAt = input.now;
      if (this.#isOn) this.#write(input, effects, thrown);
      if (this.#isAsked) this.#beginWhenCalm(input.now);
    });
  }

  /** Hands over what is on the tape. */
  cut(now: Instant): void {
    this.#orGiveUp(() => this.#cut(now));
  }

  /** The main thread lives, so it takes what it is handed. */
  fed(): void {
    this.#unread = 0;
  }

  /** The main thread asks for a new segment. */
  askedToBegin(): void {
    this.#isAsked = true;
    this.#askedAt = undefined;
  }

  /** A record of the service must never end the service. */
  #orGiveUp(act: () => void): void {
    if (this.#hasFailed) return;
    try {
      act();
    } catch (error) {
      this.#hasFailed = true;
      this.#tape.begin();
      this.#options.post({ kind: "failed", detail: error instanceof Error ? error.message : String(error) });
    }
  }

  #write(input: Input, effects: readonly Effect[], thrown: string | undefined): void {
    this.#tape.step(input, effects, thrown);
    const isDue = input.now - this.#cutAt >= CUT_EVERY_MS || this.#tape.length >= CUT_LENGTH;
    if (this.#tape.isFull) this.#breakOff();
    else if (isDue || thrown !== undefined || isLastWord(effects)) this.#cut(input.now);
  }

  #cut(now: Instant): void {
    this.#cutAt = now;
    const text = this.#tape.cut(now, this.#options.wall());
    if (text === undefined) return;
    if (this.#unread >= MAX_UNREAD) return this.#breakOff();
    this.#unread++;
    this.#options.post({ kind: "batch", text });
  }

  #beginWhenCalm(now: Instant): void {
    this.#askedAt ??= now;
    if (now - this.#decidedAt < CALM_MS && now - this.#askedAt < CALM_LIMIT_MS) return;
    this.#isAsked = false;
    if (this.#isOn) this.#cut(now);
    this.#tape.begin();
    this.#isOn = true;
    this.#post(this.#options.checkpoints.take());
  }

  #breakOff(): void {
    this.#isOn = false;
    this.#tape.begin();
    this.#options.post({ kind: "gap" });
  }

  /** Begins a segment. */
  #post(checkpoint: Checkpoint | undefined): void {
    const { incarnation, checkpoints, post, wall } = this.#options;
    post({ kind: "begin", incarnation, shape: checkpoints.shape, checkpoint, wall: wall() });
  }
}

/** The leases go to the daemon's next self: this one takes nothing more. */
function isLastWord(effects: readonly Effect[]): boolean {
  return effects.some((effect) => effect.kind === "reply" && effect.outcome.kind === "handover");
}
