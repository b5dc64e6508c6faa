/** Draws what goes wrong with a machine, and what operators do at bad moments. */

import type { Random } from "../../core/base/random.ts";
import type { ClusterConfig } from "../../core/config/cluster.ts";
import type { Verb } from "../../core/node/inputs.ts";
import type { Target } from "./fault.ts";
import type { MachineAction } from "./machine-actions.ts";

/** `drawn` lies between 0 and the machines' share of all faults, and says which kind it is. */
export function drawMachineAction(
  random: Random,
  config: ClusterConfig,
  options: { node: Target; drawn: number },
): MachineAction {
  const { node, drawn } = options;
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
  return { kind: "gate", node };
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
