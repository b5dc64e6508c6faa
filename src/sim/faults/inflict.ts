/** Puts the faults of a schedule into effect on a world, counts them by kind, and ends them. */

import type { World } from "../world.ts";
import type { Fault } from "./fault.ts";
import { inflictOnMachine } from "./inflict-machine.ts";
import { inflictOnNetwork } from "./inflict-network.ts";
import { isMachineAction } from "./machine-actions.ts";
import { resolveTarget } from "./target.ts";

/** Puts a fault into effect; returns what ends it. */
export function inflict(world: World, fault: Fault): () => void {
  const { action } = fault;
  world.inflicted.set(action.kind, (world.inflicted.get(action.kind) ?? 0) + 1);
  if (isMachineAction(action))
    return inflictOnMachine(world, resolveTarget(world, action.node), { forMs: fault.forMs, action });
  return inflictOnNetwork(world, action);
}
