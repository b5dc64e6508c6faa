/**
 * The fourth promise: once all faults are healed, every group is served again within a bound, by exactly one
 * node, the clients know where, and all nodes agree about it.
 */

import type { World } from "../world.ts";
import { Checker } from "./checker.ts";

/** Looks once, at the end of the liveness phase, whose length is the bound. */
export class Liveness extends Checker {
  readonly name = "served after healing";

  override ended(world: World): void {
    for (const group of world.config.groups) this.#lookAt(world, group.name);
    for (const vip of world.vips) {
      this.runs++;
      const serving = world.serving(vip);
      const holder = serving[0];
      if (serving.length !== 1 || holder === undefined) {
        const found = serving.length === 0 ? "nobody" : serving.map((machine) => machine.name).join(" and ");
        world.violate(this.name, `${vip.id} is served by ${found}, ${world.healedForMs().toFixed(0)} ms after healing`);
        continue;
      }
      const known = world.clientCache.get(vip.id);
      if (known !== holder.mac(vip.link ?? 0))
        world.violate(
          this.name,
          `the client believes ${vip.id} at ${known ?? "no address"}, but ${holder.name} serves it`,
        );
    }
  }

  #lookAt(world: World, group: string): void {
    this.runs++;
    const opinions = new Set<string>();
    for (const machine of world.machines) {
      const view = machine.process?.core.view(machine.process.now).groups.find((one) => one.name === group);
      if (view !== undefined) opinions.add(`${view.holder ?? "nobody"} at epoch ${view.epoch}`);
    }
    if (opinions.size !== 1) world.violate(this.name, `the nodes differ about ${group}: ${[...opinions].join("; ")}`);
  }
}
