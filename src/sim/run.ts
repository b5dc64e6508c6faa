/**
 * Runs one seed: a safety phase in which anything of its mix may happen, then healing, then a liveness phase
 * that must converge. The run is made twice and must leave the same hash.
 */

import { Random } from "../core/base/random.ts";
import type { Checker } from "./checkers/checker.ts";
import { Epochs } from "./checkers/epochs.ts";
import { NoFlapping } from "./checkers/flapping.ts";
import { InsideLease } from "./checkers/lease.ts";
import { Liveness } from "./checkers/liveness.ts";
import { NeedlessMoves } from "./checkers/needless-moves.ts";
import { OneHolder } from "./checkers/one-holder.ts";
import { PromptTakeover } from "./checkers/prompt-takeover.ts";
import { EveryReason } from "./checkers/reasons.ts";
import { Replayed } from "./checkers/replayed.ts";
import { Services } from "./checkers/services.ts";
import { ServedMeanwhile } from "./checkers/served.ts";
import { StoppedClocks } from "./checkers/stopped-clocks.ts";
import { WallTime } from "./checkers/wall-time.ts";
import { drawCluster, withoutNodes } from "./cluster.ts";
import type { ClusterConfig } from "../core/config/cluster.ts";
import { drawFaults } from "./faults/draw.ts";
import type { Fault, Mix } from "./faults/fault.ts";
import { Schedule } from "./faults/schedule.ts";
import type { RequestCounts } from "./observers.ts";
import type { MakeCore } from "./process.ts";
import { drawLayout, type SegmentLayout } from "./layout.ts";
import { play } from "./rounds.ts";
import { World, type Violation } from "./world.ts";

/** What to run; what is undefined the seed decides. */
export interface RunOptions {
  readonly seed: number;
  readonly makeCore: MakeCore;
  /** The cores are not those of the files on disk: no other thread could run their recordings again. */
  readonly isInfected?: boolean;
  readonly nodes?: number | undefined;
  readonly links?: number | undefined;
  readonly mix?: Mix | undefined;
  /** Length of a safety phase. */
  readonly seconds?: number | undefined;
  /** Rounds are played until so many simulated hours are over; without it, one round. */
  readonly hours?: number | undefined;
  /** Only the faults with these numbers happen. */
  readonly only?: readonly number[] | undefined;
  /** So many nodes are left out, from the end of the cluster file. */
  readonly drop?: number | undefined;
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
  /** What a scenario expects at an instant. */
  readonly looks?: readonly Look[];
}

/** Looks at the world at a time; answers a complaint when something is not as the scenario expects it. */
export interface Look {
  readonly at: number;
  readonly see: (world: World) => string | undefined;
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
  /** Their numbers in the drawn schedule. */
  readonly numbers: readonly number[];
  /** How many faults of each kind began. */
  readonly inflicted: Readonly<Record<string, number>>;
  readonly trace: readonly string[];
}

/** Most runs are those in which most can go wrong. */
const DRAWN_MIXES: readonly Mix[] = [
  "calm",
  "lossy",
  "power",
  "power",
  ...Array.from({ length: 6 }, () => "chaos" as const),
];

/** One of each; a run's checkers remember what they saw. */
function makeCheckers(seed: number) {
  return {
    holder: new OneHolder(),
    lease: new InsideLease(),
    epochs: new Epochs(),
    liveness: new Liveness(),
    moves: new NeedlessMoves(),
    prompt: new PromptTakeover(),
    replay: new Replayed(seed),
    services: new Services(),
    stopped: new StoppedClocks(),
    flapping: new NoFlapping(),
    reasons: new EveryReason(),
    served: new ServedMeanwhile(),
    wall: new WallTime(),
  };
}

/** One run of a seed. */
export function runOnce(options: RunOptions): RunReport {
  const random = new Random(`${options.seed}/plan`);
  const drawnMix = random.pick(DRAWN_MIXES);
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
  const whole = options.adapt?.(drawn) ?? drawn;
  const config = options.drop === undefined ? whole : withoutNodes(whole, options.drop);
  const seconds = options.seconds ?? (mix === "chaos" ? random.pick([5, 10, 20]) : 15);
  const layoutRandom = new Random(`${options.seed}/layout`);
  const layouts = options.layouts ?? config.nodes[0]?.addresses.map(() => drawLayout(layoutRandom, nodes)) ?? [];
  const schedule = new Schedule(options, (round) => {
    const from = isLossy ? round.from + 3_500 : round.from;
    const source = round.index === 0 ? random : new Random(`${options.seed}/round ${round.index}`);
    return drawFaults(source, { mix, config: whole, layouts, from, to: round.to });
  });

  const checkers = makeCheckers(options.seed);
  const list: Checker[] = Object.values(checkers);
  const { seed } = options;
  const makeCore = options.isInfected === true ? options.makeCore : checkers.replay.recording(options.makeCore);
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
  for (const { at, see } of options.looks ?? []) {
    world.timeline.at(at, () => {
      const complaint = see(world);
      if (complaint !== undefined) world.violate("scenario", complaint);
    });
  }
  const untilMs = (options.hours ?? 0) * 3_600_000;
  play(world, { safetyMs: seconds * 1_000, untilMs, faultsOf: (round) => schedule.faultsOf(round, config) });
  return {
    seed,
    mix,
    nodes: config.nodes.length,
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
    faults: schedule.played.map(({ fault }) => fault),
    numbers: schedule.played.map(({ number }) => number),
    inflicted: Object.fromEntries(world.inflicted),
    trace: world.trace.lines,
  };
}

/** Runs a seed twice; a different hash is a violation of its own. */
export function runSeed(options: RunOptions): RunReport {
  const once = runOnce(options);
  const again = runOnce(options);
  if (once.hash === again.hash) return once;
  const text = `the first run's hash is ${once.hash}, the second's ${again.hash}`;
  return { ...once, violations: [...once.violations, { at: once.simulatedMs, checker: "determinism", text }] };
}
