/**
 * When the holder loses power in an otherwise healthy cluster, its address is served by
 * another node within a fraction of a second.
 */

import type { VipConfig } from "../../core/config/cluster.ts";
import type { World } from "../world.ts";
import { Checker } from "./checker.ts";

/** From the last beat: interval, evidence, margin, and a window to ask and open in. */
const BOUND_MS = 400;

/** Measures gaps in runs of the mix "power", for groups that start nothing but addresses. */
export class PromptTakeover extends Checker {
  readonly name = "prompt takeover";
  /** All measured gaps in milliseconds. */
  readonly gapsMs: number[] = [];
  readonly #closedAt = new Map<string, number>();

  override servingChanged(world: World, changed: VipConfig | undefined): void {
    if (world.mix !== "power") return;
    for (const vip of changed === undefined ? world.vips : [changed]) {
      if (!world.isAddressOnly(vip)) continue;
      const isServed = world.serving(vip).length > 0;
      const closedAt = this.#closedAt.get(vip.id);
      if (!isServed && closedAt === undefined && world.lastServer.has(vip.id)) this.#closedAt.set(vip.id, world.now);
      if (!isServed || closedAt === undefined) continue;
      this.#closedAt.delete(vip.id);
      this.runs++;
      const gapMs = world.now - closedAt;
      this.gapsMs.push(gapMs);
      if (gapMs > BOUND_MS) world.violate(this.name, `${vip.id} was served by nobody for ${gapMs.toFixed(0)} ms`);
    }
  }
}
