/**
 * A chaos run's report for people: what was done, what a visitor felt, whether a promise broke, and for what broke the
 * shortest excerpt that shows it, with the command that does it all again.
 */

import type { CaptureEntry } from "./capture-log.ts";
import type { Evidence } from "./evidence.ts";
import { KIND_NAMES } from "./kinds.ts";
import type { Verdict, Violation } from "./judge.ts";
import { renderFault } from "./schedule.ts";
import type { Schedule } from "./schedule.ts";

const MOST_VIOLATIONS = 12;
const MOST_LINES = 12;
/** Share of a run that may be excused before the report says so. */
const MOST_STALLED = 0.1;
/** How far around the instant an excerpt looks. */
const SPELLS_BEFORE_MS = 6_000;
const CAPTURE_AROUND_MS = 150;
const DECISIONS_AROUND_MS = 1_000;

/** What a node heard of its neighbours: true, and too much for an excerpt. */
const SMALL_TALK = /^(LINK|PEER|CARRIER|MONITOR|CONFIG)_/;
/** Broken promises this close together have one cause; the first of them is shown in full. */
const ONE_CAUSE_MS = 2_000;

/** A checker that never compared anything proves nothing. */
export function idleCheckers({ checkers }: Verdict): string[] {
  return checkers.filter(({ runs }) => runs === 0).map(({ promise }) => promise);
}

/** Nothing broke, and everything was looked at. An interrupted run may be too short to have looked at everything. */
export function isClean(evidence: Evidence, verdict: Verdict): boolean {
  return verdict.violations.length === 0 && (evidence.isInterrupted || idleCheckers(verdict).length === 0);
}

/** The command that repeats a run. */
export function commandOf({ seed, minutes, nodes, kinds }: Schedule): string {
  const faults = kinds.length === KIND_NAMES.length ? "" : ` --faults ${kinds.join(",")}`;
  return `npm run chaos -- --seed ${seed} --minutes ${minutes} --nodes ${nodes}${faults}`;
}

export function renderReport(evidence: Evidence, verdict: Verdict): string[] {
  const { schedule, startedMs, endedMs, segment } = evidence;
  const { requests, standing, twoHolders } = verdict;
  const minutes = (endedMs - startedMs) / 60_000;
  const lines = [
    "",
    `seed ${schedule.seed}, ${schedule.nodes} nodes, ${minutes.toFixed(1)} minutes, ${evidence.phases.length} phases` +
      (evidence.isInterrupted ? " (interrupted)" : ""),
    "",
    ...table(
      ["fault", "inflicted", "on the holder", "impossible", "gaps", "median gap", "longest gap"],
      verdict.kinds.map(({ name, inflicted, onHolder, skipped, gapsMs }) => [
        name,
        String(inflicted),
        String(onHolder),
        String(skipped),
        String(gapsMs.length),
        gapsMs.length === 0 ? "" : `${Math.round(gapsMs[gapsMs.length >> 1] ?? 0)} ms`,
        gapsMs.length === 0 ? "" : `${Math.round(gapsMs.at(-1) ?? 0)} ms`,
      ]),
    ),
    "",
    ...table(
      ["requests", "sent", "failed", "explained", "machine stood still", "unexplained"],
      [
        ["on their own connections", ...figures(requests)],
        ["on standing connections", ...figures(standing)],
      ],
    ),
    "",
    `faults inflicted: ${evidence.spells.length}; impossible when their time came: ${evidence.skipped.length}`,
    `moves: ${verdict.moves}; decisions heard: ${evidence.decisions.length}`,
    `instants with two holders for the visitor: ${twoHolders.length}`,
    `a failed request would have been explained in ${(verdict.explainable * 100).toFixed(0)} % of the time`,
    `the machine stood still ${evidence.stalls.length} times, which excuses ${Math.round(verdict.stalledMs)} ms`,
    ...(verdict.stalledMs > MOST_STALLED * (endedMs - startedMs)
      ? ["that is much: about what a visitor felt this run proves little, repeat it on a quieter machine"]
      : []),
    `the observer saw ${segment.frames} frames, missed ${segment.dropped}, and was blind for ${Math.round(segment.longestBlindMs)} ms at most`,
    ...phaseLines(evidence),
    ...verdict.checkers.map(({ promise, runs }) => `checked ${runs} times: ${promise}`),
  ];
  const idle = evidence.isInterrupted ? [] : idleCheckers(verdict);
  return [
    ...lines,
    ...idle.map((promise) => `NEVER CHECKED: ${promise}`),
    ...renderViolations(evidence, verdict.violations),
    "",
    isClean(evidence, verdict) ? "every promise was kept" : `NOT every promise was kept; again: ${commandOf(schedule)}`,
  ];
}

