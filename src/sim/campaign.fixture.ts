/**
 * Many seeds in a row for tests: each is run twice and must keep every promise, and together they must have given
 * every checker something to compare. The number of seeds is the lesser of a count and what fits into a time.
 */

import { Node } from "../core/node/node.ts";
import { commandFor } from "./arguments.ts";
import type { MakeCore } from "./process.ts";
import { type RunOptions, type RunReport, runSeed } from "./run.ts";
import { Totals } from "./totals.ts";

export const realCore: MakeCore = (options) => new Node(options);

/** Real time for all fresh seeds of one file; a slow machine runs fewer, but never fewer than the least. */
const BUDGET_MS = 120_000;
const LEAST_SEEDS = 25;
/** So many seeds give every checker something to do. */
const SEEDS_FOR_ALL_CHECKERS = 100;

type Wanted = Omit<RunOptions, "makeCore">;

/** What to read when a seed fails: the violations and how to see the trace. */
function complaint(report: RunReport, wanted: Wanted): string {
  const found = report.violations.map(
    ({ at, checker, text }) => `  ${(at / 1_000).toFixed(3)} s "${checker}": ${text}`,
  );
  return [commandFor(report.seed, wanted), ...found].join("\n");
}

/** Runs one seed twice; it must keep every promise. */
export function passes(wanted: Wanted): RunReport {
  const report = runSeed({ ...wanted, makeCore: realCore });
  if (report.violations.length > 0) throw new Error(complaint(report, wanted));
  return report;
}

/** Runs seeds from one number to another as the command line would, as far as the time allows. */
export function passAll(from: number, to: number): Totals {
  const totals = new Totals();
  const started = performance.now();
  const isTime = () => performance.now() - started < BUDGET_MS;
  for (let seed = from; seed <= to && (seed < from + LEAST_SEEDS || isTime()); seed++) {
    const report = passes({ seed });
    totals.add(report);
    // More than the promise: two gates are not even open together where nobody could reach both.
    if (report.unreachableOverlaps > 0) throw new Error(`two gates were open together: ${commandFor(seed, {})}`);
  }
  console.log(`seeds ${from} to ${from + totals.seeds - 1}: ${totals.status(performance.now() - started)}`);
  const idle = totals.seeds >= SEEDS_FOR_ALL_CHECKERS ? totals.idleCheckers() : [];
  if (idle.length > 0) throw new Error(`checkers that never compared anything: ${idle.join(", ")}`);
  return totals;
}
