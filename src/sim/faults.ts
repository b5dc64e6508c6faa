/**
 * What goes wrong in a run. A schedule is plain data drawn from the seed before the run begins, so that it can
 * be printed, and shortened when a failure is searched for. It contains only faults that the arbiter
 * `segment` promises to survive: two nodes that lose each other on all links while both reach the clients are
 * left out, as are lost UDP together with lost ARP.
 */

import { unreachable } from "../core/base/assert.ts";
import type { Random } from "../core/base/random.ts";
import type { ClusterConfig } from "../core/config/cluster.ts";
import type { Verb } from "../core/node/inputs.ts";
import type { ServiceMood } from "./machine.ts";
import { GOOD_QUALITY, type Quality } from "./network.ts";

/** Kinds of runs: no fault; packet loss that must not move anything; only power losses; anything. */
export type Mix = "calm" | "lossy" | "power" | "chaos";
export const MIXES: readonly Mix[] = ["calm", "lossy", "power", "chaos"];

/** A node's number, or whoever serves the first VIP at that moment. */
export type Target = number | "holder";

export type FaultAction =
  | { readonly kind: "power"; readonly node: Target }
  | { readonly kind: "kill"; readonly node: Target }
  | { readonly kind: "freeze"; readonly node: Target; readonly effects: number | undefined }
  | { readonly kind: "stall"; readonly node: Target }
  | {
      readonly kind: "cut";
      readonly node: Target;
      readonly links: readonly number[];
      readonly way: "both" | "in" | "out";
      readonly carrier: boolean;
    }
  | {
      readonly kind: "pair-cut";
      readonly from: number;
      readonly to: number;
      readonly link: number;
      readonly bothWays: boolean;
    }
  /** Frames are filtered, ARP and echo are not: between all nodes, or from one to another. */
  | {
      readonly kind: "udp";
      readonly links: readonly number[];
      readonly pair?: { readonly from: number; readonly to: number; readonly bothWays: boolean };
    }
  | { readonly kind: "quality"; readonly link: number; readonly quality: Quality }
  | { readonly kind: "gateway"; readonly link: number }
  | { readonly kind: "stranger"; readonly link: number }
  | { readonly kind: "fabric"; readonly link: number }
  /** Somebody sends captured frames and rubbish. */
  | { readonly kind: "noise"; readonly everyMs: number }
  | { readonly kind: "service"; readonly node: Target; readonly mood: ServiceMood }
  | { readonly kind: "services-die"; readonly node: Target }
  | { readonly kind: "monitor"; readonly node: Target }
  | { readonly kind: "request"; readonly node: Target; readonly verb: Verb }
  | { readonly kind: "leave"; readonly node: Target }
  /** The daemon runs with another cluster file. */
  | { readonly kind: "config"; readonly node: Target }
  /** The gate's rules cannot be kept. */
  | { readonly kind: "gate"; readonly node: Target };

/** One fault; times in milliseconds of true time. */
export interface Fault {
  readonly at: number;
  readonly forMs: number;
  readonly action: FaultAction;
}

/** One line for people. */
export function describeFault(fault: Fault): string {
  const { kind, ...rest } = fault.action;
  return `${kind} ${JSON.stringify(rest)} for ${fault.forMs.toFixed(0)} ms`;
}

/** Draws the faults of the safety phase, which lasts from `from` to `to`. */
export function drawFaults(
  random: Random,
  options: { mix: Mix; config: ClusterConfig; from: number; to: number },
): Fault[] {
  const { mix, config } = options;
  const links = config.nodes[0]?.addresses.length ?? 0;
  switch (mix) {
    case "calm":
      return [];
    case "lossy":
      return Array.from({ length: links }, (_, link) => {
        const quality = {
          ...GOOD_QUALITY,
          loss: random.between(0.05, 0.3),
          duplicate: random.between(0, 0.1),
          delayMax: random.between(0.5, 15),
        };
        return { at: options.from, forMs: options.to - options.from, action: { kind: "quality", link, quality } };
      });
    case "power":
      return drawPowerLosses(random, options);
    case "chaos":
      return drawChaos(random, options);
    default:
      return unreachable(mix);
  }
}

/** Power is lost one node at a time, with time to come back and settle in between. */
function drawPowerLosses(random: Random, options: { config: ClusterConfig; from: number; to: number }): Fault[] {
  const faults: Fault[] = [];
  const settleMs = options.config.heartbeat.initialWaitMs + 2_500;
  for (let at = options.from + settleMs; at < options.to; at += settleMs + 1_500) {
    faults.push({ at: at + random.between(0, 200), forMs: 1_200, action: { kind: "power", node: "holder" } });
  }
  return faults;
}

