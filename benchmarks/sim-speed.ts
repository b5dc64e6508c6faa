/**
 * `npm run bench:sim`: how many seconds of a cluster's life one core simulates in a second. Every run is made once, with
 * all checkers, at the default interval and with two links. Beside the whole simulation stand, in the same run, its core
 * alone (the same inputs given to fresh nodes, nobody performing anything) and a core that looks at all its decisions in
 * every step, as it would be right but slow. The full run writes `benchmarks/sim-speed.md`; a quick one only prints.
 */

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Input } from "../src/core/node/inputs.ts";
import { Node } from "../src/core/node/node.ts";
import type { NodeOptions } from "../src/core/node/node.ts";
import { packageRoot } from "../src/lab/plan.ts";
import type { Mix } from "../src/sim/faults/fault.ts";
import type { MakeCore } from "../src/sim/process.ts";
import { runOnce } from "../src/sim/run.ts";
import { median } from "./figures.ts";
import { table } from "./report.ts";

const USAGE = `usage: npm run bench:sim -- [--quick]

  --quick   few seeds and rounds, and the page is not written`;

const NODES = [2, 3, 5];
const LINKS = 2;
const SIM_MIXES: readonly Mix[] = ["calm", "chaos"];
/** The promise, for five nodes. */
const PROMISED = 1_000;
const EFFORT = { quick: { seeds: 6, rounds: 2 }, full: { seeds: 16, rounds: 3 } };
/** Seeds whose inputs are kept for the core alone: they take memory. */
const RECORDED_SEEDS = 6;
/** New space of a child in which nothing is collected, so that what is allocated can be seen; in megabytes. */
const ROOM_MB = 1_024;
const HERE = fileURLToPath(import.meta.url);

interface Speed {
  readonly simulatedS: number;
  readonly steps: number;
  /** Time of this thread on a processor, and on the clock. */
  readonly processorS: number;
  readonly realS: number;
}

interface Row {
  readonly nodes: number;
  readonly mix: Mix;
  readonly rounds: readonly Speed[];
  readonly looking: Speed;
  readonly coreNs: number;
  readonly allocated: { readonly bytesPerStep: number; readonly bytesPerSimulatedS: number };
}

const realCore: MakeCore = (options) => new Node(options);

/** A core that takes the whole look in every step. */
const lookingCore: MakeCore = (options) => {
  const node = new Node(options);
  return {
    step: (input) => {
      node.unsettle();
      return node.step(input);
    },
    view: (now) => node.view(now),
  };
};

function simulate(shape: { nodes: number; mix: Mix }, seeds: number, makeCore: MakeCore): Speed {
  let simulatedMs = 0;
  let steps = 0;
  const processor = process.threadCpuUsage();
  const began = performance.now();
  for (let seed = 1; seed <= seeds; seed++) {
    const report = runOnce({ ...shape, seed, links: LINKS, makeCore });
    if (report.violations.length > 0) throw new Error(`seed ${seed}: ${report.violations[0]?.text ?? ""}`);
    simulatedMs += report.simulatedMs;
    steps += report.steps;
  }
  const { user, system } = process.threadCpuUsage(processor);
  const realS = (performance.now() - began) / 1_000;
  return { simulatedS: simulatedMs / 1_000, steps, processorS: (user + system) / 1e6, realS };
}

/** Nanoseconds of a step when nobody performs what it wants done. */
function stepAlone(shape: { nodes: number; mix: Mix }): number {
  const lives: { options: NodeOptions; inputs: Input[] }[] = [];
  const recording: MakeCore = (options) => {
    const node = new Node(options);
    const inputs: Input[] = [];
    lives.push({ options, inputs });
    return {
      step: (input) => {
        inputs.push(input);
        return node.step(input);
      },
      view: (now) => node.view(now),
    };
  };
  simulate(shape, RECORDED_SEEDS, recording);
  const times: number[] = [];
  for (let round = 0; round < 3; round++) {
    const nodes = lives.map(({ options }) => new Node(options));
    const before = process.threadCpuUsage();
    let steps = 0;
    for (const [index, { inputs }] of lives.entries()) {
      for (const input of inputs) nodes[index]?.step(input);
      steps += inputs.length;
    }
    const { user, system } = process.threadCpuUsage(before);
    times.push(((user + system) * 1_000) / steps);
  }
  return median(times);
}

/** What a run allocates, seen by a child that never collects; printed by it. */
function allocations(shape: { nodes: number; mix: Mix }): Row["allocated"] {
  const flags = [`--min-semi-space-size=${ROOM_MB}`, `--max-semi-space-size=${ROOM_MB}`];
  const args = [...flags, HERE, "--allocations", String(shape.nodes), "--mix", shape.mix];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })) as Row["allocated"];
}

function printAllocations(shape: { nodes: number; mix: Mix }): void {
  simulate(shape, 2, realCore);
  const before = process.memoryUsage().heapUsed;
  const { steps, simulatedS } = simulate(shape, 2, realCore);
  const bytes = process.memoryUsage().heapUsed - before;
  if (bytes < 0) throw new Error("something was collected: more room is needed");
  console.log(JSON.stringify({ bytesPerStep: bytes / steps, bytesPerSimulatedS: bytes / simulatedS }));
}

