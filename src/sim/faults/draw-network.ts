/** Draws what goes wrong with switches, cables and gateways. */

import type { Random } from "../../core/base/random.ts";
import type { ClusterConfig } from "../../core/config/cluster.ts";
import type { Quality } from "../network.ts";
import type { Target } from "./fault.ts";
import type { NetworkAction } from "./network-actions.ts";

/** Mixing these in one run makes isolated pairs, which are outside the promise. */
export type NetworkFlavour = "ports" | "pairs" | "udp";

/** One fault of the network. */
export function drawNetworkAction(
  random: Random,
  config: ClusterConfig,
  options: { flavour: NetworkFlavour; node: Target },
): NetworkAction {
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