function figures({ sent, failed, explained, inStalls, unexplained }: Verdict["requests"]): string[] {
  return [sent, failed, explained, inStalls, unexplained].map(String);
}

function phaseLines({ phases }: Evidence): string[] {
  const rests = phases.flatMap(({ healedMs, restMs }) => (restMs === undefined ? [] : [restMs - healedMs]));
  const longest = rests.reduce((most, one) => Math.max(most, one), 0);
  return [
    `at rest after healing: ${rests.length} of ${phases.length} times, at the latest after ${Math.round(longest)} ms`,
  ];
}

function renderViolations(evidence: Evidence, violations: readonly Violation[]): string[] {
  const lines: string[] = [];
  let shown = 0;
  let last: Violation | undefined;
  for (const one of violations) {
    if (last !== undefined && one.atMs - last.atMs <= ONE_CAUSE_MS) {
      if (one.promise !== last.promise) lines.push(`  and with it: ${one.promise}: ${one.text}`);
      continue;
    }
    if (shown === MOST_VIOLATIONS) return [...lines, "", "… and more"];
    shown += 1;
    last = one;
    lines.push(...excerpt(evidence, one));
  }
  return lines;
}

/** Entries of one kind from one node as one; two nodes that answer in turns would fill pages otherwise. */
function summed(entries: readonly CaptureEntry[]): CaptureEntry[] {
  const sums = new Map<string, CaptureEntry>();
  for (const entry of entries) {
    const key = `${entry.vip} ${entry.node} ${entry.kind}`;
    const { frames = 0, fromMs = entry.fromMs, toMs = entry.toMs } = sums.get(key) ?? {};
    const whole = { fromMs: Math.min(fromMs, entry.fromMs), toMs: Math.max(toMs, entry.toMs) };
    sums.set(key, { ...entry, ...whole, frames: frames + entry.frames });
  }
  return [...sums.values()].sort((a, b) => a.fromMs - b.fromMs);
}

/** What there is to see around the instant of a broken promise, and nothing else. */
function excerpt(evidence: Evidence, { promise, atMs, text }: Violation): string[] {
  const { schedule, spells, segment, decisions, startedMs } = evidence;
  const at = (ms: number): string => `+${((ms - startedMs) / 1_000).toFixed(3)} s`.padStart(12);
  const planned = new Map(schedule.phases.flatMap(({ faults }) => faults.map((fault) => [fault.id, fault])));
  const faults = spells
    .filter(({ fromMs, toMs }) => fromMs <= atMs + CAPTURE_AROUND_MS && toMs >= atMs - SPELLS_BEFORE_MS)
    .flatMap(({ id, node, fromMs, toMs }) => {
      const fault = planned.get(id);
      return fault === undefined
        ? []
        : [`${at(fromMs)} to ${at(toMs).trim()}  ${renderFault(fault)}, hit ${node ?? "everybody"}`];
    });
  const around = segment.capture.filter(
    ({ fromMs, toMs }) => fromMs <= atMs + CAPTURE_AROUND_MS && toMs >= atMs - CAPTURE_AROUND_MS,
  );
  const capture = summed(around).map(
    ({ node, kind, fromMs, toMs, frames }) => `${at(fromMs)} to ${at(toMs).trim()}  ${frames} × ${kind} from ${node}`,
  );
  const said = decisions
    .filter(({ heardMs, record }) => Math.abs(heardMs - atMs) <= DECISIONS_AROUND_MS && !SMALL_TALK.test(record.reason))
    .map(({ heardMs, record }) => `${at(heardMs)}  ${record.by}: ${record.reason}  ${record.text}`);
  return [
    "",
    `BROKEN: ${promise}`,
    `  ${at(atMs)}  ${text}`,
    ...part("faults", faults),
    ...part("the wire", nearest(capture, MOST_LINES)),
    ...part("decisions, when they were heard", nearest(said, MOST_LINES)),
  ];
}

function part(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [`  ${title}: none`] : [`  ${title}:`, ...lines.map((line) => `    ${line}`)];
}

/** The middle of a list, with the number of lines left out. */
function nearest(lines: readonly string[], most: number): readonly string[] {
  if (lines.length <= most) return lines;
  const from = Math.floor((lines.length - most) / 2);
  return [`(${from} earlier)`, ...lines.slice(from, from + most), `(${lines.length - most - from} later)`];
}

/** Aligned columns: the first to the left, the others to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ")
      .trimEnd();
  return [line(head), line(widths.map((width) => "─".repeat(width))), ...rows.map(line)];
}
