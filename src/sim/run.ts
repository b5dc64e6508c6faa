/**
 * Runs one seed: a safety phase in which anything of its mix may happen, then healing, then a liveness phase
 * that must converge. The run is made twice and must leave the same hash.
 */

import { Random } from "../core/base/random.ts";
import type { Checker } from "./checkers/checker.ts";
import { Epochs } from "./checkers/epochs.ts";
import { InsideLease } from "./checkers/lease.ts";
import { Liveness } from "./checkers/liveness.ts";
import { NeedlessMoves } from "./checkers/needless-moves.ts";
import { OneHolder } from "./checkers/one-holder.ts";
import { PromptTakeover } from "./checkers/prompt-takeover.ts";
import { Replayed } from "./checkers/replayed.ts";
import { StoppedClocks } from "./checkers/stopped-clocks.ts";
import { drawCluster } from "./cluster.ts";
import type { ClusterConfig } from "../core/config/cluster.ts";
import { drawFaults } from "./faults/draw.ts";
import { describeFault, type Fault, type Mix } from "./faults/fault.ts";
import { inflict } from "./faults/inflict.ts";
import type { RequestCounts } from "./observers.ts";
import type { MakeCore } from "./process.ts";
import { drawLayout, type SegmentLayout } from "./layout.ts";
import { World, type Violation } from "./world.ts";

/** What to run; what is undefined the seed decides. */
export interface RunOptions {
  readonly seed: number;
  readonly makeCore: MakeCore;
  readonly nodes?: number | undefined;
  readonly links?: number | undefined;
  readonly mix?: Mix | undefined;
  /** Length of the safety phase. */
  readonly seconds?: number | undefined;
  readonly recording?: boolean;
  readonly verbose?: boolean;
  /** Replaces the drawn schedule, for shortening one and for scenarios written by hand. */
  readonly faults?: readonly Fault[];
  /** Changes the drawn cluster file, for scenarios. */
  readonly adapt?: (config: ClusterConfig) => ClusterConfig;
  /** How each link's segment is built, for scenarios; otherwise drawn. */
  readonly layouts?: readonly SegmentLayout[];
  /** Addresses of the routers on each link, for scenarios; otherwise drawn. */
  readonly gateways?: readonly (readonly string[])[];
}

export interface RunReport {
  readonly seed: number;
  readonly mix: Mix;
  readonly nodes: number;
  readonly hash: string;
  readonly violations: readonly Violation[];
  /** How often each checker compared something. */
  readonly checks: Readonly<Record<string, number>>;
  readonly simulatedMs: number;
  readonly steps: number;
  /** Changes of a VIP's server, and times that it was closed after it was open. */
  readonly moves: number;
  readonly gaps: number;
  readonly unreachableOverlaps: number;
  /** How the requests of clients and gateways ended. */
  readonly requests: RequestCounts;
  readonly takeoverGapsMs: readonly number[];
  /** Overlaps after a machine's clock stood still: the one exception. */
  readonly overlapsMs: readonly number[];
  readonly faults: readonly Fault[];
  /** How many faults of each kind began. */
  readonly inflicted: Readonly<Record<string, number>>;
  readonly trace: readonly string[];
}

/** Time for daemons to start and groups to settle before the first fault. */
const SETTLE_MS = 1_500;
/** When, after healing, an operator undoes wishes and bars. */
const REPAIR_AFTER_MS = 3_000;
/** All groups must be served so long after healing: boot, initial wait, retries of starts, and slack. */
const LIVENESS_BOUND_MS = 9_000;

