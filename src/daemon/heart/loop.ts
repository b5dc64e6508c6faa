/**
 * The heart's loop: an input goes in, the core decides, its effects are performed, the timer is set for the
 * next wake-up. Everything that happens to the core passes `feed`, and before anything else `feed` asks how
 * long this process did not run: a node that was frozen closes its gates first, then looks at what arrived.
 *
 * It is told everything it touches (clock, timers, core), so that tests run it without a real second passing.
 */

import { after, earlier, type Instant, LONG_AGO, NEVER } from "../../core/base/time.ts";
import type { Input } from "../../core/node/inputs.ts";
import type { StepResult } from "../../core/node/node.ts";
import type { Effect } from "../../core/node/effects.ts";

/** An input whose time the loop fills in. */
export type Happening = Input extends infer I ? (I extends Input ? Omit<I, "now"> : never) : never;

/** Timers of the thread; `cancel` of one that ran is harmless. */
export interface Timers {
  after(delayMs: number, run: () => void): unknown;
  cancel(timer: unknown): void;
  /** As soon as waiting sockets were read. */
  soon(run: () => void): void;
}

export interface LoopOptions {
  readonly node: { step(input: Input): StepResult };
  readonly clock: { now(): Instant };
  readonly timers: Timers;
  /** Performs the effects of one step; throws only when going on would be wrong. */
  perform(effects: readonly Effect[], now: Instant): void;
  /** Called in every turn, after the effects: renewals that the core need not know about. */
  turned(now: Instant): void;
  /** Called after the effects were performed, or when something threw: what the core took and answered. */
  recorded?(input: Input, effects: readonly Effect[], thrown?: string): void;
  /** Something that should never happen did: close everything and end the process. */
  broken(error: unknown): void;
  /** A turn happens at least so often. */
  intervalMs: number;
  /**
   * A gap between two turns of at least this is a pause. It is the longest time that a gate may stay open past
   * the turn that renewed it (interval + E): after such a gap the kernel has closed every gate on its own, so
   * closing them costs nothing, while after a shorter one the kernel's deadlines are still right.
   */
  readonly pauseMs: number;
  /** The main thread is stalled when it did not feed for so long. */
  readonly feedLimitMs: number;
}

/** Inputs that wait while a turn runs; far more than one turn can cause. */
const MAX_WAITING = 1_000;
/** Inputs handled in a row before sockets and timers have their turn. */
const MAX_IN_A_ROW = 64;
/** Wake-ups "now" in a row before the loop insists on a millisecond between them. */
const MAX_IMMEDIATE = 20;

/** The loop of one heart. Nothing happens before `start`. */
export class Loop {
  readonly #options: LoopOptions;
  #waiting: Happening[] = [];
  #isTurning = false;
  #isStarted = false;
  #isEnded = false;
  #lastTurnAt: Instant = LONG_AGO;
  #lastFedAt: Instant = LONG_AGO;
  #isStalled = false;
  #doubt: "none" | "reading" | "confirmed" = "none";
  #wakeAt: Instant = NEVER;
  #timer: unknown = undefined;
  #timerAt: Instant = NEVER;
  #immediates = 0;

  constructor(options: LoopOptions) {
    this.#options = options;
  }

  /** Begins with the core's first input. */
  start(first: Happening): void {
    this.#isStarted = true;
    const now = this.#options.clock.now();
    this.#lastTurnAt = now;
    this.#lastFedAt = now;
    this.feed(first);
  }

