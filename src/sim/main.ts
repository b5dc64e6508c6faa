/**
 * Command line of the simulator: runs seeds one after another, and for one that fails prints the shortest
 * trace that it finds and the command that runs it again.
 */

import { Node } from "../core/node/node.ts";
import { describeFault, type Mix, MIXES } from "./faults/fault.ts";
import { MACHINE_KINDS } from "./faults/machine-actions.ts";
import { NETWORK_KINDS } from "./faults/network-actions.ts";
import type { MakeCore } from "./process.ts";
import { runOnce, type RunOptions, type RunReport, runSeed, shorten } from "./run.ts";

const USAGE = `usage: npm run sim -- [--seed N] [--runs R] [--nodes K] [--links L] [--seconds S] [--mix calm|lossy|power|chaos] [--trace] [--verbose] [--brief] [--once]
  --seed N     first seed (1)            --runs R   number of seeds (1)
  --nodes K    nodes (seed decides)      --links L  links (seed decides)
  --seconds S  length of the safety phase
  --trace      print the trace even when nothing fails
  --verbose    every input and effect in the traces
  --brief      only the violations of a failing seed, no trace
  --once       do not repeat each run to compare the hashes`;

const makeCore: MakeCore = (options) => new Node(options);

interface Options {
  seed: number;
  runs: number;
  nodes: number | undefined;
  links: number | undefined;
  seconds: number | undefined;
  mix: Mix | undefined;
  trace: boolean;
  verbose: boolean;
  brief: boolean;
  once: boolean;
}

function parseArguments(argv: readonly string[]): Options | string {
  const options: Options = {
    seed: 1,
    runs: 1,
    nodes: undefined,
    links: undefined,
    seconds: undefined,
    mix: undefined,
    trace: false,
    verbose: false,
    brief: false,
    once: false,
  };
  for (let index = 0; index < argv.length; index++) {
    const name = argv[index] as string;
    if (/^--(trace|verbose|brief|once)$/.test(name)) {
      options[name.slice(2) as "trace" | "verbose" | "brief" | "once"] = true;
      continue;
    }
    const value = argv[++index];
    if (name === "--mix" && MIXES.includes(value as Mix)) {
      options.mix = value as Mix;
    } else if (/^--(seed|runs|nodes|links|seconds)$/.test(name) && value !== undefined && /^\d+$/.test(value)) {
      options[name.slice(2) as "seed" | "runs" | "nodes" | "links" | "seconds"] = Number(value);
    } else {
      return `cannot understand ${name} ${value ?? ""}`;
    }
  }
  const { nodes } = options;
  return nodes !== undefined && (nodes < 2 || nodes > 16) ? "--nodes takes 2 to 16" : options;
}

function commandFor(options: Options, seed: number): string {
  const fixed = (["nodes", "links", "seconds", "mix"] as const).map((name) =>
    options[name] === undefined ? "" : ` --${name} ${options[name]}`,
  );
  return `npm run sim -- --seed ${seed}${fixed.join("")} --trace`;
}

function printFailure(options: Options, report: RunReport): void {
  console.log(`seed ${report.seed} FAILED (mix ${report.mix}, ${report.nodes} nodes)`);
  for (const violation of report.violations)
    console.log(`  at ${(violation.at / 1_000).toFixed(3)} s, "${violation.checker}": ${violation.text}`);
  console.log(`  replay: ${commandFor(options, report.seed)}\n`);
  if (options.brief) return;
  const shorter = shorten({ ...runOptions(options, report.seed), verbose: options.verbose }, report);
  console.log(`  shortest schedule found: ${shorter.faults.length} of ${report.faults.length} faults`);
  for (const fault of shorter.faults) console.log(`    at ${(fault.at / 1_000).toFixed(3)} s  ${describeFault(fault)}`);
  console.log(shorter.trace.map((line) => `  ${line}`).join("\n"));
}

function runOptions(options: Options, seed: number): RunOptions {
  return { seed, makeCore, nodes: options.nodes, links: options.links, seconds: options.seconds, mix: options.mix };
}

interface Totals {
  failed: number;
  simulatedMs: number;
  moves: number;
  gaps: number;
  overlaps: number;
  gapsMs: number[];
  checks: Record<string, number>;
  inflicted: Record<string, number>;
}

function add(totals: Totals, report: RunReport): void {
  totals.simulatedMs += report.simulatedMs;
  totals.moves += report.moves;
  totals.gaps += report.gaps;
  totals.overlaps += report.unreachableOverlaps;
  totals.gapsMs.push(...report.takeoverGapsMs);
  for (const [name, runs] of Object.entries(report.checks)) totals.checks[name] = (totals.checks[name] ?? 0) + runs;
  for (const [kind, count] of Object.entries(report.inflicted))
    totals.inflicted[kind] = (totals.inflicted[kind] ?? 0) + count;
  if (report.violations.length > 0) totals.failed++;
}

function printTotals(totals: Totals, options: Options, seconds: number): void {
  const gaps = totals.gapsMs.toSorted((a, b) => a - b);
  console.log(
    `${options.runs} seeds from ${options.seed}: ${totals.failed} failed; ${(totals.simulatedMs / 1_000).toFixed(0)} simulated seconds in ${seconds.toFixed(1)} s`,
  );
  console.log(`moves ${totals.moves}, closures ${totals.gaps}, overlaps that no client could reach ${totals.overlaps}`);
  if (gaps.length > 0)
    console.log(
      `takeover after power loss: ${gaps.length} gaps, median ${gaps[gaps.length >> 1]?.toFixed(0)} ms, longest ${gaps.at(-1)?.toFixed(0)} ms`,
    );
  for (const [name, runs] of Object.entries(totals.checks)) console.log(`checker "${name}" ran ${runs} times`);
  const kinds = [...MACHINE_KINDS, ...NETWORK_KINDS].map((kind) => `${kind} ${totals.inflicted[kind] ?? 0}`);
  console.log(`faults inflicted: ${kinds.join(", ")}`);
}

/** Runs as told; the exit code is 0 only when every seed passed. */
export function main(argv: readonly string[]): number {
  const options = parseArguments(argv);
  if (typeof options === "string") {
    console.error(`${options}\n${USAGE}`);
    return 2;
  }
  const totals: Totals = {
    failed: 0,
    simulatedMs: 0,
    moves: 0,
    gaps: 0,
    overlaps: 0,
    gapsMs: [],
    checks: {},
    inflicted: {},
  };
  const started = performance.now();
  for (let seed = options.seed; seed < options.seed + options.runs; seed++) {
    const wanted = runOptions(options, seed);
    const report = options.once ? runOnce(wanted) : runSeed(wanted);
    add(totals, report);
    if (report.violations.length > 0) printFailure(options, report);
    else if (options.trace)
      console.log(runOnce({ ...wanted, recording: true, verbose: options.verbose }).trace.join("\n"));
  }
  printTotals(totals, options, (performance.now() - started) / 1_000);
  return totals.failed > 0 ? 1 : 0;
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2));
