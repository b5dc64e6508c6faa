/** The first promise: at any instant at most one kernel that the clients can reach serves a VIP. */

import type { VipConfig } from "../../core/config/cluster.ts";
import type { World } from "../world.ts";
import { isExcused } from "./stopped-clocks.ts";
import { Checker } from "./checker.ts";

/** Looks at every change of a gate, an address, power or a cable. */
export class OneHolder extends Checker {
  readonly name = "one holder";
  /** Times that a second kernel served where no client could reach both: no harm, but worth knowing. */
  unreachableOverlaps = 0;
  readonly #overlapping = new Set<string>();

  override servingChanged(world: World, vip: VipConfig | undefined): void {
    for (const one of vip === undefined ? world.vips : [vip]) this.#look(world, one);
  }

  #look(world: World, vip: VipConfig): void {
    this.runs++;
    const serving = world.serving(vip);
    if (serving.length < 2) {
      this.#overlapping.delete(vip.id);
      return;
    }
    const counting = serving.filter((machine) => !isExcused(world, machine, vip));
    if (counting.length < 2) return;
    const reachable = counting.filter((machine) => world.isReachable(machine, vip));
    if (reachable.length > 1) {
      const names = reachable.map(
        (machine) => `${machine.name} (for another ${(machine.kernel.gateUntil(vip.id) - world.now).toFixed(1)} ms)`,
      );
      world.violate(this.name, `${vip.id} is served by ${names.join(" and ")}, and clients reach both`);
    } else if (!this.#overlapping.has(vip.id)) {
      this.#overlapping.add(vip.id);
      this.unreachableOverlaps++;
      world.trace.line(
        world.now,
        "checker",
        `${vip.id} is open on ${serving.map((machine) => machine.name).join(" and ")}, clients reach ${reachable.length}`,
      );
    }
  }
}