  /** Gives one input to the core, now or (inside a turn) right after it. Ignored before the start and after the end. */
  feed(happening: Happening): void {
    if (!this.#isStarted || this.#isEnded) return;
    if (this.#waiting.length >= MAX_WAITING) {
      this.#break(new Error(`more than ${MAX_WAITING} inputs wait for one turn`));
      return;
    }
    this.#waiting.push(happening);
    if (!this.#isTurning) this.#run();
  }

  /** The main thread gave a sign of life. */
  fed(): void {
    if (!this.#isStarted || this.#isEnded) return;
    this.#notePause();
    this.#lastFedAt = this.#options.clock.now();
    this.#doubt = "none";
    if (this.#isStalled) {
      this.#isStalled = false;
      this.#waiting.push({ kind: "stalled", stalled: false });
    }
    if (this.#waiting.length > 0 && !this.#isTurning) this.#run();
  }

  /** No turn happens any more. */
  end(): void {
    this.#isEnded = true;
    this.#options.timers.cancel(this.#timer);
  }

  /** Handles what waits; a throw anywhere inside closes everything. */
  #run(): void {
    this.#isTurning = true;
    try {
      for (let i = 0; i < MAX_IN_A_ROW && this.#waiting.length > 0 && !this.#isEnded; i += 1) {
        this.#notePause();
        this.#turn(this.#waiting.shift() as Happening);
      }
    } catch (error) {
      this.#break(error);
      return;
    } finally {
      this.#isTurning = false;
    }
    if (this.#isEnded) return;
    if (this.#waiting.length > 0) {
      this.#options.timers.soon(() => {
        if (!this.#isTurning && !this.#isEnded) this.#run();
      });
    }
    this.#arm();
  }

  /** Puts `paused` before everything that waits when this process did not run. */
  #notePause(): void {
    const now = this.#options.clock.now();
    const gapMs = now - this.#lastTurnAt;
    const isPause = gapMs >= this.#options.pauseMs;
    this.#lastTurnAt = now;
    // A turn is due every interval. What is beyond, the machine gave to nobody here: it does not count against the
    // main thread, which did not run either.
    this.#lastFedAt = after(this.#lastFedAt, Math.max(0, gapMs - this.#options.intervalMs));
    if (!this.#isStalled && now - this.#lastFedAt > this.#options.feedLimitMs) this.#doubtMainThread();
    if (isPause) this.#waiting.unshift({ kind: "paused", gapMs });
  }

  /** Its sign of life may wait unread: it hangs only if it is still missing after everything that waits was read. */
  #doubtMainThread(): void {
    if (this.#doubt === "confirmed") {
      this.#doubt = "none";
      this.#isStalled = true;
      this.#waiting.unshift({ kind: "stalled", stalled: true });
    } else if (this.#doubt === "none") {
      this.#doubt = "reading";
      this.#options.timers.soon(() => {
        if (this.#doubt !== "reading" || this.#isEnded) return;
        this.#doubt = "confirmed";
        this.feed({ kind: "tick" });
      });
    }
  }

  #turn(happening: Happening): void {
    const now = this.#options.clock.now();
    const input: Input = { ...happening, now };
    const { effects, wakeAt } = this.#step(input);
    this.#wakeAt = wakeAt;
    try {
      if (effects.length > 0) this.#options.perform(effects, now);
      this.#options.turned(now);
    } finally {
      this.#options.recorded?.(input, effects);
    }
  }

  #step(input: Input): StepResult {
    try {
      return this.#options.node.step(input);
    } catch (error) {
      this.#options.recorded?.(input, [], error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  #break(error: unknown): void {
    this.end();
    this.#options.broken(error);
  }

  /** Sets the timer for the core's wake-up or the next obligatory turn, unless it is set for that time. */
  #arm(): void {
    const { clock, timers, intervalMs } = this.#options;
    const now = clock.now();
    const target = earlier(this.#wakeAt, after(this.#lastTurnAt, intervalMs));
    if (this.#timer !== undefined && this.#timerAt === target) return;
    timers.cancel(this.#timer);
    this.#timerAt = target;
    const delayMs = target - now;
    if (delayMs <= 0 && this.#immediates < MAX_IMMEDIATE) {
      this.#immediates += 1;
      const marker = {};
      this.#timer = marker;
      timers.soon(() => {
        if (this.#timer === marker) this.#woken();
      });
      return;
    }
    this.#immediates = 0;
    this.#timer = timers.after(Math.max(1, delayMs), () => this.#woken());
  }

  /** Timers of Node may run up to a millisecond early, and the wake-up may have moved: then it only sets the next. */
  #woken(): void {
    this.#timer = undefined;
    this.#timerAt = NEVER;
    if (this.#isEnded || this.#isTurning) return;
    const now = this.#options.clock.now();
    if (now >= this.#wakeAt || now - this.#lastTurnAt >= this.#options.intervalMs - 1) this.feed({ kind: "tick" });
    else this.#arm();
  }
}
