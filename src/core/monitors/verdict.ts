/**
 * From single checks to a verdict. One lost packet must not move a site, and one lucky answer must not bring a
 * sick server back: `fall` failures in a row make `down`, `rise` successes in a row make `up`. A check that
 * could not be made at all says nothing about the server: it never counts as a failure, but when `fall` of
 * them follow each other the verdict is honestly `unknown`.
 */

import type { Verdict } from "../base/words.ts";

/** How many in a row are believed. */
export interface VerdictLimits {
  readonly rise: number;
  readonly fall: number;
}

/** A monitor's memory. */
export interface MonitorState {
  readonly verdict: Verdict;
  /** The outcome that the run consists of. */
  readonly last: Verdict;
  /** How many checks in a row had that outcome. */
  readonly run: number;
}

/** Before the first check. */
export const UNCHECKED: MonitorState = { verdict: "unknown", last: "unknown", run: 0 };

/**
 * The state after one more check. A monitor without a verdict believes its first success at once, so that a
 * booting node does not wait `rise` checks for what nobody doubted; the first `down` still takes `fall`.
 */
export function observe(state: MonitorState, outcome: Verdict, limits: VerdictLimits): MonitorState {
  const run = outcome === state.last ? Math.min(state.run + 1, Number.MAX_SAFE_INTEGER) : 1;
  const needed = neededFor(outcome, state.verdict, limits);
  return { verdict: run >= needed ? outcome : state.verdict, last: outcome, run };
}

function neededFor(outcome: Verdict, verdict: Verdict, limits: VerdictLimits): number {
  if (outcome !== "up") return limits.fall;
  return verdict === "unknown" ? 1 : limits.rise;
}
