/** Finds the machine that a fault means at the moment in which it begins. */

import type { Machine } from "../machine.ts";
import type { World } from "../world.ts";
import type { Target } from "./fault.ts";

/** The machine with that number, or whoever serves the first VIP now. */
export function resolveTarget(world: World, target: Target): Machine {
  const vip = world.vips[0];
  const holder = vip === undefined ? undefined : world.serving(vip)[0];
  const machine = target === "holder" ? (holder ?? world.machines[0]) : world.machines[target];
  if (machine === undefined) throw new Error(`no machine number ${target}`);
  return machine;
}
