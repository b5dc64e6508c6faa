/**
 * Replays recordings: a segment, or all segments of a directory in their order. Each begins with its own state, so
 * one that cannot be used stands in nobody's way.
 */

import { stat } from "node:fs/promises";
import { join } from "node:path";

import type { Problem } from "../core/base/report.ts";
import { canRestore, Rerun, type Divergence, type RerunStep } from "../core/recording/rerun.ts";
import { listSegments, RING_DIRECTORY } from "./input-ring.ts";
import { SegmentFile, type Stop } from "./read-segment.ts";
import type { SegmentHeader } from "./segment-header.ts";

/** What the caller is told while it goes on. */
export interface ReplayListener {
  /** A segment is about to be run. */
  segment(path: string, header: SegmentHeader): void;
  /** A step with its time by the wall clock; only those between `from` and `until`. */
  step(step: RerunStep, wall: number): void;
  /** Something cannot be used, or not to its end. */
  problem(problem: Problem): void;
}

export interface ReplayOptions {
  /** Version of this program. */
  readonly software: string;
  /** By the wall clock. */
  readonly from: number;
  readonly until: number;
}

/** What came of it. */
export interface ReplaySummary {
  readonly segments: number;
  readonly inputs: number;
  /** Decisions that were compared. */
  readonly decisions: number;
  /** Wall-clock time of the first and last input that was run. */
  readonly first: number | undefined;
  readonly last: number | undefined;
  /** The first difference; nothing was run after it. */
  readonly difference: { readonly path: string; readonly divergence: Divergence; readonly wall: number } | undefined;
  /** Other versions that recorded something of it. */
  readonly otherVersions: readonly string[];
  /** Frames differ while the decisions agree, as they may between versions. */
  readonly hasOtherMessages: boolean;
}

interface Totals {
  segments: number;
  inputs: number;
  decisions: number;
  first: number | undefined;
  last: number | undefined;
  difference: ReplaySummary["difference"];
  readonly otherVersions: Set<string>;
  hasOtherMessages: boolean;
}

/** Replays a file or a directory; a directory may be the ring's, or the state directory around it. */
export async function replay(path: string, options: ReplayOptions, listener: ReplayListener): Promise<ReplaySummary> {
  const totals: Totals = {
    segments: 0,
    inputs: 0,
    decisions: 0,
    first: undefined,
    last: undefined,
    difference: undefined,
    otherVersions: new Set(),
    hasOtherMessages: false,
  };
  const files = await filesOf(path, listener);
  for (const file of await within(files, options)) {
    await replayOne(file, options, listener, totals);
    if (totals.difference !== undefined) break;
  }
  return { ...totals, otherVersions: [...totals.otherVersions].sort() };
}

async function filesOf(path: string, listener: ReplayListener): Promise<readonly string[]> {
  const about = await stat(path).catch(() => undefined);
  if (about?.isDirectory() !== true) return [path];
  for (const directory of [path, join(path, RING_DIRECTORY)]) {
    const found = await listSegments(directory).catch(() => []);
    if (found.length > 0) return found.map((each) => each.path);
  }
  listener.problem({
    code: "RECORDING_MISSING",
    severity: "error",
    message: `${path} holds no recordings`,
    subject: { file: path },
    next: "a daemon records into the directory `inputs` of its state directory (/var/lib/understudy)",
  });
  return [];
}

/** Leaves out segments that end before `from`: the next one of the same node begins before it. */
async function within(files: readonly string[], { from, until }: ReplayOptions): Promise<readonly string[]> {
  if (files.length < 2 || (from === Number.NEGATIVE_INFINITY && until === Number.POSITIVE_INFINITY)) return files;
  const begins: (number | undefined)[] = [];
  for (const file of files) {
    const opened = await SegmentFile.open(file);
    begins.push(opened.ok ? opened.value.header.wall : undefined);
    if (opened.ok) await opened.value.close();
  }
  return files.filter((_, index) => {
    const next = begins[index + 1];
    return !(next !== undefined && next <= from) && !((begins[index] ?? 0) > until);
  });
}

async function replayOne(
  path: string,
  options: ReplayOptions,
  listener: ReplayListener,
  totals: Totals,
): Promise<void> {
  const opened = await SegmentFile.open(path);
  if (!opened.ok) {
    for (const problem of opened.problems) listener.problem(problem);
    return;
  }
  const segment = opened.value;
  try {
    const rerun = makeRerun(segment, options, listener);
    if (rerun === undefined) return;
    listener.segment(path, segment.header);
    totals.segments++;
    if (segment.header.software !== options.software) totals.otherVersions.add(segment.header.software);
    await run(segment, rerun, { options, listener, totals });
    totals.inputs += rerun.steps;
    totals.decisions += rerun.decisions;
    totals.hasOtherMessages ||= rerun.hasOtherMessages;
    if (segment.stop !== undefined) listener.problem(problemOf(path, segment.stop));
  } finally {
    await segment.close();
  }
}

function makeRerun(segment: SegmentFile, { software }: ReplayOptions, listener: ReplayListener): Rerun | undefined {
  const { header, checkpoint, path } = segment;
  if (checkpoint !== undefined && !canRestore(header)) {
    listener.problem({
      code: "RECORDING_OTHER_STATE",
      severity: "warning",
      message: `${path} begins in the middle of a life of version ${header.software}, whose state version ${software} cannot take over`,
      subject: { file: path },
      next: `replay it with version ${header.software}; segments that begin with a daemon's start can be replayed by any`,
    });
    return undefined;
  }
  try {
    return new Rerun(header, checkpoint, { toleratesMessages: header.software !== software });
  } catch (error) {
    listener.problem(unusable(path, (error as Error).message));
    return undefined;
  }
}

async function run(
  segment: SegmentFile,
  rerun: Rerun,
  told: { options: ReplayOptions; listener: ReplayListener; totals: Totals },
): Promise<void> {
  const { options, listener, totals } = told;
  for await (const batch of segment.batches()) {
    const wallOf = (now: number): number => batch.wall - (batch.at - now);
    try {
      rerun.run(batch, (step) => {
        const wall = wallOf(step.input.now);
        totals.first ??= wall;
        totals.last = wall;
        if (wall >= options.from && wall <= options.until) listener.step(step, wall);
      });
    } catch (error) {
      listener.problem(unusable(segment.path, `a batch cannot be run: ${(error as Error).message}`));
      return;
    }
    const { divergence } = rerun;
    if (divergence !== undefined) {
      const at = divergence.kind === "decisions" ? divergence.step.input.now : divergence.to;
      totals.difference = { path: segment.path, divergence, wall: wallOf(at) };
      return;
    }
    if (batch.wall > options.until) return;
  }
}

function unusable(path: string, detail: string): Problem {
  return {
    code: "RECORDING_BROKEN",
    severity: "error",
    message: `${path} cannot be replayed: ${detail}`,
    subject: { file: path },
    next: "replay the other files of its directory; a recording that was changed by hand is none",
  };
}

function problemOf(path: string, { offset, isTorn, detail }: Stop): Problem {
  const subject = { file: path };
  if (isTorn) {
    const message = `${path} was replayed up to byte ${offset}: ${detail}`;
    const next = "nothing, if the daemon writes on or its machine lost power";
    return { code: "RECORDING_TORN", severity: "info", message, subject, next };
  }
  const message = `${path} is damaged at byte ${offset}: ${detail}`;
  return { code: "RECORDING_BROKEN", severity: "error", message, subject, next: "what stands before it was replayed" };
}
