/** When the machine itself stood still: windows in which no program can be blamed for being slow. */

import { Worker } from "node:worker_threads";
import type { Span } from "../../promises/explained-failures.ts";
import { labProgram } from "../child-observer.ts";

/** What was delayed by a stall is felt a little longer: requests under way have to be repeated by their kernels. */
export const AFTER_STALL_MS = 300;
const MOST_STALLS = 100_000;

export class StallWatch implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #stalls: Span[] = [];

  constructor() {
    this.#worker = new Worker(labProgram(new URL("./stall-thread.ts", import.meta.url)));
    this.#worker.on("message", (stall: Span) => {
      if (this.#stalls.length < MOST_STALLS) this.#stalls.push(stall);
    });
    this.#worker.unref();
  }

  /** Stalls so far, in order. */
  list(): readonly Span[] {
    return this.#stalls;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}

/** The windows that stalls excuse: somewhat longer than themselves, joined where they touch. */
export function excusedBy(stalls: readonly Span[]): Span[] {
  const joined: { fromMs: number; toMs: number }[] = [];
  for (const { fromMs, toMs } of stalls.toSorted((a, b) => a.fromMs - b.fromMs)) {
    const last = joined.at(-1);
    if (last !== undefined && fromMs <= last.toMs) last.toMs = Math.max(last.toMs, toMs + AFTER_STALL_MS);
    else joined.push({ fromMs, toMs: toMs + AFTER_STALL_MS });
  }
  return joined;
}
