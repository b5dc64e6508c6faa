/**
 * Command line of the simulator: runs seeds one after another, and for one that fails prints the shortest trace that
 * it finds and the commands that run it again. A campaign in which a checker never compared anything has failed too.
 */

import { setImmediate as turn } from "node:timers/promises";
import { Node } from "../core/node/node.ts";
import { commandFor, readArguments, type SimOptions, USAGE } from "./arguments.ts";
import { describeFault } from "./faults/fault.ts";
import type { MakeCore } from "./process.ts";
import { shorten } from "./reduce.ts";
import { runOnce, type RunOptions, type RunReport, runSeed } from "./run.ts";
import { Totals } from "./totals.ts";

const realCore: MakeCore = (options) => new Node(options);

/** A shorter trace is searched for so long. */
const SEARCH_MS = 60_000;
/** With `--forever`, a line about the state is printed so often. */
const STATUS_EVERY_MS = 10_000;
/** In so many seeds every checker should have found something to compare; in fewer, chance may not have given it any. */
const SEEDS_FOR_ALL_CHECKERS = 100;

/** What the command line needs of the world around it. */
export interface Surroundings {
  readonly makeCore: MakeCore;
  readonly print: (line: string) => void;
  readonly complain: (line: string) => void;
  /** Asked between two seeds. */
  readonly isInterrupted: () => boolean;
}

/** Runs as told; the exit code is 0 only when every seed passed, and 2 when it was told nonsense. */
export async function main(argv: readonly string[], surroundings: Partial<Surroundings> = {}): Promise<number> {
  const { makeCore = realCore, isInterrupted = () => false } = surroundings;
  const { print = console.log, complain = console.error } = surroundings;
  if (argv.includes("--help") || argv.includes("-h")) {
    print(USAGE);
    return 0;
  }
  const options = readArguments(argv);
  if (typeof options === "string") {
    complain(`${options}\n${USAGE}`);
    return 2;
  }
  const totals = new Totals();
  const started = performance.now();
  let toldAt = started;
  const last = options.forever ? Number.POSITIVE_INFINITY : options.seed + options.runs - 1;
  for (let seed = options.seed; seed <= last && !isInterrupted(); seed++) {
    const wanted = runOptions(options, seed, makeCore);
    const report = options.once ? runOnce(wanted) : runSeed(wanted);
    const absent = options.only?.filter((number) => !report.numbers.includes(number)) ?? [];
    if (absent.length > 0 && report.violations.length === 0) {
      complain(`--only ${absent.join(",")}: the schedule of seed ${seed} has no such fault in this run`);
      return 2;
    }
    totals.add(report);
    if (report.violations.length > 0) {
      printFailure(options, { wanted, report, print });
      if (options.forever) break;
    } else if (options.trace) {
      print(runOnce({ ...wanted, recording: true, verbose: options.verbose }).trace.join("\n"));
    }
    if (!options.forever) continue;
    if (performance.now() - toldAt >= STATUS_EVERY_MS) {
      toldAt = performance.now();
      print(`seed ${seed}: ${totals.status(toldAt - started)}`);
    }
    // Signals are delivered between two turns.
    await turn();
  }
  for (const line of totals.lines(performance.now() - started)) print(line);
  const idle = totals.seeds >= SEEDS_FOR_ALL_CHECKERS && options.mix === undefined ? totals.idleCheckers() : [];
  for (const name of idle) print(`FAILED: checker "${name}" never compared anything`);
  return totals.failed > 0 || idle.length > 0 ? 1 : 0;
}

function runOptions(options: SimOptions, seed: number, makeCore: MakeCore): RunOptions {
  const { nodes, links, seconds, hours, mix, only, drop } = options;
  return { seed, makeCore, nodes, links, seconds, hours, mix, only, drop };
}

function printFailure(
  options: SimOptions,
  what: { wanted: RunOptions; report: RunReport; print: (line: string) => void },
): void {
  const { wanted, report, print } = what;
  print(`seed ${report.seed} FAILED (mix ${report.mix}, ${report.nodes} nodes)`);
  for (const { at, checker, text } of report.violations) print(`  at ${seconds(at)}, "${checker}": ${text}`);
  print(`  replay: ${commandFor(report.seed, wanted)}`);
  // A run that was only repeated differently has no shorter form.
  if (options.brief || report.violations[0]?.checker === "determinism") return;
  const patience = { clock: () => performance.now(), untilMs: performance.now() + SEARCH_MS };
  const shorter = shorten({ ...wanted, verbose: options.verbose }, report, patience);
  print(
    `  shortest schedule found: ${shorter.faults.length} of ${report.faults.length} faults, ${shorter.nodes} nodes`,
  );
  print(`  replay it: ${commandFor(report.seed, { ...wanted, ...shorter.reduction })}\n`);
  for (const fault of shorter.faults) print(`    at ${seconds(fault.at)}  ${describeFault(fault)}`);
  for (const line of shorter.trace) print(`  ${line}`);
  for (const { at, checker, text } of shorter.violations.slice(0, 1))
    print(`  at ${seconds(at)}, "${checker}": ${text}`);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(3)} s`;
}

if (import.meta.main) {
  const argv = process.argv.slice(2);
  let interrupted = false;
  // A reader that ends early (`| head`) ends the campaign: what nobody reads proves nothing.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(1);
    throw error;
  });
  // The first interruption ends a campaign after its present seed, and with its totals; the next ends it at once.
  if (argv.includes("--forever")) process.once("SIGINT", () => (interrupted = true));
  process.exitCode = await main(argv, { isInterrupted: () => interrupted });
}
