/**
 * The second promise: a gate never stays open longer than fresh evidence allows. The evidence is dated by the
 * wire, not by the core: the true time at which the node sent what was then heard or answered.
 */

import type { VipConfig } from "../../core/config/cluster.ts";
import type { Frame } from "../../core/membership/frame.ts";
import type { ReplyEffect } from "../../core/node/effects.ts";
import type { Machine } from "../machine.ts";
import type { Process } from "../process.ts";
import type { World } from "../world.ts";
import { Checker, type WireAnswer } from "./checker.ts";

/** The element's lateness, and rounding. */
const SLACK_MS = 5;

/** Compares every gate deadline with the evidence that the machine can have. */
export class InsideLease extends Checker {
  readonly name = "inside the lease";
  /** Latest true time up to which evidence lets a machine serve on a link. */
  readonly #until = new Map<string, number>();
  /** Machines whose daemon restarts with a stated end. */
  readonly #restarting = new Map<Machine, number>();

  override frameHeard(world: World, process: Process, frame: Frame): void {
    const { heartbeat, lease } = world.config;
    for (const heard of frame.heard) {
      if (heard.incarnation !== process.incarnation) continue;
      const sent = process.sentTime(frame.node, heard.link, heard.sequence);
      if (sent !== undefined) this.#note(process.machine, heard.link, sent, heartbeat.intervalMs + lease.evidenceMs);
    }
  }

  override answerHeard(world: World, machine: Machine, answer: WireAnswer): void {
    const { effect, asked } = answer;
    // A gateway's or another node's kernel: either shows that the segment reaches us.
    if (!world.vipByAddress.has(effect.address)) this.#note(machine, effect.link, asked, world.config.lease.evidenceMs);
  }

  /** A restarting daemon's gate may stay open until the end that was agreed with all peers. */
  handedOver(machine: Machine, outcome: ReplyEffect["outcome"]): void {
    if (outcome.kind !== "handover") return;
    const until = Math.max(0, ...outcome.handover.groups.map((group) => machine.clock.trueTime(group.until)));
    this.#restarting.set(machine, until);
  }

  override opened(world: World, machine: Machine, vip: VipConfig, until: number): void {
    this.runs++;
    const others = world.machines.filter((other) => other !== machine);
    if (others.every((other) => other.lastMode === "left" || other.lastMode === "standby")) return;
    if (until <= (this.#restarting.get(machine) ?? 0) + SLACK_MS) return;
    const allowed = (this.#until.get(`${machine.index}/${vip.link}`) ?? 0) + SLACK_MS;
    if (until > allowed) {
      world.violate(this.name, `${machine.name} may serve ${vip.id} for ${(until - world.now).toFixed(1)} ms, but its evidence lasts ${(allowed - world.now).toFixed(1)} ms`);
    }
  }

  #note(machine: Machine, link: number, sent: number, lasts: number): void {
    const key = `${machine.index}/${link}`;
    const until = sent + machine.clock.trueDuration(lasts);
    if (until > (this.#until.get(key) ?? 0)) this.#until.set(key, until);
  }
}
