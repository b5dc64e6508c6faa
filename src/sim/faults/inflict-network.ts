/** Puts the faults of switches, cables and gateways into effect, and ends them. */

import { unreachable } from "../../core/base/assert.ts";
import { GOOD_QUALITY, type Network, type Split } from "../network.ts";
import type { World } from "../world.ts";
import type { Host, NetworkAction } from "./network-actions.ts";
import { resolveTarget } from "./target.ts";

/** Puts one into effect; returns what ends it. */
export function inflictOnNetwork(world: World, action: NetworkAction): () => void {
  const { network } = world;
  switch (action.kind) {
    case "cut":
      return cut(world, action);
    case "pair-cut": {
      const change = (by: 1 | -1) => {
        network.cutPair(action.link, { from: action.from, to: action.to }, "all", by);
        if (action.bothWays) network.cutPair(action.link, { from: action.to, to: action.from }, "all", by);
      };
      change(1);
      return () => change(-1);
    }
    case "udp":
      filterFrames(world, action, 1);
      return () => filterFrames(world, action, -1);
    case "quality":
    case "slow":
      network.setQuality(action.link, action.quality);
      return () => network.setQuality(action.link, GOOD_QUALITY);
    case "gateway":
      network.stopGateway(action.link, 1);
      return () => network.stopGateway(action.link, -1);
    case "trunk":
      return split(network, trunks(network, action));
    case "split":
      return split(network, partsOf(network, action));
    case "isolate":
      network.isolate(action.link, 1);
      return () => network.isolate(action.link, -1);
    case "family":
      network.filterFamily(action.link, action.family, 1);
      return () => network.filterFamily(action.link, action.family, -1);
    case "stranger":
      network.stranger[action.link] = "02:ff:00:00:00:66";
      return () => {
        network.stranger[action.link] = undefined;
      };
    case "noise":
      return makeNoise(world, action.everyMs);
    case "fabric":
      network.fabric[action.link] = true;
      return () => {
        network.fabric[action.link] = false;
      };
    default:
      return unreachable(action);
  }
}

function cut(world: World, action: Extract<NetworkAction, { kind: "cut" }>): () => void {
  const { network } = world;
  const machine = resolveTarget(world, action.node);
  const change = (by: 1 | -1) => {
    for (const link of action.links) {
      if (action.carrier) {
        network.cutPort(link, machine.index, "carrier", by);
        machine.carrierChanged(link);
        continue;
      }
      if (action.way !== "out") network.cutPort(link, machine.index, "in", by);
      if (action.way !== "in") network.cutPort(link, machine.index, "out", by);
    }
  };
  world.trace.line(world.now, machine.name, "its cable is cut");
  change(1);
  return () => change(-1);
}

/** Splits by link, all begun at once. */
function split(network: Network, splits: readonly (readonly [number, Split])[]): () => void {
  for (const [link, one] of splits) network.split(link, one);
  return () => {
    for (const [link, one] of splits) network.join(link, one);
  };
}

function trunks(network: Network, action: Extract<NetworkAction, { kind: "trunk" }>): [number, Split][] {
  return action.links
    .filter((link) => action.trunk < network.layout(link).switches - 1)
    .map((link) => [link, network.trunk(link, action.trunk, action.way)]);
}

function partsOf(network: Network, action: Extract<NetworkAction, { kind: "split" }>): [number, Split][] {
  const parts = new Uint8Array(network.hosts);
  for (const [number, hosts] of action.parts.entries())
    for (const host of hosts) parts[hostNumber(network, host)] = number;
  return action.links.map((link) => [link, { parts, way: action.way }]);
}

function hostNumber(network: Network, host: Host): number {
  if (typeof host === "number") return host;
  const [who, which = "1"] = host.split("-");
  return (who === "gateway" ? network.gateway : network.client) + Number(which) - 1;
}

/** Frames are sent again as they were, or cut short; it does nothing where frames do not travel as bytes. */
function makeNoise(world: World, everyMs: number): () => void {
  let isOver = false;
  const again = () => {
    if (isOver) return;
    const datagram = world.captured.pick(world.random.machines);
    if (datagram !== undefined) {
      const isWhole = world.random.machines.chance(0.7);
      world.deliverBytes(isWhole ? datagram : { ...datagram, bytes: datagram.bytes.subarray(0, 70) });
    }
    world.timeline.after(everyMs, again);
  };
  again();
  return () => {
    isOver = true;
  };
}

function filterFrames(world: World, action: Extract<NetworkAction, { kind: "udp" }>, change: 1 | -1): void {
  const { pair } = action;
  for (const link of action.links) {
    for (const { index: from } of world.machines) {
      for (const { index: to } of world.machines) {
        const isMeant =
          pair === undefined ||
          (pair.from === from && pair.to === to) ||
          (pair.bothWays && pair.from === to && pair.to === from);
        if (from !== to && isMeant) world.network.cutPair(link, { from, to }, "udp", change);
      }
    }
  }
}
