/** Puts the faults of switches, cables and gateways into effect, and ends them. */

import { unreachable } from "../../core/base/assert.ts";
import { GOOD_QUALITY } from "../network.ts";
import type { World } from "../world.ts";
import type { NetworkAction } from "./network-actions.ts";
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
      network.setQuality(action.link, action.quality);
      return () => network.setQuality(action.link, GOOD_QUALITY);
    case "gateway":
      network.gatewayDown[action.link] = (network.gatewayDown[action.link] ?? 0) + 1;
      return () => {
        network.gatewayDown[action.link] = (network.gatewayDown[action.link] ?? 1) - 1;
      };
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
  const machine = resolveTarget(world, action.node);
  const change = (by: 1 | -1) => {
    for (const link of action.links) {
      const port = world.network.port(link, machine.index);
      if (action.carrier) {
        port.carrierCuts += by;
        machine.carrierChanged(link);
        continue;
      }
      if (action.way !== "out") port.ingressCuts += by;
      if (action.way !== "in") port.egressCuts += by;
    }
    world.servingChanged();
  };
  world.trace.line(world.now, machine.name, "its cable is cut");
  change(1);
  return () => change(-1);
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