function measure(shape: { nodes: number; mix: Mix }, effort: { seeds: number; rounds: number }): Row {
  // What runs for the first time is compiled first.
  simulate(shape, 4, realCore);
  const rounds = Array.from({ length: effort.rounds }, () => simulate(shape, effort.seeds, realCore));
  const looking = simulate(shape, effort.seeds, lookingCore);
  return { ...shape, rounds, looking, coreNs: stepAlone(shape), allocated: allocations(shape) };
}

const rate = ({ simulatedS, processorS }: Speed): number => simulatedS / processorS;
const whole = (value: number): string => Math.round(value).toLocaleString("en");

function render(rows: readonly Row[]): string {
  const speeds = rows.map(({ nodes, mix, rounds, looking }) => [
    String(nodes),
    mix,
    whole(median(rounds.map(rate))),
    whole(Math.max(...rounds.map(rate))),
    whole(median(rounds.map(({ simulatedS, realS }) => simulatedS / realS))),
    whole(rate(looking)),
  ]);
  const anatomy = rows.map(({ nodes, mix, rounds, coreNs, allocated }) => {
    const { steps, simulatedS, processorS } = rounds[0] as Speed;
    const stepNs = median(rounds.map((round) => (round.processorS * 1e9) / round.steps));
    return [
      String(nodes),
      mix,
      whole(steps / simulatedS),
      whole(steps / processorS),
      whole(stepNs),
      whole(coreNs),
      `${Math.round((coreNs / stepNs) * 100)} %`,
      whole(allocated.bytesPerStep),
      `${(allocated.bytesPerSimulatedS / 1e6).toFixed(2)} MB`,
    ];
  });
  const five = rows.filter(({ nodes }) => nodes === 5);
  const verdicts = five.map(({ mix, rounds }) => {
    const reached = median(rounds.map(rate));
    return `${mix}: ${whole(reached)}, ${reached >= PROMISED ? "met" : "**not met**"}`;
  });
  return [
    "# Speed of the simulator, measured",
    "",
    `Written by \`npm run bench:sim\`. ${machine()}`,
    "",
    ...METHOD,
    "",
    `Promised: ${whole(PROMISED)} simulated seconds of a five-node cluster per second of one core. Reached: ${verdicts.join("; ")}.`,
    "",
    "## Simulated seconds per second",
    "",
    ...table(["nodes", "mix", "of one core", "best round", "on the clock", "core that always looks"], speeds),
    "",
    "## What a step costs",
    "",
    ...table(
      [
        "nodes",
        "mix",
        "steps per simulated s",
        "steps per s",
        "ns per step, all",
        "ns per step, core alone",
        "core's share",
        "bytes allocated per step",
        "per simulated s",
      ],
      anatomy,
    ),
    "",
    ...WHERE_IT_GOES,
    "",
  ].join("\n");
}

const METHOD = [
  "Each run is made once, not twice as tests do, with all checkers, two links, beats every 100 ms and frames as bytes in a",
  "quarter of the seeds. *Of one core* is the time that the simulating thread was on a processor; *on the clock* is what a",
  "busy machine left of it. The *core that always looks* decides the same and looks at every decision in every step: the",
  "quotient is what looking only when something may have changed is worth. *Core alone* gives the recorded inputs of the",
  "same runs to fresh nodes, and nobody performs what they want done.",
];

const WHERE_IT_GOES = [
  "## Where the time goes",
  "",
  "Five nodes with two links exchange about 430 beats in a simulated second, and those that serve ask for echoes and",
  "gateways on top: nearly 700 steps when nothing happens, more in chaos. A thousand simulated seconds per second would",
  "leave less than 1.5 µs for a step with its packet, its timers and all checkers; the core alone takes about that on a",
  "busy machine. In calm runs hardly any step looks at decisions any more, so what is left is spread thinly: taking in a",
  "beat, writing the next ones, the network, the timeline, the checkers, collection of what each frame leaves behind.",
  "Frames as bytes cost about three times as much as frames as objects. In chaos the claims are added, in which every step",
  "looks, and questions that every machine of the segment hears. A larger young generation of the heap changed nothing.",
];

function machine(): string {
  const memory = Math.round(totalmem() / 1024 ** 3);
  const load = loadavg()[0] ?? 0;
  return `Machine: ${cpus().length} cores (${cpus()[0]?.model.trim() ?? "unknown"}), ${memory} GiB, Linux ${release()}, Node ${process.versions.node}; load ${load.toFixed(1)} at the end.`;
}

function readFlags() {
  try {
    const options = {
      help: { type: "boolean", short: "h" },
      quick: { type: "boolean" },
      allocations: { type: "string" },
      mix: { type: "string" },
    } as const;
    const { values } = parseArgs({ options });
    if (values.help !== true) return values;
    console.log(USAGE);
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    process.exitCode = 2;
  }
  return undefined;
}

function main(): void {
  const values = readFlags();
  if (values === undefined) return;
  if (values.allocations !== undefined) {
    printAllocations({ nodes: Number(values.allocations), mix: values.mix === "chaos" ? "chaos" : "calm" });
    return;
  }
  const effort = values.quick === true ? EFFORT.quick : EFFORT.full;
  const rows = SIM_MIXES.flatMap((mix) => NODES.map((nodes) => measure({ nodes, mix }, effort)));
  const page = render(rows);
  console.log(page);
  if (values.quick !== true) writeFileSync(join(packageRoot, "benchmarks/sim-speed.md"), page);
}

main();
