/**
 * `npm run chaos`: random schedules of the lab's faults on the real daemon, kernel and nginx, judged from outside.
 * Exit code 0 when every promise was kept, 1 when one was not, 2 for arguments that are not understood. Ctrl-C heals,
 * reports what was seen so far, and leaves nothing behind.
 */

import { randomInt } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { printProblems } from "../../cli/print-problems.ts";
import { removeLeftovers } from "../directory.ts";
import { whatIsMissing } from "../namespaces.ts";
import type { Evidence } from "./evidence.ts";
import { judge } from "./judge.ts";
import type { Verdict } from "./judge.ts";
import { KINDS } from "./kinds.ts";
import { readOptions, USAGE } from "./options.ts";
import type { ChaosOptions } from "./options.ts";
import { isClean, renderReport } from "./report.ts";
import { REST_LIMIT_MS, runChaos } from "./run.ts";
import { drawSchedule, renderPhase } from "./schedule.ts";
import type { Schedule } from "./schedule.ts";

const EXIT_OK = 0;
const EXIT_BROKEN = 1;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;
const MOST_DRAWN_SEED = 1_000_000;

async function main(argv: readonly string[]): Promise<number> {
  const read = readOptions(argv);
  if ("problems" in read) {
    printProblems(read.problems);
    return EXIT_USAGE;
  }
  const { options } = read;
  if (options.help) return print(USAGE.trimEnd());
  if (options.list) {
    return print(...Object.entries(KINDS).map(([name, { summary }]) => `${name.padEnd(16)} ${summary}`));
  }
  const seed = options.seed ?? randomInt(MOST_DRAWN_SEED);
  const schedule = drawSchedule({ ...options, seed });
  if (options.plan) return print(headOf(schedule), ...schedule.phases.flatMap(renderPhase));
  const problems = whatIsMissing();
  if (problems.length > 0) {
    printProblems(problems);
    return EXIT_BROKEN;
  }
  return await unleash(schedule, options);
}

function print(...lines: readonly string[]): number {
  process.stdout.write(`${lines.join("\n")}\n`);
  return EXIT_OK;
}

function headOf({ seed, nodes, minutes, kinds }: Schedule): string {
  return `seed ${seed}: ${nodes} nodes, ${minutes} minutes, ${kinds.length} kinds of faults`;
}

async function unleash(schedule: Schedule, options: ChaosOptions): Promise<number> {
  const told: string[] = [];
  const say = (line: string): void => {
    told.push(line);
    (options.json ? process.stderr : process.stdout).write(`${line}\n`);
  };
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      // The second time somebody is in a hurry: the lab ends with this process all the same.
      if (stop.signal.aborted) process.exit(EXIT_INTERRUPTED);
      stop.abort();
      say("interrupted: healing, then the report so far");
    });
  }
  say(headOf(schedule));
  const directory = mkdtempSync(join(tmpdir(), `understudy-chaos-${schedule.seed}-`));
  let isKept = true;
  try {
    const evidence = await runChaos({ schedule, say, signal: stop.signal, directory });
    const verdict = judge(evidence, REST_LIMIT_MS);
    for (const line of renderReport(evidence, verdict)) say(line);
    if (options.json) process.stdout.write(`${JSON.stringify(summaryOf(evidence, verdict), undefined, 2)}\n`);
    writeFileSync(join(directory, "evidence.json"), JSON.stringify(evidence));
    isKept = options.keep || !isClean(evidence, verdict);
    if (!isClean(evidence, verdict)) return EXIT_BROKEN;
    return evidence.isInterrupted ? EXIT_INTERRUPTED : EXIT_OK;
  } finally {
    removeLeftovers();
    if (isKept) {
      say(`logs: ${directory}`);
      writeFileSync(join(directory, "told.txt"), `${told.join("\n")}\n`);
    } else {
      rmSync(directory, { recursive: true, force: true });
    }
  }
}

/** The report as data: everything but the raw observations. */
function summaryOf(evidence: Evidence, verdict: Verdict): object {
  const { schedule, phases, spells, skipped, startedMs, endedMs, isInterrupted } = evidence;
  const { seed, nodes, minutes } = schedule;
  return { seed, nodes, minutes, startedMs, endedMs, isInterrupted, ...verdict, phases, spells, skipped };
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = EXIT_BROKEN;
}
