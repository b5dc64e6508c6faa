/**
 * Nothing moves without need. It holds in runs whose schedule has no fault, or only packet
 * loss that heartbeats must survive.
 */

import type { VipConfig } from "../../core/config/cluster.ts";
import type { World } from "../world.ts";
import { Checker } from "./checker.ts";

/** Watches who serves; a VIP that changes its server in a still run is a violation. */
export class NeedlessMoves extends Checker {
  readonly name = "needless moves";
  /** Changes of a VIP's server in any run, needed or not. */
  moves = 0;
  /** Times that a VIP was served by nobody after it was served. */
  gaps = 0;
  readonly #last = new Map<string, string>();
  readonly #open = new Set<string>();

  override servingChanged(world: World, changed: VipConfig | undefined): void {
    for (const vip of changed === undefined ? world.vips : [changed]) {
      this.runs++;
      const serving = world.serving(vip);
      const last = this.#last.get(vip.id);
      // A second kernel that serves for a moment beside the first moves nothing.
      const server = (serving.find((machine) => machine.name === last) ?? serving[0])?.name;
      if (server === undefined) this.#closed(world, vip);
      else this.#served(world, vip, server);
    }
  }

  #closed(world: World, vip: VipConfig): void {
    if (!this.#open.delete(vip.id)) return;
    this.gaps++;
    if (world.mix === "calm") world.violate(this.name, `${vip.id} was closed although there is no fault`);
  }

  #served(world: World, vip: VipConfig, server: string): void {
    const before = this.#last.get(vip.id);
    this.#last.set(vip.id, server);
    this.#open.add(vip.id);
    if (before === undefined || before === server) return;
    this.moves++;
    if (world.mix === "calm" || world.mix === "lossy")
      world.violate(this.name, `${vip.id} moved from ${before} to ${server} in a ${world.mix} run`);
  }
}
