/**
 * Virtual time: a heap of things that will happen. True time is in milliseconds since the run began; nobody
 * but the simulator can read it, every machine has a clock of its own.
 */

import { instant } from "../core/base/time.ts";
import type { Instant } from "../core/base/time.ts";

interface Entry {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** Runs callbacks in order of time; equal times keep the order in which they were asked for. */
export class Timeline {
  /** True time in milliseconds. */
  now = 0;
  #order = 0;
  readonly #heap: Entry[] = [];

  /** Calls back at a true time; a time in the past means "next". */
  at(time: number, run: () => void): void {
    const heap = this.#heap;
    const entry: Entry = { at: time > this.now ? time : this.now, order: this.#order++, run };
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent] as Entry;
      if (isBefore(above, entry)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = entry;
  }

  /** Calls back after so many milliseconds. */
  after(ms: number, run: () => void): void {
    this.at(this.now + ms, run);
  }

  /** Runs everything up to a true time, or until `stop` answers true. */
  runUntil(end: number, stop: () => boolean): void {
    const heap = this.#heap;
    while (heap.length > 0 && (heap[0] as Entry).at <= end && !stop()) {
      const entry = this.#take();
      this.now = entry.at;
      entry.run();
    }
    if (this.now < end && !stop()) this.now = end;
  }

  #take(): Entry {
    const heap = this.#heap;
    const top = heap[0] as Entry;
    const last = heap.pop() as Entry;
    const length = heap.length;
    if (length === 0) return top;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= length) break;
      if (child + 1 < length && isBefore(heap[child + 1] as Entry, heap[child] as Entry)) child++;
      const below = heap[child] as Entry;
      if (isBefore(last, below)) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = last;
    return top;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** A machine's boot-time clock: its own zero, and a quartz that may run a little fast or slow. */
export class BootClock {
  readonly #zero: number;
  readonly #offset: number;
  readonly #rate: number;

  /** At true time `zero` it shows `offset`; `rate` is its milliseconds per true millisecond. */
  constructor(options: { zero: number; offset: number; rate: number }) {
    this.#zero = options.zero;
    this.#offset = options.offset;
    this.#rate = options.rate;
  }

  /** What it shows at a true time. */
  read(time: number): Instant {
    return instant(this.#offset + (time - this.#zero) * this.#rate);
  }

  /** The true time at which it shows this. */
  trueTime(shown: Instant): number {
    return this.#zero + (shown - this.#offset) / this.#rate;
  }

  /** True milliseconds that pass while it counts `ms`. */
  trueDuration(ms: number): number {
    return ms / this.#rate;
  }
}
