/**
 * Makes a failing run small enough to be read: fewer faults, fewer nodes, a shorter safety phase, as long as the same
 * checker still complains. What is left is said in terms of the drawn schedule, so that a command can replay it.
 */

import type { Fault } from "./faults/fault.ts";
import { SETTLE_MS } from "./rounds.ts";
import { runOnce, type RunOptions, type RunReport } from "./run.ts";

/** Which part of a drawn run is played. */
export interface Reduction {
  /** Numbers of the faults in the drawn schedule that happen; undefined means all. */
  readonly only?: readonly number[] | undefined;
  /** So many nodes are left out, from the end of the cluster file. */
  readonly drop?: number | undefined;
  readonly seconds?: number | undefined;
}

/** Runs of one search at most. */
const MOST_TRIALS = 400;

/** When to stop searching, in milliseconds of a clock. */
export interface Patience {
  readonly clock: () => number;
  readonly untilMs: number;
}

/** Without a clock, the number of runs bounds the search. */
const PATIENT: Patience = { clock: () => 0, untilMs: 1 };

/** The shorter run, recorded, with how it was made shorter. */
export function shorten(
  options: RunOptions,
  failed: RunReport,
  patience: Patience = PATIENT,
): RunReport & { readonly reduction: Reduction } {
  const checker = failed.violations[0]?.checker;
  let trials = 0;
  let best: { reduction: Reduction; report: RunReport } = {
    reduction: { only: options.only, drop: options.drop, seconds: options.seconds },
    report: failed,
  };
  const isOver = () => trials >= MOST_TRIALS || patience.clock() >= patience.untilMs;
  const fails = (change: Reduction): boolean => {
    if (isOver()) return false;
    trials++;
    const reduction = { ...best.reduction, ...change };
    const report = runOnce({ ...options, ...reduction });
    if (report.violations[0]?.checker !== checker) return false;
    best = { reduction, report };
    return true;
  };

  // Faults after the violation play no part, and are the first to go.
  const at = failed.violations[0]?.at ?? Number.POSITIVE_INFINITY;
  const begun = failed.numbers.filter((_, index) => (failed.faults[index] as Fault).at <= at);
  if (begun.length < failed.numbers.length) fails({ only: begun });
  fails({ only: [] });
  leaveOut(
    () => best.report.numbers,
    (only) => fails({ only }),
    isOver,
  );
  while (best.report.nodes > 2 && fails({ drop: (best.reduction.drop ?? 0) + 1 }));
  if (options.hours === undefined) {
    const last = Math.max(SETTLE_MS, ...best.report.faults.map((fault) => fault.at + fault.forMs));
    fails({ seconds: Math.max(1, Math.ceil((last - SETTLE_MS) / 1_000)) });
  }
  leaveOut(
    () => best.report.numbers,
    (only) => fails({ only }),
    isOver,
  );
  return { ...runOnce({ ...options, ...best.reduction, recording: true }), reduction: best.reduction };
}

/** Leaves out halves, quarters, … and at last single ones, as long as it fails. */
function leaveOut(left: () => readonly number[], fails: (only: number[]) => boolean, isOver: () => boolean): void {
  for (let size = Math.ceil(left().length / 2); size >= 1 && !isOver(); size = size === 1 ? 0 : Math.ceil(size / 2)) {
    // From the end: what came last is the least likely cause of what came before.
    for (let end = left().length; end > 0 && !isOver(); end -= size) {
      const all = left();
      const from = Math.max(0, end - size);
      if (from >= all.length) continue;
      fails([...all.slice(0, from), ...all.slice(end)]);
    }
  }
}
