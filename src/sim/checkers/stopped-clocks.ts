/**
 * The one exception from the first promise. A machine whose own clock stood still, as in a live migration, cannot
 * know that its lease ended meanwhile: what was left of it runs on. So for at most one lease after it goes on, its
 * gate may be open beside the new holder's; this measures for how long, and nothing else is excused.
 */

import type { VipConfig } from "../../core/config/cluster.ts";
import type { Machine } from "../machine.ts";
import type { World } from "../world.ts";
import { Checker } from "./checker.ts";

/** The kernel ends a set element up to one timer tick late. */
const LATENESS_MS = 4;

/** Is this machine's gate open only because its clock stood still, and that not longer ago than one lease? */
export function isExcused(world: World, machine: Machine, vip: VipConfig): boolean {
  const stop = machine.stoppedClock;
  if (stop === undefined) return false;
  const { heartbeat, lease } = world.config;
  const leaseMs = machine.clock.trueDuration(heartbeat.intervalMs + lease.evidenceMs) + LATENESS_MS;
  if (world.now > stop.until + leaseMs) return false;
  const withoutStop = machine.kernel.gateUntil(vip.id) - (stop.until - stop.from);
  return withoutStop <= world.now;
}

/** Measures every overlap that was excused. */
export class StoppedClocks extends Checker {
  readonly name = "stopped clocks";
  /** Lengths of the overlaps in milliseconds. */
  readonly overlapsMs: number[] = [];
  readonly #since = new Map<string, number>();
  readonly #seen = new Map<Machine, number>();

  override servingChanged(world: World, changed: VipConfig | undefined): void {
    for (const machine of world.machines) this.#count(world, machine);
    for (const vip of changed === undefined ? world.vips : [changed]) {
      const serving = world.serving(vip).filter((machine) => world.isReachable(machine, vip));
      const overlaps = serving.length > 1 && serving.some((machine) => isExcused(world, machine, vip));
      const since = this.#since.get(vip.id);
      if (overlaps && since === undefined) this.#since.set(vip.id, world.now);
      if (overlaps || since === undefined) continue;
      this.#since.delete(vip.id);
      this.overlapsMs.push(world.now - since);
      world.trace.line(world.now, "checker", `${vip.id} was served twice for ${(world.now - since).toFixed(1)} ms`);
    }
  }

  /** A machine goes on after its clock stood still: that is one comparison. */
  #count(world: World, machine: Machine): void {
    const stop = machine.stoppedClock;
    if (stop === undefined || machine.isPaused || world.now < stop.until) return;
    if (this.#seen.get(machine) === stop.until) return;
    this.#seen.set(machine, stop.until);
    this.runs++;
  }
}
