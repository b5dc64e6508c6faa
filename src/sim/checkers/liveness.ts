/**
 * The fourth promise: once all faults are healed, every group is served again within a bound, by exactly one
 * node, the clients know where, and all nodes agree about it.
 */

import type { VipConfig } from "../../core/config/cluster.ts";
import type { Machine } from "../machine.ts";
import type { Observer } from "../observers.ts";
import type { World } from "../world.ts";
import { Checker } from "./checker.ts";

/** Longer than anybody pauses between two requests, and than a slow network keeps an answer. */
const ANSWERED_WITHIN_MS = 1_500;

/** Looks at the end of each liveness phase, whose length is the bound. */
export class Liveness extends Checker {
  readonly name = "served after healing";

  override settled(world: World): void {
    for (const group of world.config.groups) this.#lookAt(world, group.name);
    const vips = world.config.groups.flatMap((group) => group.resources.filter((one) => one.kind === "vip"));
    for (const vip of vips) {
      this.runs++;
      const serving = world.serving(vip);
      const holder = serving[0];
      if (serving.length !== 1 || holder === undefined) {
        const found = serving.length === 0 ? "nobody" : serving.map((machine) => machine.name).join(" and ");
        world.violate(this.name, `${vip.id} is served by ${found}, ${world.healedForMs().toFixed(0)} ms after healing`);
        continue;
      }
      for (const observer of world.observers.on(vip.link ?? 0)) this.#ask(world, observer, { vip, holder });
    }
  }

  /** Everybody who uses the VIP was answered lately, and by its holder. */
  #ask(world: World, observer: Observer, what: { vip: VipConfig; holder: Machine }): void {
    const { vip, holder } = what;
    if (!world.routers.isActive(observer.link, observer.host) && observer.isRouter) return;
    this.runs++;
    const last = observer.answered.get(vip.id);
    if (last !== undefined && last.by === holder && world.now - last.at < ANSWERED_WITHIN_MS) return;
    const when = last === undefined ? "never" : `last by ${last.by.name}, ${(world.now - last.at).toFixed(0)} ms ago`;
    const known = observer.cache.mac(vip.address) ?? "no hardware address";
    world.violate(
      this.name,
      `${observer.name} is not answered by ${holder.name}, which serves ${vip.id}: ${when}; it believes in ${known}`,
    );
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
