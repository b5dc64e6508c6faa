/** Draws what goes wrong with a machine, and what operators do at bad moments. */

import type { Random } from "../../core/base/random.ts";
import type { ClusterConfig } from "../../core/config/cluster.ts";
import type { Verb } from "../../core/node/inputs.ts";
import type { ServiceMood } from "../machine.ts";
import type { Target } from "./fault.ts";
import { CHANGES, type Command, type MachineAction } from "./machine-actions.ts";

type Kind = MachineAction["kind"];

/** How often each kind is drawn; only the proportions count. */
const WEIGHTS: readonly (readonly [Kind, number])[] = [
  ["power", 18],
  ["kill", 12],
  ["freeze", 22],
  ["stall", 6],
  ["suspend", 8],
  ["migrate", 6],
  ["service", 8],
  ["services-die", 3],
  ["monitor", 8],
  ["disk", 5],
  ["clock", 3],
  ["request", 9],
  ["commands", 4],
  ["reload", 3],
  ["leave", 5],
  ["config", 2],
  ["gate", 2],
];

const MOODS: readonly ServiceMood[] = [
  "slow",
  "fails-to-start",
  "hangs-in-start",
  "fails-to-stop",
  "claims-to-run",
  "claims-to-be-dead",
  "claims-success",
];

/** One fault of a machine, or of those who operate it. */
export function drawMachineAction(random: Random, config: ClusterConfig, node: Target): MachineAction {
  const kind = drawKind(random);
  switch (kind) {
    case "freeze":
      return { kind, node, effects: random.chance(0.4) ? random.integer(0, 6) : undefined };
    case "suspend":
    case "migrate":
      return { kind, node, room: random.pick([0, 2, 8, 64]) };
    case "service":
      return { kind, node, mood: random.pick(MOODS) };
    case "disk":
      return { kind, node, state: random.pick(["full", "hangs"] as const) };
    case "clock":
      // Seconds to years, forwards and backwards.
      return { kind, node, stepMs: random.between(-1, 1) * 10 ** random.integer(2, 11) };
    case "request":
      return { kind, node, verb: drawVerb(random, config) };
    case "commands":
      return { kind, node, commands: drawCommands(random, config) };
    case "reload":
      return { kind, node, change: random.pick(CHANGES), how: random.pick(["restart", "restart", "kill"] as const) };
    default:
      return { kind, node };
  }
}

function drawKind(random: Random): Kind {
  let drawn = random.fraction() * WEIGHTS.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [kind, weight] of WEIGHTS) {
    drawn -= weight;
    if (drawn < 0) return kind;
  }
  return "power";
}

/** Somebody types in haste, on several nodes, twice, and the contrary right after. */
function drawCommands(random: Random, config: ClusterConfig): Command[] {
  const commands: Command[] = [];
  let afterMs = 0;
  for (let count = random.integer(2, 6); count > 0; count--) {
    const verb = drawVerb(random, config);
    const node = random.integer(0, config.nodes.length - 1);
    commands.push({ afterMs, node, verb });
    if (random.chance(0.3)) commands.push({ afterMs: afterMs + random.between(0, 5), node, verb });
    const contrary = contraryOf(random, config, verb);
    if (contrary !== undefined && random.chance(0.5))
      commands.push({ afterMs: afterMs + random.between(0, 300), node, verb: contrary });
    afterMs += random.pick([random.between(0, 5), random.between(0, 300), random.between(0, 1_500)]);
  }
  return commands;
}

function contraryOf(random: Random, config: ClusterConfig, verb: Verb): Verb | undefined {
  if (verb.verb === "standby") return { verb: "online", node: verb.node };
  if (verb.verb === "online") return { verb: "standby", node: verb.node };
  if (verb.verb === "maintenance") return { verb: "maintenance", on: !verb.on };
  if (verb.verb === "switch") return { ...verb, to: random.pick(config.nodes).name };
  return undefined;
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
