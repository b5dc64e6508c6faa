/** Draws what goes wrong with switches, cables and gateways. */

import type { Random } from "../../core/base/random.ts";
import type { ClusterConfig } from "../../core/config/cluster.ts";
import type { SegmentLayout } from "../layout.ts";
import { GOOD_QUALITY, type Quality } from "../network.ts";
import type { Target } from "./fault.ts";
import type { Host, NetworkAction } from "./network-actions.ts";

/**
 * Kinds of cuts. Mixing them in one run makes pairs of nodes that both reach a gateway and not each other, which is
 * outside the promise; cables and trunks go together, because what they leave is always whole within itself.
 */
export type NetworkFlavour = "cables" | "pairs" | "udp" | "isolated" | "family";

/** A flavour that suits the nodes' links: some leave only another link for the nodes to hear each other on. */
export function drawFlavour(random: Random, links: number): NetworkFlavour {
  const drawn = random.pick<NetworkFlavour>(["cables", "cables", "cables", "pairs", "udp", "isolated", "family"]);
  return links > 1 || drawn === "udp" ? drawn : "cables";
}

/** One fault of the network. */
export function drawNetworkAction(
  random: Random,
  config: ClusterConfig,
  options: { flavour: NetworkFlavour; node: Target; layouts: readonly SegmentLayout[] },
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
  if (options.flavour === "pairs") return { kind: "pair-cut", link: 0, ...pair };
  if (options.flavour === "isolated" && random.chance(0.7)) return { kind: "isolate", link: 0 };
  if (options.flavour === "family" && random.chance(0.7))
    return { kind: "family", link: 0, family: random.pick([4, 6] as const) };
  if (options.flavour !== "cables" || random.chance(0.3)) return drawQualityFault(random, link);
  const trunks = (options.layouts[0]?.switches ?? 1) - 1;
  if (trunks > 0 && random.chance(0.5)) {
    const trunk = random.integer(0, trunks - 1);
    return { kind: "trunk", links: random.chance(0.5) ? links : [0], trunk, way: random.pick(["both", "up", "down"]) };
  }
  if (random.chance(0.2)) return drawSplit(random, config.nodes.length, random.chance(0.5) ? links : [0]);
  const all = random.chance(0.4);
  return {
    kind: "cut",
    node: options.node,
    links: all ? links : [link],
    way: random.pick(["both", "both", "in", "out"]),
    carrier: random.chance(0.4),
  };
}

/** Parts that no layout names, as when a switch loses its tables; the routers stay in the first. */
function drawSplit(random: Random, nodes: number, links: readonly number[]): NetworkAction {
  const parts: Host[][] = [[], [], []];
  const count = random.chance(0.8) ? 2 : 3;
  const hosts: Host[] = [...Array.from({ length: nodes }, (_, index) => index), "client", "client-2", "client-3"];
  for (const host of hosts) parts[random.integer(0, count - 1)]?.push(host);
  return { kind: "split", links, parts, way: random.pick(["both", "both", "up", "down"]) };
}

function drawQualityFault(random: Random, link: number): NetworkAction {
  if (random.chance(0.7)) return { kind: "quality", link, quality: drawQuality(random) };
  const slow = { packetMs: random.between(0.02, 1.5), queueMs: random.between(2, 20) };
  return { kind: "slow", link, quality: { ...GOOD_QUALITY, slow } };
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