function drawChaos(random: Random, options: { config: ClusterConfig; from: number; to: number }): Fault[] {
  const faults: Fault[] = [];
  const meanPauseMs = random.pick([300, 1_000, 3_000]);
  // Either ports and quality, or pairs, or UDP: mixing them makes isolated pairs, which are outside the promise.
  const flavour = random.pick(["ports", "ports", "pairs", "udp"] as const);
  for (let at = options.from; at < options.to; at += random.between(0.2, 1.8) * meanPauseMs) {
    const action = drawAction(random, options.config, flavour);
    const forMs = Math.min(drawDuration(random, action), options.to - at);
    if (forMs > 0) faults.push({ at, forMs, action });
  }
  return faults;
}

function drawDuration(random: Random, action: FaultAction): number {
  if (action.kind === "freeze" && random.chance(0.4)) return random.between(1, 100);
  return random.pick([random.between(20, 500), random.between(100, 1_000), random.between(500, 5_000)]);
}

function drawAction(random: Random, config: ClusterConfig, flavour: "ports" | "pairs" | "udp"): FaultAction {
  const node: Target = random.chance(0.5) ? "holder" : random.integer(0, config.nodes.length - 1);
  const drawn = random.fraction();
  if (drawn < 0.12) return { kind: "power", node };
  if (drawn < 0.2) return { kind: "kill", node };
  if (drawn < 0.35) return { kind: "freeze", node, effects: random.chance(0.4) ? random.integer(0, 6) : undefined };
  if (drawn < 0.39) return { kind: "stall", node };
  if (drawn < 0.43)
    return { kind: "service", node, mood: random.pick(["slow", "fails-to-start", "hangs-in-start", "fails-to-stop"]) };
  if (drawn < 0.45) return { kind: "services-die", node };
  if (drawn < 0.5) return { kind: "monitor", node };
  if (drawn < 0.58) return { kind: "request", node, verb: drawVerb(random, config) };
  if (drawn < 0.61) return { kind: "leave", node };
  if (drawn < 0.62) return { kind: "config", node };
  if (drawn < 0.635) return { kind: "gate", node };
  return drawNetworkFault(random, config, { flavour, node });
}

function drawNetworkFault(
  random: Random,
  config: ClusterConfig,
  options: { flavour: "ports" | "pairs" | "udp"; node: Target },
): FaultAction {
  const links = Array.from(config.nodes[0]?.addresses ?? [], (_, link) => link);
  const link = random.pick(links);
  if (random.chance(0.1)) return { kind: "gateway", link: 0 };
  if (random.chance(0.05)) return { kind: "noise", everyMs: random.between(2, 50) };
  if (random.chance(0.08)) return { kind: random.pick(["stranger", "fabric"]), link: 0 };
  const from = random.integer(0, config.nodes.length - 1);
  const to = (from + random.integer(1, config.nodes.length - 1)) % config.nodes.length;
  const pair = { from, to, bothWays: random.chance(0.5) };
  if (options.flavour === "udp") {
    const some = random.chance(0.7) ? links : [link];
    return random.chance(0.5) ? { kind: "udp", links: some } : { kind: "udp", links: some, pair };
  }
  if (options.flavour === "pairs" && links.length > 1) return { kind: "pair-cut", link: 0, ...pair };
  if (random.chance(0.3)) return { kind: "quality", link, quality: drawQuality(random) };
  const all = random.chance(0.4);
  return {
    kind: "cut",
    node: options.node,
    links: all ? links : [link],
    way: random.pick(["both", "both", "in", "out"]),
    carrier: random.chance(0.4),
  };
}

/** Delays stay below half the time in which a segment is trusted to carry a question and its answer. */
function drawQuality(random: Random): Quality {
  const delayMin = random.chance(0.3) ? random.between(0, 8) : 0.05;
  return {
    loss: random.between(0, 0.3),
    duplicate: random.between(0, 0.2),
    delayMin,
    delayMax: delayMin + random.between(0.3, 10),
  };
}

function drawVerb(random: Random, config: ClusterConfig): Verb {
  const node = random.pick(config.nodes).name;
  const group = random.pick(config.groups).name;
  return random.pick<Verb>([
    { verb: "switch", group, to: node },
    { verb: "switch", group, to: node },
    { verb: "standby", node },
    { verb: "online", node },
    { verb: "clear", group },
    { verb: "maintenance", on: random.chance(0.5) },
    { verb: "restart" },
    { verb: "restart" },
  ]);
}
