/**
 * The first promise: at any instant, nobody who uses a VIP could reach two kernels that serve it: no client, on
 * whatever switch, and nobody behind the gateway. It looks at every change of a gate, an address, power or the
 * network, and at where requests really land.
 */

import type { VipConfig } from "../../core/config/cluster.ts";
import { OneHolderReachable } from "../../promises/one-holder.ts";
import type { Machine } from "../machine.ts";
import type { Observer } from "../observers.ts";
import type { World } from "../world.ts";
import { Checker, type Landed } from "./checker.ts";
import { isExcused } from "./stopped-clocks.ts";

/** A group does not move away and back within so long. */
const TURN_MS = 20;

/** Looks with the eyes of every client and gateway. */
export class OneHolder extends Checker {
  readonly name = "one holder";
  /** Times that a second kernel served where nobody could reach both: no harm, but worth knowing. */
  unreachableOverlaps = 0;
  readonly promise = new OneHolderReachable({ slackMs: 0, turnMs: TURN_MS });
  readonly #overlapping = new Set<string>();
  /** VIPs that somebody reached twice when last looked at. */
  readonly #doubled = new Set<string>();

  override servingChanged(world: World, vip: VipConfig | undefined): void {
    if (vip === undefined) for (const one of world.vips) this.#look(world, one);
    else this.#look(world, vip);
  }

  override requestLanded(world: World, observer: Observer, vip: VipConfig, landed: Landed): void {
    const { machine, isAccepted } = landed;
    if (!isAccepted || isExcused(world, machine, vip)) return;
    this.runs++;
    const seen = { at: world.now, observer: observer.name, vip: vip.id, holder: machine.name };
    const broken = this.promise.answered(seen);
    if (broken !== undefined) world.violate(this.name, broken);
  }

  #look(world: World, vip: VipConfig): void {
    this.runs++;
    // Nearly always: at most one kernel serves it.
    if (!this.#doubled.has(vip.id) && world.countServing(vip) < 2) {
      this.#overlapping.delete(vip.id);
      return;
    }
    const serving = world.serving(vip);
    const counting = serving.filter((machine) => !isExcused(world, machine, vip));
    const worst = this.#askViews(world, vip, counting);
    if (counting.length < 2) {
      this.#overlapping.delete(vip.id);
    } else if (worst < 2 && !this.#overlapping.has(vip.id)) {
      this.#overlapping.add(vip.id);
      this.unreachableOverlaps++;
      const names = counting.map((machine) => machine.name).join(" and ");
      world.trace.line(world.now, "checker", `${vip.id} is open on ${names}, nobody reaches both`);
    }
  }

  /** Tells the promise whom each view reaches; answers the largest number. */
  #askViews(world: World, vip: VipConfig, serving: readonly Machine[]): number {
    let worst = 0;
    for (const view of world.observers.views) {
      if (view.link !== (vip.link ?? 0)) continue;
      const reachable = world.observers.reachableFrom(view, serving);
      worst = Math.max(worst, reachable.length);
      const holders = reachable.map((machine) => machine.name);
      const broken = this.promise.reached({ at: world.now, observer: view.name, vip: vip.id, holders });
      if (broken === undefined) continue;
      const left = reachable.map(
        (one) => `${one.name} for another ${(one.kernel.gateUntil(vip.id) - world.now).toFixed(1)} ms`,
      );
      world.violate(this.name, `${broken} (${left.join(", ")})`);
    }
    if (worst > 1) this.#doubled.add(vip.id);
    else this.#doubled.delete(vip.id);
    return worst;
  }
}
