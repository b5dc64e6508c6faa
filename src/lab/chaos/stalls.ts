/**
 * When the machine itself stood still: windows in which no program can be blamed for being slow. Each processor has a
 * ticker of ordinary priority, which feels what web servers, visitors and main threads feel there, and one of the priority
 * that hearts ask for, which feels only a processor that was taken from the whole machine.
 */

import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import type { Span } from "../../promises/explained-failures.ts";
import { ChildObserver } from "../child-observer.ts";

/** What was delayed by a stall is felt a little longer: requests under way have to be repeated by their kernels. */
export const AFTER_STALL_MS = 300;
const PROGRAM = new URL("./stall-process.ts", import.meta.url);

export class StallWatch implements Disposable {
  readonly #tickers: readonly ChildObserver[];

  constructor() {
    const processors = Array.from({ length: availableParallelism() }, (_, index) => String(index));
    const ordinary = processors.map((processor) => ["taskset", "--cpu-list", processor]);
    const urgent = ordinary.map((pin) => ["chrt", "--rr", "1", ...pin]);
    const possible = [...ordinary, ...urgent].filter(isPossible);
    const prefixes = possible.length > 0 ? possible : [[]];
    this.#tickers = prefixes.map((prefix) => new ChildObserver(PROGRAM, prefix, {}));
  }

  /** Stalls of all tickers so far. */
  async list(): Promise<Span[]> {
    const lists = await Promise.all(this.#tickers.map((ticker) => ticker.call("stalls", {})));
    return (lists as Span[][]).flat().toSorted((a, b) => a.fromMs - b.fromMs);
  }

  [Symbol.dispose](): void {
    for (const ticker of this.#tickers) ticker.end();
  }
}

/** Not every user may ask for a priority, and not every container for a processor. */
function isPossible([command = "", ...rest]: readonly string[]): boolean {
  return spawnSync(command, [...rest, "true"], { stdio: "ignore" }).status === 0;
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
