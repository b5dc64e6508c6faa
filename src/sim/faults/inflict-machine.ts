/** Puts the faults of a machine, its daemon and its services into effect, and ends them. */

import { unreachable } from "../../core/base/assert.ts";
import { changedFile } from "../cluster.ts";
import { CONFIG_HASH, type Machine } from "../machine.ts";
import type { World } from "../world.ts";
import type { MachineAction } from "./machine-actions.ts";

const nothing = () => {};

/** Puts one into effect; returns what ends it. */
export function inflictOnMachine(
  world: World,
  machine: Machine,
  what: { forMs: number; action: MachineAction },
): () => void {
  const { forMs, action } = what;
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
      machine.process?.freeze(forMs, action.effects);
      return nothing;
    case "stall":
      return stall(world, machine, forMs);
    case "suspend":
      machine.pause(forMs, { clock: "runs", room: action.room });
      return nothing;
    case "migrate":
      machine.pause(forMs, { clock: "stops", room: action.room });
      return nothing;
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
    case "commands":
      for (const { afterMs, node, verb } of action.commands) {
        const where = world.machines[node];
        if (where !== undefined) world.timeline.after(afterMs, () => world.request(where, verb));
      }
      return nothing;
    case "disk":
      machine.disk.state = action.state;
      return () => {
        machine.disk.state = "works";
      };
    case "clock":
      machine.wallOffsetMs += action.stepMs;
      return nothing;
    case "reload":
      return reload(world, action);
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

const OTHER_HASH = "fedcba9876543210";

/**
 * One daemon runs with a file of another hash, and later with the one it had: under the same hash all nodes have the
 * same text. Another file that came in the meantime stays.
 */
function changeConfig(machine: Machine): () => void {
  const before = machine.configHash;
  machine.replaceFile(machine.config, OTHER_HASH, "kill");
  return () => {
    const hash = machine.configHash === OTHER_HASH ? before : machine.configHash;
    if (machine.configHash === OTHER_HASH || machine.process?.configHash === OTHER_HASH)
      machine.replaceFile(machine.config, hash, "kill");
  };
}

/** Each node gets another file a while after the one before it; when the fault ends, the old one in the same way. */
function reload(world: World, action: Extract<MachineAction, { kind: "reload" }>): () => void {
  const changed = changedFile(world.config, action.change);
  const hash = `${CONFIG_HASH.slice(0, -1)}${action.change.length}`;
  world.meet(changed);
  let isOver = false;
  const oneByOne = (replace: (machine: Machine) => void) => {
    let afterMs = 0;
    for (const machine of world.machines) {
      world.timeline.after(afterMs, () => replace(machine));
      afterMs += world.random.machines.between(50, 1_500);
    }
  };
  oneByOne((machine) => {
    if (!isOver) machine.replaceFile(changed, hash, action.how);
  });
  return () => {
    isOver = true;
    oneByOne((machine) => {
      const runs = machine.process?.configHash ?? CONFIG_HASH;
      if (machine.configHash !== CONFIG_HASH || runs !== CONFIG_HASH)
        machine.replaceFile(world.config, CONFIG_HASH, action.how);
    });
  };
}

/** Unfed for this long, the heart tells the core. */
const FEED_LIMIT_MS = 1_000;

function stall(world: World, machine: Machine, forMs: number): () => void {
  const { process } = machine;
  process?.stall(true);
  if (forMs > FEED_LIMIT_MS)
    machine.after(FEED_LIMIT_MS, () => process?.deliver((now) => ({ kind: "stalled", now, stalled: true })));
  return () => {
    if (forMs > FEED_LIMIT_MS) process?.deliver((now) => ({ kind: "stalled", now, stalled: false }));
    process?.stall(false);
  };
}
