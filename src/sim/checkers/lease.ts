/**
 * The second promise: a gate never stays open longer than fresh evidence allows. The evidence is dated by the
 * wire, not by the core: the true time at which the node sent what was then heard or answered.
 */

import type { NodeMode } from "../../core/base/words.ts";
import type { VipConfig } from "../../core/config/cluster.ts";
import type { Frame } from "../../core/membership/frame.ts";
import type { Machine } from "../machine.ts";
import type { Process } from "../process.ts";
import type { BootClock } from "../timeline.ts";
import type { World } from "../world.ts";
import { Checker, type WireAnswer } from "./checker.ts";

/**
 * The element's lateness, and a doubled answer: it looks like an answer to the next question, so it is dated up
 * to one round trip late.
 */
const SLACK_MS = 4 + 40;

/** What one machine may do, in milliseconds of its own clock: it stands still with the machine. */
interface Allowance {
  readonly clock: BootClock;
  /** Per link: up to when evidence lets it serve. */
  readonly until: Float64Array;
  /** The end that its restarting daemon stated. */
  restarting: number;
  /** When all others had left or stood by, last. */
  unopposed: number;
}

/** Compares every gate deadline with the evidence that the machine can have. */
export class InsideLease extends Checker {
  readonly name = "inside the lease";
  readonly #allowances: Allowance[] = [];
  /** Last mode that a machine heard of another, by their numbers. */
  readonly #heardModes: NodeMode[][] = [];

  override frameHeard(world: World, process: Process, frame: Frame): void {
    const { heartbeat, lease } = world.config;
    const { machine } = process;
    const modes = (this.#heardModes[machine.index] ??= []);
    const sender = world.machine(frame.node);
    modes[sender.index] = frame.mode;
    for (const heard of frame.heard) {
      if (heard.incarnation !== process.incarnation) continue;
      const sent = process.sentTime(sender, heard.link, heard.sequence);
      if (sent !== undefined)
        this.#note(world, machine, heard.link, { sent, lasts: heartbeat.intervalMs + lease.evidenceMs });
    }
  }

  override answerHeard(world: World, machine: Machine, answer: WireAnswer): void {
    const { effect, asked } = answer;
    // A gateway's or another node's kernel: either shows that the segment reaches us.
    if (!world.vipByAddress.has(effect.address))
      this.#note(world, machine, effect.link, { sent: asked, lasts: world.config.lease.evidenceMs });
  }

  /** A restarting daemon's gate may stay open until the end that it told all peers. */
  override frameSent(world: World, machine: Machine, frame: Frame): void {
    if (frame.restartMs > 0)
      this.#allowance(world, machine).restarting = machine.clock.read(world.now) + frame.restartMs;
  }

  override opened(world: World, machine: Machine, vip: VipConfig, until: number): void {
    this.runs++;
    // Of two nodes on a segment without a gateway neither can take from the other, so the holder may stay.
    if (world.machines.length === 2 && !world.hasGateway(vip.link ?? 0)) return;
    const { clock } = machine;
    const shown = clock.read(until);
    const allowance = this.#allowance(world, machine);
    if (this.#isUnopposed(world, machine, shown)) return;
    if (shown <= allowance.restarting + SLACK_MS) return;
    const allowed = (allowance.until[vip.link ?? 0] ?? 0) + SLACK_MS;
    if (shown > allowed) {
      const now = clock.read(world.now);
      world.violate(
        this.name,
        `${machine.name} may serve ${vip.id} for ${(shown - now).toFixed(1)} ms, but its evidence lasts ${(allowed - now).toFixed(1)} ms`,
      );
    }
  }

  /**
   * Every other node left or stands by. One that comes back needs a few frames to be believed; one that left and
   * comes back unheard does not hinder a restart with a stated end.
   */
  #isUnopposed(world: World, machine: Machine, shown: number): boolean {
    const others = world.machines.filter((other) => other !== machine);
    const allowance = this.#allowance(world, machine);
    if (others.every(({ lastMode }) => lastMode === "left" || lastMode === "standby")) {
      allowance.unopposed = machine.clock.read(world.now);
      return true;
    }
    if (others.every((other) => this.#heardModes[machine.index]?.[other.index] === "left")) return true;
    const { heartbeat, lease } = world.config;
    return shown <= allowance.unopposed + 3 * heartbeat.intervalMs + lease.evidenceMs + SLACK_MS;
  }

  #note(world: World, machine: Machine, link: number, what: { sent: number; lasts: number }): void {
    const { until } = this.#allowance(world, machine);
    const end = machine.clock.read(what.sent) + what.lasts;
    if (end > (until[link] as number)) until[link] = end;
  }

  /** What the machine may do; nothing, once it was rebooted. */
  #allowance(world: World, machine: Machine): Allowance {
    const known = this.#allowances[machine.index];
    if (known?.clock === machine.clock) return known;
    const fresh: Allowance = {
      clock: machine.clock,
      until: new Float64Array(world.network.links).fill(Number.NEGATIVE_INFINITY),
      restarting: Number.NEGATIVE_INFINITY,
      unopposed: Number.NEGATIVE_INFINITY,
    };
    this.#allowances[machine.index] = fresh;
    return fresh;
  }
}
