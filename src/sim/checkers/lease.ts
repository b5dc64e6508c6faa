/**
 * The second promise: a gate never stays open longer than fresh evidence allows. The evidence is dated by the
 * wire, not by the core: the true time at which the node sent what was then heard or answered.
 */

import type { NodeMode } from "../../core/base/words.ts";
import type { VipConfig } from "../../core/config/cluster.ts";
import type { Frame } from "../../core/membership/frame.ts";
import type { Machine } from "../machine.ts";
import type { Process } from "../process.ts";
import type { World } from "../world.ts";
import { Checker, type WireAnswer } from "./checker.ts";

/**
 * The element's lateness, and a doubled answer: it looks like an answer to the next question, so it is dated up
 * to one round trip late.
 */
const SLACK_MS = 4 + 40;

/** Compares every gate deadline with the evidence that the machine can have. */
export class InsideLease extends Checker {
  readonly name = "inside the lease";
  /** Latest true time up to which evidence lets a machine serve on a link. */
  readonly #until = new Map<string, number>();
  /** Last mode that a machine heard of another. */
  readonly #heardModes = new Map<string, NodeMode>();
  /** When all others had left or stood by, last. */
  readonly #unopposed = new Map<Machine, number>();
  /** Machines whose daemon restarts with a stated end. */
  readonly #restarting = new Map<Machine, number>();

  override frameHeard(world: World, process: Process, frame: Frame): void {
    const { heartbeat, lease } = world.config;
    this.#heardModes.set(`${process.machine.name}/${frame.node}`, frame.mode);
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

  /** A restarting daemon's gate may stay open until the end that it told all peers. */
  override frameSent(world: World, machine: Machine, frame: Frame): void {
    if (frame.restartMs > 0) this.#restarting.set(machine, world.now + machine.clock.trueDuration(frame.restartMs));
  }

  override opened(world: World, machine: Machine, vip: VipConfig, until: number): void {
    this.runs++;
    // Of two nodes on a segment without a gateway neither can take from the other, so the holder may stay.
    if (world.machines.length === 2 && !world.hasGateway(vip.link ?? 0)) return;
    if (this.#isUnopposed(world, machine, until)) return;
    if (until <= (this.#restarting.get(machine) ?? 0) + SLACK_MS) return;
    const allowed = (this.#until.get(`${machine.index}/${vip.link}`) ?? 0) + SLACK_MS;
    if (until > allowed) {
      world.violate(
        this.name,
        `${machine.name} may serve ${vip.id} for ${(until - world.now).toFixed(1)} ms, but its evidence lasts ${(allowed - world.now).toFixed(1)} ms`,
      );
    }
  }

  /**
   * Every other node left or stands by. One that comes back needs a few frames to be believed; one that left and
   * comes back unheard does not hinder a restart with a stated end.
   */
  #isUnopposed(world: World, machine: Machine, until: number): boolean {
    const others = world.machines.filter((other) => other !== machine);
    const { now } = world;
    if (others.every(({ lastMode }) => lastMode === "left" || lastMode === "standby")) {
      this.#unopposed.set(machine, now);
      return true;
    }
    if (others.every((other) => this.#heardModes.get(`${machine.name}/${other.name}`) === "left")) return true;
    const { heartbeat, lease } = world.config;
    const since = this.#unopposed.get(machine) ?? Number.NEGATIVE_INFINITY;
    return until <= since + machine.clock.trueDuration(3 * heartbeat.intervalMs + lease.evidenceMs) + SLACK_MS;
  }

  #note(machine: Machine, link: number, sent: number, lasts: number): void {
    const key = `${machine.index}/${link}`;
    const until = sent + machine.clock.trueDuration(lasts);
    if (until > (this.#until.get(key) ?? 0)) this.#until.set(key, until);
  }
}
