/**
 * Draws a run's schedule from its seed. It contains only faults that the arbiter `segment` promises to survive:
 * two nodes that lose each other on all links while both reach a gateway are left out, as are lost UDP together
 * with lost ARP, a whole machine that stands still within a lease after frames began to be filtered, and one whose
 * clock stood still and that goes on while they are.
 */

import { unreachable } from "../../core/base/assert.ts";
import type { Random } from "../../core/base/random.ts";
import type { ClusterConfig } from "../../core/config/cluster.ts";
import type { SegmentLayout } from "../layout.ts";
import { GOOD_QUALITY } from "../network.ts";
import { drawMachineAction } from "./draw-machine.ts";
import { drawFlavour, drawNetworkAction, type NetworkFlavour } from "./draw-network.ts";
import type { Fault, FaultAction, Mix, Target } from "./fault.ts";

/** Draws the faults of the safety phase, which lasts from `from` to `to`. */
export function drawFaults(
  random: Random,
  options: { mix: Mix; config: ClusterConfig; layouts: readonly SegmentLayout[]; from: number; to: number },
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

/** A node is suspect and then dead to the others within so long after its frames began to be filtered. */
const FILTERED_MS = 350;

function drawChaos(
  random: Random,
  options: { config: ClusterConfig; layouts: readonly SegmentLayout[]; from: number; to: number },
): Fault[] {
  const faults: Fault[] = [];
  const meanPauseMs = random.pick([300, 1_000, 3_000, 8_000]);
  const flavour = drawFlavour(random, options.layouts.length);
  let filteredAt = Number.NEGATIVE_INFINITY;
  for (let at = options.from; at < options.to; at += random.between(0.2, 1.8) * meanPauseMs) {
    const action = drawAction(random, options.config, { flavour, layouts: options.layouts });
    const forMs = Math.min(drawDuration(random, action), options.to - at);
    if (isUntold(faults, { at, forMs, action })) continue;
    if (action.kind === "udp") filteredAt = at;
    const stands = action.kind === "suspend" || action.kind === "migrate";
    if (stands && at - filteredAt < FILTERED_MS) continue;
    if (forMs > 0) faults.push({ at, forMs, action });
  }
  return faults;
}

/**
 * Would a machine whose clock stood still go on while frames are filtered, or just before? Only a frame could tell it
 * at once of its successor: until then its gateway's answers renew its lease as they do the other's.
 */
function isUntold(faults: readonly Fault[], fault: Fault): boolean {
  const meet = (stopped: Fault, filter: Fault): boolean => {
    const goesOn = stopped.at + stopped.forMs;
    return filter.at < goesOn + FILTERED_MS && filter.at + filter.forMs > goesOn;
  };
  const { kind } = fault.action;
  if (kind === "migrate") return faults.some((other) => other.action.kind === "udp" && meet(fault, other));
  return kind === "udp" && faults.some((other) => other.action.kind === "migrate" && meet(other, fault));
}

function drawDuration(random: Random, action: FaultAction): number {
  const standsStill = action.kind === "freeze" || action.kind === "suspend" || action.kind === "migrate";
  if (standsStill && random.chance(0.4)) return random.between(1, 100);
  if (standsStill && random.chance(0.1)) return random.between(5_000, 10_000);
  if (action.kind === "disk" && random.chance(0.5)) return random.between(5_000, 60_000);
  return random.pick([random.between(20, 500), random.between(100, 1_000), random.between(500, 5_000)]);
}

/** The rest of the chance belongs to the network. */
const MACHINE_SHARE = 0.635;

function drawAction(
  random: Random,
  config: ClusterConfig,
  options: { flavour: NetworkFlavour; layouts: readonly SegmentLayout[] },
): FaultAction {
  const node: Target = random.chance(0.5) ? "holder" : random.integer(0, config.nodes.length - 1);
  if (random.chance(MACHINE_SHARE)) return drawMachineAction(random, config, node);
  return drawNetworkAction(random, config, { ...options, node });
}
