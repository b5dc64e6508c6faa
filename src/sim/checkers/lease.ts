/**
 * The second promise: a gate never stays open longer than fresh evidence allows. The evidence is dated by the
 * wire, not by the core: the true time at which the node sent what was then heard or answered.
 */

import { CLOCK_STRETCH } from "../../core/base/timing.ts";
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
  /** Per link: up to when a gateway's answers let it serve, and up to when signs of other nodes would. */
  readonly gateway: Float64Array;
  readonly signs: Float64Array;
  /** Per other node: up to when that one takes nothing, because it hears this one; and per link, because its kernel answers there. */
  readonly heardBy: Float64Array;
  readonly answeredBy: readonly Float64Array[];
  /** The end that its restarting daemon stated. */
  restarting: number;
  /** When all others had left or stood by, last. */
  unopposed: number;
}

/** Compares every gate deadline with the evidence that the machine can have. */
export class InsideLease extends Checker {
  readonly name = "inside the lease";
  readonly #allowances: Allowance[] = [];
  /** Newest frame that a machine heard of another. */
  readonly #newest: { incarnation: string; sequence: number }[] = [];
  /** Last mode that a machine heard of another, by their numbers. */
  readonly #heardModes: NodeMode[][] = [];

  override frameHeard(world: World, process: Process, frame: Frame): void {
    const { heartbeat, lease } = world.config;
    const { machine } = process;
    const modes = (this.#heardModes[machine.index] ??= []);
    const sender = world.machine(frame.node);
    // A new self counts once it shows that it heard this one: until then it is what its former self said last.
    const isConfirmed = frame.heard.some((heard) => heard.incarnation === process.incarnation);
    const isNews = this.#isNewest(machine.index * world.machines.length + sender.index, frame);
    if (isNews && (isConfirmed || frame.mode === "left")) modes[sender.index] = frame.mode;
    for (const heard of frame.heard) {
      if (heard.incarnation !== process.incarnation) continue;
      const sent = process.sentTime(sender, heard.link, heard.sequence);
      if (sent === undefined) continue;
      const { signs, heardBy } = this.#allowance(world, machine);
      const end = machine.clock.read(sent) + heartbeat.intervalMs + lease.evidenceMs;
      raise(signs, heard.link, end);
      raise(heardBy, sender.index, end);
    }
    if (frame.restartMs > 0) {
      // It said that it will be silent for so long, and takes nothing before it has observed.
      const { heardBy } = this.#allowance(world, machine);
      raise(heardBy, sender.index, machine.clock.read(world.now) + frame.restartMs * CLOCK_STRETCH);
    }
  }

  /** Frames overtake each other, and some come twice; only the newest of an incarnation tells its sender's mode. */
  #isNewest(pair: number, { incarnation, sequence }: Frame): boolean {
    const known = this.#newest[pair];
    if (known?.incarnation !== incarnation) {
      this.#newest[pair] = { incarnation, sequence };
      return true;
    }
    if (sequence <= known.sequence) return false;
    known.sequence = sequence;
    return true;
  }

  override answerHeard(world: World, machine: Machine, answer: WireAnswer): void {
    const { effect, asked } = answer;
    if (world.vipByAddress.has(effect.address)) return;
    const { gateway, signs, answeredBy } = this.#allowance(world, machine);
    const end = machine.clock.read(asked) + world.config.lease.evidenceMs;
    if (world.gateways[effect.link]?.includes(effect.address) === true) {
      raise(gateway, effect.link, end);
      return;
    }
    raise(signs, effect.link, end);
    const owner = world.machines.find(({ index }) => world.address(effect.link, index) === effect.address);
    if (owner !== undefined) raise(answeredBy[effect.link] as Float64Array, owner.index, end);
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
    const allowed = this.#allowedUntil(world, machine, vip.link ?? 0) + SLACK_MS;
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

  /**
   * A gateway's answers are enough. Signs of other nodes are enough while nobody can take in another part of the
   * segment: where a gateway is, all nodes that have not left must be known to hear this one; elsewhere, half of all.
   * Where nobody sees anybody on the segment, it is enough that all say so on another link.
   */
  #allowedUntil(world: World, machine: Machine, link: number): number {
    const { gateway, signs, heardBy, answeredBy } = this.#allowance(world, machine);
    const ends: number[] = [];
    for (const { index } of world.machines) {
      if (index === machine.index || this.#heardModes[machine.index]?.[index] === "left") continue;
      ends.push(Math.max(heardBy[index] as number, answeredBy[link]?.[index] as number));
    }
    ends.sort((a, b) => b - a);
    const least = ends.at(-1) ?? Number.POSITIVE_INFINITY;
    if (world.hasGateway(link)) return Math.max(gateway[link] as number, Math.min(signs[link] as number, least));
    const needed = Math.ceil((ends.length + 1) / 2) - 1;
    const counted = needed === 0 ? Number.POSITIVE_INFINITY : (ends[needed - 1] as number);
    const now = machine.clock.read(world.now);
    const { heartbeat, lease } = world.config;
    const stranded = least + SLACK_MS > now ? now + heartbeat.intervalMs + lease.evidenceMs : Number.NEGATIVE_INFINITY;
    return Math.max(Math.min(signs[link] as number, counted), stranded);
  }

  /** What the machine may do; nothing, once it was rebooted. */
  #allowance(world: World, machine: Machine): Allowance {
    const known = this.#allowances[machine.index];
    if (known?.clock === machine.clock) return known;
    const fresh: Allowance = {
      clock: machine.clock,
      gateway: never(world.network.links),
      signs: never(world.network.links),
      heardBy: never(world.machines.length),
      answeredBy: world.wires.map(() => never(world.machines.length)),
      restarting: Number.NEGATIVE_INFINITY,
      unopposed: Number.NEGATIVE_INFINITY,
    };
    this.#allowances[machine.index] = fresh;
    return fresh;
  }
}

function never(length: number): Float64Array {
  return new Float64Array(length).fill(Number.NEGATIVE_INFINITY);
}

function raise(ends: Float64Array, index: number, end: number): void {
  if (end > (ends[index] as number)) ends[index] = end;
}
