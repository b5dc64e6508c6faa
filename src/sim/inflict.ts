/** Puts the faults of a schedule into effect on a world's machines and cables, and ends them. */

import { unreachable } from "../core/base/assert.ts";
import type { Fault, FaultAction, Target } from "./faults.ts";
import { CONFIG_HASH, type Machine } from "./machine.ts";
import { GOOD_QUALITY } from "./network.ts";
import type { World } from "./world.ts";

/** Puts a fault into effect; returns what ends it. */
export function inflict(world: World, fault: Fault): () => void {
  const { action } = fault;
  switch (action.kind) {
    case "power":
    case "kill":
    case "freeze":
    case "stall":
    case "service":
    case "services-die":
    case "monitor":
    case "request":
    case "leave":
    case "config":
    case "gate":
      return inflictOnMachine(world, resolve(world, action.node), { fault, action });
    default:
      return inflictOnNetwork(world, action);
  }
}

function resolve(world: World, target: Target): Machine {
  const vip = world.vips[0];
  const holder = vip === undefined ? undefined : world.serving(vip)[0];
  const machine = target === "holder" ? (holder ?? world.machines[0]) : world.machines[target];
  if (machine === undefined) throw new Error(`no machine number ${target}`);
  return machine;
}

type MachineAction = Extract<
  FaultAction,
  {
    kind:
      | "power"
      | "kill"
      | "freeze"
      | "stall"
      | "service"
      | "services-die"
      | "monitor"
      | "request"
      | "leave"
      | "config"
      | "gate";
  }
>;

const nothing = () => {};

function inflictOnMachine(world: World, machine: Machine, what: { fault: Fault; action: MachineAction }): () => void {
  const { fault, action } = what;
  const reportMonitors = () => {
    for (const monitor of world.config.monitors) machine.reportMonitor(machine.process, monitor.name);
  };
  switch (action.kind) {
    case "power":
      machine.powerOff();
      return () => machine.powerOn();
    case "kill":
      machine.killProcess("killed");
      return () => machine.startProcess(undefined);
    case "freeze":
      machine.process?.freeze(fault.forMs, action.effects);
      return nothing;
    case "stall":
      return stall(world, machine, fault.forMs);
    case "service":
      machine.serviceMood = action.mood;
      return () => {
        machine.serviceMood = "well";
      };
    case "services-die":
      machine.crashServices();
      return nothing;
    case "monitor":
      machine.isMonitorDown = true;
      reportMonitors();
      return () => {
        machine.isMonitorDown = false;
        reportMonitors();
      };
    case "request":
      world.request(machine, action.verb);
      return nothing;
    case "leave":
      machine.shouldRun = false;
      world.request(machine, { verb: "leave" });
      return () => {
        machine.shouldRun = true;
        machine.startProcess(undefined);
      };
    case "config":
      return changeConfig(machine);
    case "gate":
      machine.breakGate(true);
      return () => machine.breakGate(false);
    default:
      return unreachable(action);
  }
}

/** Restarts the daemon with another file, and later with the right one. */
function changeConfig(machine: Machine): () => void {
  const restart = (hash: string) => {
    machine.configHash = hash;
    machine.killProcess("its cluster file was replaced");
    machine.startProcess(undefined);
  };
  restart("fedcba9876543210");
  return () => restart(CONFIG_HASH);
}

/** Unfed for this long, the heart tells the core. */
const FEED_LIMIT_MS = 1_000;

function stall(world: World, machine: Machine, forMs: number): () => void {
  const { process } = machine;
  process?.stall(true);
  if (forMs > FEED_LIMIT_MS)
    world.timeline.after(FEED_LIMIT_MS, () => process?.deliver((now) => ({ kind: "stalled", now, stalled: true })));
  return () => {
    if (forMs > FEED_LIMIT_MS) process?.deliver((now) => ({ kind: "stalled", now, stalled: false }));
    process?.stall(false);
  };
}

type NetworkAction = Exclude<FaultAction, MachineAction>;

function inflictOnNetwork(world: World, action: NetworkAction): () => void {
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

function cut(world: World, action: Extract<FaultAction, { kind: "cut" }>): () => void {
  const machine = resolve(world, action.node);
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

function filterFrames(world: World, action: Extract<FaultAction, { kind: "udp" }>, change: 1 | -1): void {
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
