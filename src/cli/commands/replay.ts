/** `understudy replay`: runs recorded inputs through this program's core and compares the decisions. */

import { Command, InvalidArgumentError } from "commander";

import { version } from "../../api/version.ts";
import type { Problem } from "../../core/base/report.ts";
import type { DecisionEvent } from "../../core/node/effects.ts";
import type { RerunStep } from "../../core/recording/rerun.ts";
import type { ReplaySummary } from "../../recording/replay.ts";
import { EXIT_ERRORS, EXIT_OK, EXIT_USAGE } from "../exit-codes.ts";
import { printProblems } from "../print-problems.ts";
import { showDecision, showEvent, showSegment, showSummary, type Teller } from "../show-replay.ts";
import { parseWallTime, WALL_TIME_WORDS } from "../wall-time.ts";

interface ReplayFlags {
  readonly from?: number;
  readonly until?: number;
  readonly group?: string;
  readonly verbose?: boolean;
  readonly json?: boolean;
}

/** Exit codes: 0 the same decisions, 1 a difference, 2 nothing could be replayed. */
export function replayCommand(): Command {
  return new Command("replay")
    .description(
      "Runs what a daemon recorded through this program, shows its decisions with their reasons, and compares.",
    )
    .argument("<path>", "a file `inputs-*.rec`, or a directory of them, such as a node's state directory")
    .option("--from <time>", `show nothing before: ${WALL_TIME_WORDS}`, wallTime)
    .option("--until <time>", "show nothing after", wallTime)
    .option("--group <name>", "show only what is about this group")
    .option("--verbose", "show every input and everything that was done")
    .option("--json", "print one JSON object per line")
    .action(async (path: string, flags: ReplayFlags) => {
      process.exitCode = await replayRecordings(path, flags);
    });
}

function wallTime(text: string): number {
  const time = parseWallTime(text);
  if (time === undefined) throw new InvalidArgumentError(WALL_TIME_WORDS);
  return time;
}

async function replayRecordings(path: string, flags: ReplayFlags): Promise<number> {
  const { from = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY, json = false } = flags;
  if (from > until) {
    const problem = { code: "TIMES_SWAPPED", severity: "error", message: "--from is later than --until" } as const;
    printProblems([
      { ...problem, next: "swap the two; a clock time that is still to come today means that of yesterday" },
    ]);
    return EXIT_USAGE;
  }
  const { replay } = await import("../../recording/replay.ts");
  const { describeEffect, describeInput } = await import("../../sim/describe.ts");
  const tell: Teller = { input: describeInput, effect: describeEffect };
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  const problems: Problem[] = [];
  const software = version();
  const summary = await replay(
    path,
    { software, from, until },
    {
      segment: (file, header) => {
        const { config: _, shape: __, ...rest } = header;
        print(json ? JSON.stringify({ kind: "segment", file, ...rest }) : showSegment(header));
      },
      step: (step, wall) => {
        for (const line of json ? stepAsJson(step, wall, flags) : stepAsText(step, wall, flags, tell)) print(line);
      },
      problem: (problem) => {
        problems.push(problem);
        if (json) print(JSON.stringify({ kind: "problem", ...problem }));
        else printProblems([problem]);
      },
    },
  );
  if (json)
    print(JSON.stringify({ kind: "summary", ok: exitCodeOf(summary, problems) === EXIT_OK, software, ...summary }));
  else if (summary.segments > 0) print(showSummary(summary, software, tell));
  return exitCodeOf(summary, problems);
}

function exitCodeOf(summary: ReplaySummary, problems: readonly Problem[]): number {
  if (summary.difference !== undefined) return EXIT_ERRORS;
  const isUnusable = summary.segments === 0 || problems.some(({ severity }) => severity === "error");
  return isUnusable ? EXIT_USAGE : EXIT_OK;
}

function eventsOf({ decisions }: RerunStep, { group }: ReplayFlags): readonly DecisionEvent[] {
  const events = decisions.flatMap((each) => (each.kind === "event" ? [each["event"] as DecisionEvent] : []));
  return group === undefined ? events : events.filter((event) => event.group === group);
}

function stepAsText(step: RerunStep, wall: number, flags: ReplayFlags, tell: Teller): string[] {
  if (!flags.verbose) return eventsOf(step, flags).map((event) => showEvent(event, wall));
  const { input, effects, decisions } = step;
  const events = new Set(eventsOf(step, flags));
  return [
    `  ${new Date(wall).toISOString()}  < ${tell.input(input)}`,
    ...effects.filter(({ kind }) => kind !== "event").map((effect) => `    > ${tell.effect(effect, input.now)}`),
    ...decisions.filter(({ kind }) => kind === "threw").map((each) => `    > ${showDecision(each)}`),
    ...[...events].map((event) => showEvent(event, wall)),
  ];
}

function stepAsJson(step: RerunStep, wall: number, flags: ReplayFlags): string[] {
  if (flags.verbose) {
    const { input, effects } = step;
    return [JSON.stringify({ kind: "step", time: wall, input, effects })];
  }
  return eventsOf(step, flags).map((event) => JSON.stringify({ kind: "decision", time: wall, ...event }));
}
