/**
 * Judges a chaos run from its evidence: which promises were broken, and what a visitor felt of each kind of fault. Pure,
 * so that every verdict can be tested with made-up observations. Two holders are never excused, whatever the machine
 * did; everything else is set aside, and counted, where the machine itself stood still.
 */

import { ExplainedFailures, ServedAgain } from "../../promises/explained-failures.ts";
import type { Explanation, Span } from "../../promises/explained-failures.ts";
import { findGaps } from "../checks/tries.ts";
import type { Gap, Try } from "../checks/tries.ts";
import { drawStandingWindows, drawWindows } from "./allowances.ts";
import type { Situation, Window } from "./allowances.ts";
import { checkDecisions, checkFlapping } from "./check-decisions.ts";
import { checkEpochs } from "./check-epochs.ts";
import type { Evidence } from "./evidence.ts";
import { kindOf } from "./kinds.ts";
import type { KindName } from "./kinds.ts";
import { holdersOf } from "./spells.ts";
import type { HolderSince } from "./spells.ts";
import { excusedBy } from "./stalls.ts";

/** A broken promise, with the moment to look at. */
export interface Violation {
  readonly promise: string;
  readonly atMs: number;
  readonly text: string;
}

/** How often a checker compared anything. */
export interface CheckerRuns {
  readonly promise: string;
  readonly runs: number;
}

/** What a visitor felt of one kind of fault. */
export interface KindFigures {
  readonly name: KindName;
  readonly inflicted: number;
  /** Of these, how often the node that served was hit. */
  readonly onHolder: number;
  readonly skipped: number;
  /** Times without a page that this kind explains, in milliseconds, shortest first. */
  readonly gapsMs: readonly number[];
}

export interface RequestFigures {
  readonly sent: number;
  readonly failed: number;
  readonly explained: number;
  /** Failed while the machine stood still and no fault was at work. */
  readonly inStalls: number;
  readonly unexplained: number;
}

export interface Verdict {
  readonly violations: readonly Violation[];
  readonly checkers: readonly CheckerRuns[];
  readonly requests: RequestFigures;
  /** Requests on connections that stand. */
  readonly standing: RequestFigures;
  readonly kinds: readonly KindFigures[];
  readonly holders: readonly HolderSince[];
  readonly moves: number;
  readonly twoHolders: readonly Span[];
  /** Share of the run, from 0 to 1, in which a failed request would have been explained. */
  readonly explainable: number;
  readonly stalledMs: number;
}

export const ONE_HOLDER = "never two holders for a visitor";
export const REST = "at rest within its bound once all is healed";
export const EYES = "the observers saw everything";
/** Times without a page that are shorter belong to ordinary life on a busy machine. */
const SHORTEST_GAP_MS = 100;
const BURST_MS = 1_000;

export function judge(evidence: Evidence, restLimitMs: number): Verdict {
  const { segment, startedMs, endedMs, spells, nodes } = evidence;
  const holders = holdersOf(segment.capture.filter(({ node }) => nodes.includes(node)));
  const situation: Situation = { nodes, spells, holders };
  const windows = drawWindows(situation);
  const standingWindows = drawStandingWindows(situation);
  const stalls = excusedBy(evidence.stalls);
  const run = { fromMs: startedMs, toMs: endedMs };
  const gaps = findGaps(evidence.tries, run, SHORTEST_GAP_MS);
  const own = judgeRequests(evidence.tries, windows, stalls);
  const standing = judgeRequests(evidence.standing, standingWindows, stalls);
  const pages = evidence.tries.filter(({ ok }) => ok).length;
  const served = judgeGaps(gaps, pages, windows, stalls);
  const decided = checkDecisions(evidence, holders);
  const flapping = checkFlapping(evidence, holders);
  const epochs = checkEpochs(evidence);
  const twoHolders: Span[] = [
    ...segment.meetings,
    ...segment.overlaps.map(({ from, until }) => ({ fromMs: from, toMs: until ?? endedMs })),
  ];
  return {
    violations: [
      ...judgeHolders(evidence),
      ...judgeEyes(evidence),
      ...own.violations,
      ...standing.violations,
      ...served.violations,
      ...judgeRest(evidence, restLimitMs),
      ...decided.violations,
      ...flapping.violations,
      ...epochs.violations,
    ].toSorted((a, b) => a.atMs - b.atMs),
    checkers: [
      { promise: ONE_HOLDER, runs: segment.compared },
      own.checker,
      served.checker,
      { promise: REST, runs: evidence.phases.length },
      decided.checker,
      flapping.checker,
      epochs.checker,
    ],
    requests: own.figures,
    standing: standing.figures,
    kinds: figuresOf(evidence, holders, windows, gaps),
    holders,
    moves: Math.max(0, holders.length - 1),
    twoHolders,
    explainable: coveredMs(windows, run) / Math.max(1, endedMs - startedMs),
    stalledMs: coveredMs(stalls, run),
  };
}

function judgeHolders({ segment }: Evidence): Violation[] {
  const met = segment.meetings.map(({ nodes, fromMs, toMs }) => ({
    promise: ONE_HOLDER,
    atMs: fromMs,
    text: `${nodes.join(" and ")} both answered the visitor for ${(toMs - fromMs).toFixed(1)} ms`,
  }));
  const took = segment.overlaps.map(({ holders, from, until }) => ({
    promise: ONE_HOLDER,
    atMs: from,
    text: `${holders.join(" and ")} answered the visitor in turns${until === undefined ? "" : ` within ${(until - from).toFixed(1)} ms`}`,
  }));
  return [...met, ...took];
}

