/**
 * Virtual time: a heap of things that will happen. True time is in milliseconds since the run began; nobody
 * but the simulator can read it, every machine has a clock of its own.
 *
 * The heap's keys lie in typed arrays beside the things themselves: a run pushes and takes millions of packets, and so
 * each costs one small object and no key of its own. Hardly more than fifty things wait at a time, so the heap is flat.
 */

import { instant } from "../core/base/time.ts";
import type { Instant } from "../core/base/time.ts";

/** Something that will happen: a packet that arrives, a timer that runs. */
export interface Happening {
  happen(): void;
}

/** Calls a function: for whatever is not so frequent that it deserves a class. */
class Call implements Happening {
  readonly #run: () => void;

  constructor(run: () => void) {
    this.#run = run;
  }

  // A method and no field: what is called stays the same for the compiler.
  happen(): void {
    this.#run();
  }
}

/** Asked before everything that happens; an object, because a new function in every run would be compiled anew. */
export interface Guard {
  isBroken(): boolean;
}

const FIRST_CAPACITY = 256;

/** Lets things happen in order of time; equal times keep the order in which they were asked for. */
export class Timeline {
  /** True time in milliseconds. */
  now = 0;
  #asked = 0;
  #length = 0;
  #times = new Float64Array(FIRST_CAPACITY);
  #orders = new Float64Array(FIRST_CAPACITY);
  readonly #happenings: (Happening | undefined)[] = [];

  /** Calls back at a true time; a time in the past means "next". */
  at(time: number, run: () => void): void {
    this.add(time, new Call(run));
  }

  /** Calls back after so many milliseconds. */
  after(ms: number, run: () => void): void {
    this.add(this.now + ms, new Call(run));
  }

  /** Lets it happen at a true time; a time in the past means "next". */
  add(time: number, happening: Happening): void {
    if (this.#length === this.#times.length) this.#grow();
    const at = time > this.now ? time : this.now;
    const times = this.#times;
    const orders = this.#orders;
    const happenings = this.#happenings;
    let index = this.#length++;
    // The newest goes behind all others of its time, so the time alone decides how far it rises.
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = times[parent] as number;
      if (above <= at) break;
      times[index] = above;
      orders[index] = orders[parent] as number;
      happenings[index] = happenings[parent];
      index = parent;
    }
    times[index] = at;
    orders[index] = this.#asked++;
    happenings[index] = happening;
  }

  /** Runs everything up to a true time, or until the guard says that something is broken. */
  runUntil(end: number, guard: Guard): void {
    while (this.#length > 0 && (this.#times[0] as number) <= end && !guard.isBroken()) {
      this.now = this.#times[0] as number;
      this.#take().happen();
    }
    if (this.now < end && !guard.isBroken()) this.now = end;
  }

  #take(): Happening {
    const times = this.#times;
    const orders = this.#orders;
    const happenings = this.#happenings;
    const top = happenings[0] as Happening;
    const length = --this.#length;
    const time = times[length] as number;
    const order = orders[length] as number;
    let index = 0;
    for (let child = 1; child < length; child = 2 * index + 1) {
      if (child + 1 < length && this.#isBefore(child + 1, times[child] as number, orders[child] as number)) child++;
      if (!this.#isBefore(child, time, order)) break;
      times[index] = times[child] as number;
      orders[index] = orders[child] as number;
      happenings[index] = happenings[child];
      index = child;
    }
    times[index] = time;
    orders[index] = order;
    happenings[index] = happenings[length];
    happenings[length] = undefined;
    return top;
  }

  #isBefore(index: number, time: number, order: number): boolean {
    const own = this.#times[index] as number;
    return own < time || (own === time && (this.#orders[index] as number) < order);
  }

  #grow(): void {
    const [times, orders] = [this.#times, this.#orders];
    this.#times = new Float64Array(times.length * 2);
    this.#orders = new Float64Array(times.length * 2);
    this.#times.set(times);
    this.#orders.set(orders);
  }
}

/** Stops of a clock that are remembered: nobody asks what it showed longer ago. */
const MOST_STOPS = 16;

/**
 * A machine's boot-time clock: its own zero, and a quartz that may run fast or slow. It can stand still, as a
 * guest's does while its hypervisor moves it to another host.
 */
export class BootClock {
  readonly #zero: number;
  readonly #offset: number;
  readonly #rate: number;
  /** When it stood, oldest first. */
  readonly #stops: { readonly from: number; readonly until: number }[] = [];
  /** True milliseconds that all stops took, up to the end of the last. */
  #lost = 0;

  /** At true time `zero` it shows `offset`; `rate` is its milliseconds per true millisecond. */
  constructor(options: { zero: number; offset: number; rate: number }) {
    this.#zero = options.zero;
    this.#offset = options.offset;
    this.#rate = options.rate;
  }

  /** What it shows at a true time. */
  read(time: number): Instant {
    let ran = time - this.#zero - this.#lost;
    for (let index = this.#stops.length - 1; index >= 0; index--) {
      const { from, until } = this.#stops[index] as { from: number; until: number };
      if (time >= until) break;
      ran += until - Math.max(time, from);
    }
    return instant(this.#offset + ran * this.#rate);
  }

  /** The true time at which it shows this; of a time that it showed for long, the first moment. */
  trueTime(shown: Instant): number {
    let time = this.#zero + this.#lost + (shown - this.#offset) / this.#rate;
    for (let index = this.#stops.length - 1; index >= 0; index--) {
      const { from, until } = this.#stops[index] as { from: number; until: number };
      if (time > until) break;
      time -= until - from;
    }
    return time;
  }

  /** It stands from a true time on for so many true milliseconds; stops do not overlap. */
  stop(from: number, forMs: number): void {
    this.#stops.push({ from, until: from + forMs });
    this.#lost += forMs;
    if (this.#stops.length > MOST_STOPS) this.#stops.shift();
  }

  /** True milliseconds that pass while it counts `ms`, chance stops aside. */
  trueDuration(ms: number): number {
    return ms / this.#rate;
  }
}
