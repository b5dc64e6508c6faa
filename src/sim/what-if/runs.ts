/** Plays a script with several seeds and tells how much chance there is in the answer. */

import type { TextPosition } from "../../core/base/report.ts";
import { type PlayOptions, playScript } from "./play.ts";
import { isFailure, longestGapMs, type Simulation } from "./simulation.ts";

/** The longest gap of each run for one VIP. */
export interface Spread {
  readonly vip: string;
  readonly group: string;
  readonly minMs: number;
  readonly medianMs: number;
  readonly maxMs: number;
  /** The first seed with the longest gap. */
  readonly worstSeed: number;
}

/** Where a group was at the end, and in how many runs. */
export interface Outcome {
  readonly group: string;
  readonly on: readonly string[];
  readonly runs: number;
}

export interface ExpectationOfRuns {
  readonly text: string;
  readonly at: TextPosition;
  readonly met: number;
  /** Seeds of the runs in which it was not met; a few of them. */
  readonly failedSeeds: readonly number[];
  /** What was seen in the first of these. */
  readonly seen: string | undefined;
}

/** What all runs say together. */
export interface Runs {
  readonly seed: number;
  readonly runs: number;
  readonly spread: readonly Spread[];
  readonly outcomes: readonly Outcome[];
  readonly expectations: readonly ExpectationOfRuns[];
  /** Runs in which something still changed at the end. */
  readonly unsettled: number;
  /** Runs in which two nodes served one address, or another promise was broken. */
  readonly broken: number;
  /** Their seeds; a few of them. */
  readonly brokenSeeds: readonly number[];
  /** What was broken first without a clock that stood still as its excuse, by seed; a few of them. */
  readonly failures: readonly { readonly seed: number; readonly text: string }[];
}

/** Seeds that a list names. */
const MOST_SEEDS = 8;

/** Plays with the seeds from `options.seed` on. */
export function playRuns(options: PlayOptions, count: number): Runs {
  const all = Array.from({ length: count }, (_, index) => playScript({ ...options, seed: options.seed + index }));
  const broken = all.filter(({ entries }) =>
    entries.some(({ kind, severity }) => kind === "broken" && severity === "alert"),
  );
  const vips = options.config.groups.flatMap(({ name, resources }) =>
    resources.flatMap((resource) => (resource.kind === "vip" ? [{ vip: resource.address, group: name }] : [])),
  );
  return {
    seed: options.seed,
    runs: count,
    spread: vips.map((vip) => spreadOf(all, vip)),
    outcomes: options.config.groups.flatMap(({ name }) => outcomesOf(all, name)),
    expectations: expectationsOf(all),
    unsettled: all.filter(({ isSettled }) => !isSettled).length,
    broken: broken.length,
    brokenSeeds: broken.slice(0, MOST_SEEDS).map(({ seed }) => seed),
    failures: broken
      .flatMap(({ seed, entries }) =>
        entries
          .filter(isFailure)
          .slice(0, 1)
          .map(({ text }) => ({ seed, text })),
      )
      .slice(0, MOST_SEEDS),
  };
}

function spreadOf(all: readonly Simulation[], { vip, group }: { vip: string; group: string }): Spread {
  const gaps = all
    .map((simulation) => ({ seed: simulation.seed, ms: longestGapMs(simulation, vip) }))
    .toSorted((a, b) => a.ms - b.ms || b.seed - a.seed);
  const at = (index: number) => gaps[index]?.ms ?? 0;
  return {
    vip,
    group,
    minMs: at(0),
    // Of an even number the higher of the two in the middle: rather too long than too short.
    medianMs: at(gaps.length >> 1),
    maxMs: at(gaps.length - 1),
    worstSeed: gaps.at(-1)?.seed ?? 0,
  };
}

function outcomesOf(all: readonly Simulation[], group: string): Outcome[] {
  const counts = new Map<string, { on: readonly string[]; runs: number }>();
  for (const { end } of all) {
    const on = end.find((state) => state.group === group)?.on ?? [];
    const key = on.join(" ");
    counts.set(key, { on, runs: (counts.get(key)?.runs ?? 0) + 1 });
  }
  return [...counts.values()].toSorted((a, b) => b.runs - a.runs).map(({ on, runs }) => ({ group, on, runs }));
}

function expectationsOf(all: readonly Simulation[]): ExpectationOfRuns[] {
  return (all[0]?.expectations ?? []).map(({ text, at: place }, index) => {
    const failed = all.filter(({ expectations }) => expectations[index]?.isMet === false);
    return {
      text,
      at: place,
      met: all.length - failed.length,
      failedSeeds: failed.slice(0, MOST_SEEDS).map(({ seed }) => seed),
      seen: failed[0]?.expectations[index]?.seen,
    };
  });
}