/** One run of a seed. */
export function runOnce(options: RunOptions): RunReport {
  const random = new Random(`${options.seed}/plan`);
  const drawnMix = random.pick<Mix>([
    "calm",
    "lossy",
    "power",
    "power",
    "chaos",
    "chaos",
    "chaos",
    "chaos",
    "chaos",
    "chaos",
  ]);
  const mix = options.mix ?? drawnMix;
  const nodes = options.nodes ?? random.pick([2, 2, 3, 3, 4, 5]);
  const drift = random.pick([0, 0.001, 0.01, 0.05]);
  const usesBytes = random.chance(0.25);
  const isLossy = mix === "lossy";
  const drawn = drawCluster(random, {
    nodes,
    still: mix !== "chaos",
    links: options.links ?? (isLossy ? 2 : undefined),
  });
  const config = options.adapt?.(drawn) ?? drawn;
  const seconds = options.seconds ?? (mix === "chaos" ? random.pick([5, 10, 20]) : 15);
  const safetyEnd = SETTLE_MS + seconds * 1_000;
  const layoutRandom = new Random(`${options.seed}/layout`);
  const layouts = options.layouts ?? config.nodes[0]?.addresses.map(() => drawLayout(layoutRandom, nodes)) ?? [];
  const faults =
    options.faults ?? drawFaults(random, { mix, config, layouts, from: isLossy ? 5_000 : SETTLE_MS, to: safetyEnd });

  const checkers = {
    holder: new OneHolder(),
    lease: new InsideLease(),
    epochs: new Epochs(),
    liveness: new Liveness(),
    moves: new NeedlessMoves(),
    prompt: new PromptTakeover(),
    replay: new Replayed(options.seed),
    stopped: new StoppedClocks(),
  };
  const list: Checker[] = Object.values(checkers);
  const { seed } = options;
  const makeCore = checkers.replay.recording(options.makeCore);
  const world = new World({
    seed,
    config,
    mix,
    makeCore,
    checkers: list,
    layouts,
    ...(options.gateways && { gateways: options.gateways }),
    recording: options.recording ?? false,
    verbose: options.verbose ?? false,
    drift,
    usesBytes,
  });
  play(world, faults, safetyEnd);
  return {
    seed,
    mix,
    nodes,
    hash: world.trace.hash(),
    violations: world.violations,
    checks: Object.fromEntries(list.map((checker) => [checker.name, checker.runs])),
    simulatedMs: world.now,
    steps: world.steps,
    moves: checkers.moves.moves,
    gaps: checkers.moves.gaps,
    unreachableOverlaps: checkers.holder.unreachableOverlaps,
    requests: world.observers.counts,
    takeoverGapsMs: checkers.prompt.gapsMs,
    overlapsMs: checkers.stopped.overlapsMs,
    faults,
    inflicted: Object.fromEntries(world.inflicted),
    trace: world.trace.lines,
  };
}

function play(world: World, faults: readonly Fault[], safetyEnd: number): void {
  const { timeline } = world;
  const isBroken = () => world.violations.length > 0;
  for (const machine of world.machines) timeline.after(world.random.machines.between(0, 300), () => machine.powerOn());
  for (const fault of faults) {
    timeline.at(fault.at, () => {
      world.trace.line(timeline.now, "fault", describeFault(fault));
      const end = inflict(world, fault);
      timeline.at(fault.at + fault.forMs, () => {
        world.trace.line(timeline.now, "fault", `ends: ${describeFault(fault)}`);
        end();
      });
    });
  }
  timeline.runUntil(safetyEnd + 1, isBroken);
  if (isBroken()) return;
  healMachines(world);
  world.heal();
  timeline.after(REPAIR_AFTER_MS, () => repair(world));
  timeline.runUntil(timeline.now + LIVENESS_BOUND_MS, isBroken);
  if (isBroken()) return;
  for (const checker of world.checkers) checker.ended(world);
}

/** Faults end by themselves at the end of the phase; daemons that died or left are started again. */
function healMachines(world: World): void {
  for (const machine of world.machines) {
    machine.serviceMood = "well";
    machine.shouldRun = true;
    machine.powerOn();
    machine.startProcess(undefined);
  }
}

/** What an operator would type: everybody online, no maintenance, no bars. */
function repair(world: World): void {
  const [first] = world.machines;
  if (first === undefined || world.mix !== "chaos") return;
  for (const machine of world.machines) world.request(first, { verb: "online", node: machine.name });
  world.request(first, { verb: "maintenance", on: false });
  for (const group of world.config.groups) world.request(first, { verb: "clear", group: group.name });
}

/** Runs a seed twice; a different hash is a violation of its own. */
export function runSeed(options: RunOptions): RunReport {
  const once = runOnce(options);
  const again = runOnce(options);
  if (once.hash === again.hash) return once;
  const text = `the first run's hash is ${once.hash}, the second's ${again.hash}`;
  return { ...once, violations: [...once.violations, { at: once.simulatedMs, checker: "determinism", text }] };
}

/** Leaves out faults one by one as long as the same checker still fails; returns the shorter schedule's run. */
export function shorten(options: RunOptions, failed: RunReport): RunReport {
  const checker = failed.violations[0]?.checker;
  let best = failed;
  for (let index = failed.faults.length - 1; index >= 0; index--) {
    const faults = best.faults.filter((fault) => fault !== failed.faults[index]);
    if (faults.length === best.faults.length) continue;
    const tried = runOnce({ ...options, faults });
    if (tried.violations[0]?.checker === checker) best = tried;
  }
  return runOnce({ ...options, faults: best.faults, recording: true });
}