/** A check that never looked proves nothing, and one that missed frames may have missed the one that counts. */
function judgeEyes({ segment, startedMs, tries, phases }: Evidence): Violation[] {
  const told: string[] = [];
  if (segment.dropped > 0) told.push(`the kernel dropped ${segment.dropped} frames at the observer`);
  if (segment.questions === 0) told.push("nobody asked for the site's address");
  if (segment.evidence === 0) told.push("no frame of the site was ever seen");
  if (!tries.some(({ ok }) => ok)) told.push("the visitor never got a page");
  if (phases.length === 0) told.push("no phase was run");
  return told.map((text) => ({ promise: EYES, atMs: startedMs, text }));
}

/** Failed requests, those of one burst told as one. */
function judgeRequests(
  tries: readonly Try[],
  windows: readonly Window[],
  stalls: readonly Span[],
): { violations: Violation[]; figures: RequestFigures; checker: CheckerRuns } {
  const promise = new ExplainedFailures({ allowances: windows, stalls });
  const failed = tries.filter(({ ok }) => !ok);
  const counts: Record<Explanation["kind"], number> = { fault: 0, stall: 0, none: 0 };
  const bursts: { fromMs: number; toMs: number; words: Map<string, number> }[] = [];
  for (const one of failed.toSorted((a, b) => a.startMs - b.startMs)) {
    const { kind } = promise.explain(one);
    counts[kind] += 1;
    if (kind !== "none") continue;
    let burst = bursts.at(-1);
    if (burst === undefined || one.startMs - burst.toMs > BURST_MS) {
      burst = { fromMs: one.startMs, toMs: one.endMs, words: new Map() };
      bursts.push(burst);
    }
    burst.toMs = Math.max(burst.toMs, one.endMs);
    burst.words.set(one.word, (burst.words.get(one.word) ?? 0) + 1);
  }
  promise.passed(tries.length - failed.length);
  return {
    violations: bursts.map(({ fromMs, words }) => ({
      promise: promise.name,
      atMs: fromMs,
      text: `no fault explains ${[...words].map(([word, count]) => `${count} × ${word}`).join(", ")}`,
    })),
    figures: {
      sent: tries.length,
      failed: failed.length,
      explained: counts.fault,
      inStalls: counts.stall,
      unexplained: counts.none,
    },
    checker: { promise: promise.name, runs: promise.runs },
  };
}

function judgeGaps(
  gaps: readonly Gap[],
  pages: number,
  windows: readonly Window[],
  stalls: readonly Span[],
): { violations: Violation[]; checker: CheckerRuns } {
  const promise = new ServedAgain({ allowances: windows, stalls });
  const violations = gaps.flatMap((gap): Violation[] => {
    const told = promise.look(gap);
    return told === undefined ? [] : [{ promise: promise.name, atMs: told.fromMs, text: told.text }];
  });
  promise.passed(Math.max(0, pages - gaps.length));
  return { violations, checker: { promise: promise.name, runs: promise.runs } };
}

function judgeRest({ phases, isInterrupted, stalls }: Evidence, limitMs: number): Violation[] {
  return phases.flatMap(({ number, healedMs, restMs, trouble }): Violation[] => {
    const stalledMs = coveredMs(stalls, { fromMs: healedMs, toMs: restMs ?? healedMs + limitMs });
    const isInTime = restMs !== undefined && restMs - healedMs - stalledMs <= limitMs;
    if (isInTime && trouble === undefined) return [];
    if (isInterrupted && restMs !== undefined) return [];
    return [{ promise: REST, atMs: healedMs, text: `phase ${number}: ${trouble ?? `no rest within ${limitMs} ms`}` }];
  });
}

/** A gap belongs to the kinds whose windows it touches; when there are several, to that which began last before its end. */
function figuresOf(
  { spells, skipped }: Evidence,
  holders: readonly HolderSince[],
  windows: readonly Window[],
  gaps: readonly Gap[],
): KindFigures[] {
  const gapsOf = new Map<KindName, number[]>();
  for (const gap of gaps) {
    const fitting = windows.filter(({ name, fromMs, toMs }) => name && fromMs <= gap.toMs && toMs >= gap.fromMs);
    // What began before the gap made it; what began in it only found it.
    const first = fitting.toSorted((a, b) => Math.abs(a.fromMs - gap.fromMs) - Math.abs(b.fromMs - gap.fromMs))[0];
    if (first?.name === undefined) continue;
    gapsOf.set(first.name, [...(gapsOf.get(first.name) ?? []), gap.durationMs]);
  }
  const names = [...new Set([...spells.map(({ name }) => name), ...skipped.map(({ fault }) => fault.name)])].sort();
  return names.map((name) => {
    const own = spells.filter((spell) => spell.name === name);
    return {
      name,
      inflicted: own.length,
      onHolder: own.filter(
        ({ node, fromMs }) =>
          kindOf(name).hits === "node" && holders.findLast(({ sinceMs }) => sinceMs <= fromMs)?.node === node,
      ).length,
      skipped: skipped.filter(({ fault }) => fault.name === name).length,
      gapsMs: (gapsOf.get(name) ?? []).toSorted((a, b) => a - b),
    };
  });
}

/** How much of a span the others cover together. */
function coveredMs(covers: readonly Span[], span: Span): number {
  let total = 0;
  let endMs = span.fromMs;
  for (const { fromMs, toMs } of covers.toSorted((a, b) => a.fromMs - b.fromMs)) {
    const from = Math.max(fromMs, endMs);
    const to = Math.min(toMs, span.toMs);
    if (to > from) total += to - from;
    endMs = Math.max(endMs, to);
  }
  return total;
}
