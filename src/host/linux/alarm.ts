/**
 * An alarm clock on CLOCK_BOOTTIME. Unlike the timers of Node it is exact to a fraction of a millisecond, and an
 * alarm that was put off wakes nobody at its former time, which matters for a thread that puts its alarm off
 * with every packet.
 */

import { closeDescriptor, onReadable, openTimer, setTimer } from "./libc.ts";

/** One alarm at a time, on this thread's event loop. */
export class Alarm {
  readonly #fd = openTimer();
  readonly #stop: () => void;
  #run: (() => void) | undefined;

  constructor() {
    this.#stop = onReadable(this.#fd, () => this.#rang());
  }

  /** Calls `run` once after so many milliseconds (more than 0), instead of what was set before. */
  set(delayMs: number, run: () => void): void {
    this.#run = run;
    setTimer(this.#fd, delayMs);
  }

  /** Forgets what was set. */
  clear(): void {
    this.#run = undefined;
  }

  close(): void {
    this.clear();
    this.#stop();
    closeDescriptor(this.#fd);
  }

  #rang(): void {
    const run = this.#run;
    this.#run = undefined;
    try {
      run?.();
    } finally {
      // Not set anew: it would stay readable and ring for ever.
      if (this.#run === undefined) setTimer(this.#fd, 0);
    }
  }
}
