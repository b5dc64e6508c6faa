/**
 * One run of the daemon on a machine: steps the core and performs its effects as the daemon's heart does. It
 * can be frozen at any point, also between two effects of one step; what arrives meanwhile waits in its
 * sockets and is read late, after the loop noticed the gap.
 */

import { unreachable } from "../core/base/assert.ts";
import type { Instant } from "../core/base/time.ts";
import type { ClusterConfig, VipConfig } from "../core/config/cluster.ts";
import type { Frame } from "../core/membership/frame.ts";
import { FrameCodec, type FrameSeal } from "../core/membership/frame-codec.ts";
import type {
  AskEffect,
  DecisionEvent,
  Effect,
  OpenEffect,
  PersistEffect,
  ReplyEffect,
  RunEffect,
} from "../core/node/effects.ts";
import type { Handover, Input, Verb } from "../core/node/inputs.ts";
import type { StepResult } from "../core/node/node.ts";
import { explain } from "../core/node/reasons.ts";
import type { NodeView } from "../core/node/view.ts";
import { describeEffect, describeInput } from "./describe.ts";
import { announce, ask } from "./discovery.ts";
import type { Machine } from "./machine.ts";
import { Packet, type Network } from "./network.ts";
import { Questions } from "./questions.ts";
import type { World } from "./world.ts";

/** What the simulator needs of a core; the real one is `Node`. */
export interface Core {
  step(input: Input): StepResult;
  view(now: Instant): NodeView;
}

/** Makes the core of one node. */
export type MakeCore = (options: { config: ClusterConfig; configHash: string; node: string }) => Core;

/** Packets that wait for a frozen process; the kernel drops the rest. */
const SOCKET_BUFFER_PACKETS = 400;
/** How often addresses are renewed, and how long they last. */
const ADDRESS_RENEWAL_MS = 500;
const ADDRESS_LIFETIME_MS = 2_000;
/** The kernel ends a set element up to one timer tick late. */
const ELEMENT_LATENESS_MS = 4;
/** A core that wants to be woken more often than this in a second spins. */
const MOST_TICKS_PER_SECOND = 2_000;
/** Checkers look through one step of so many. */
const LOOK_AT_STEPS = 61;
/** Sequence numbers whose sending time is remembered for the lease checker. */
const SENT_REMEMBERED = 512;

/** Stands for the cluster key: everybody here has it, and nobody tampers with a frame. */
const SEAL: FrameSeal = { keyId: 1, sign: () => new Uint8Array(32), verify: () => true };

type Reading = (now: Instant) => Input | undefined;

/** A frame on its way to a machine. */
class FramePacket extends Packet {
  readonly #receiver: Machine;
  readonly #frame: Frame;

  constructor(network: Network, { from, receiver, frame }: { from: number; receiver: Machine; frame: Frame }) {
    super(network, { link: frame.link, from, to: receiver.index });
    this.#receiver = receiver;
    this.#frame = frame;
  }

  arrive(): void {
    this.#receiver.process?.hear(this.#frame);
  }
}

export class Process {
  readonly machine: Machine;
  readonly incarnation: string;
  /** Hash of the cluster file with which it was started. */
  readonly configHash: string;
  readonly core: Core;
  alive = true;
  /** True time since when it does not run. */
  frozenSince: number | undefined;
  /** True time at which it went on, last. */
  thawedAt = Number.NEGATIVE_INFINITY;
  /** The main thread hangs: requests, results and verdicts wait. */
  isStalled = false;
  readonly #world: World;
  readonly #codec: FrameCodec | undefined;
  readonly #inbox: Reading[] = [];
  readonly #mainQueue: Reading[] = [];
  readonly #questions = new Questions();
  readonly #addresses = new Map<string, VipConfig>();
  /** By number of the recipient and link. */
  readonly #sentTimes: Float64Array[] = [];
  #unperformed: Effect[] = [];
  #armed: { effects: number; forMs: number } | undefined;
  #wakeAt = Number.POSITIVE_INFINITY;
  #wakeScheduled = Number.POSITIVE_INFINITY;
  #ticksThisSecond = 0;
  #second = 0;
  /** Frozen by nobody but the machine's own standing still. */
  #standsStill = false;
  #thawWaits = false;

  constructor(world: World, machine: Machine, incarnation: string) {
    this.#world = world;
    this.machine = machine;
    this.incarnation = incarnation;
    this.configHash = machine.configHash;
    const { config } = world;
    const nodes = config.nodes.map(({ name, addresses }) => ({ name, links: addresses.length }));
    const codecOptions = { cluster: config.cluster, node: machine.name, incarnation, nodes, seal: SEAL };
    this.#codec = world.usesBytes ? new FrameCodec(codecOptions) : undefined;
    this.core = world.makeCore({ config: machine.config, configHash: machine.configHash, node: machine.name });
  }

  get now(): Instant {
    return this.machine.clock.read(this.#world.now);
  }

  /** The first input, then the devices; verdicts follow when the monitors have run. */
  start(handover: Handover | undefined): void {
    const { epochs, wishes } = this.machine.disk.open(this);
    this.#step({
      kind: "start",
      now: this.now,
      incarnation: this.incarnation,
      epochs,
      wishes,
      gateways: this.#world.gateways,
      handover,
    });
    for (let link = 0; link < this.#world.network.links; link++) this.interfaceChanged(link);
    if (this.machine.isGateBroken)
      this.deliver((now) => ({ kind: "gate", now, what: "broken", vip: undefined, detail: "simulated" }));
    this.#renewAddresses();
  }

  /** Ends without running another line: SIGKILL, power loss, exec. */
  kill(): void {
    this.alive = false;
    this.#inbox.length = 0;
  }

  /** Something arrives at a socket or timer of the heart. Only packets are dropped when too many wait. */
  deliver(reading: Reading, isPacket = false): void {
    if (!this.alive) return;
    if (this.frozenSince !== undefined) {
      if (!isPacket || this.#inbox.length < SOCKET_BUFFER_PACKETS) this.#inbox.push(reading);
      return;
    }
    this.#questions.began(this.now);
    this.#read(reading);
  }

  #read(reading: Reading): void {
    if (!this.alive) return;
    const input = reading(this.now);
    if (input !== undefined) this.#step(input);
  }

  /** Something arrives through the main thread. */
  deliverByMain(reading: Reading): void {
    if (this.isStalled) this.#mainQueue.push(reading);
    else this.deliver(reading);
  }

  interfaceChanged(link: number): void {
    const { network } = this.#world;
    const up = network.hasCarrier(link, this.machine.index);
    const mac = this.machine.mac(link);
    const device = this.#world.wires[link]?.device;
    this.deliver((now) => ({ kind: "interface", now, link, up, device, mac }));
  }

  request(id: number, request: Verb): void {
    this.deliverByMain((now) => ({ kind: "request", now, id, request }));
  }

  /** Stops between two instructions; with `effects` set, in the middle of performing a step. */
  freeze(forMs: number, effects: number | undefined): void {
    if (!this.alive || this.frozenSince !== undefined) return;
    if (effects !== undefined) {
      this.#armed = { effects, forMs };
      return;
    }
    this.#world.trace.line(this.#world.now, this.machine.name, `frozen for ${forMs.toFixed(1)} ms`);
    this.frozenSince = this.#world.now;
    this.#world.timeline.after(forMs, () => this.#thaw());
  }

  /** The whole machine stands still. */
  standStill(): void {
    if (!this.alive || this.frozenSince !== undefined) return;
    this.frozenSince = this.#world.now;
    this.#standsStill = true;
  }

  /** The machine goes on. */
  goOn(): void {
    if (!this.#standsStill && !this.#thawWaits) return;
    this.#standsStill = false;
    this.#thawWaits = false;
    this.#thaw();
  }

  /** SIGCONT: goes on before its freeze would end by itself. */
  thaw(): void {
    this.#thaw();
  }

  stall(stalled: boolean): void {
    if (!this.alive) return;
    this.isStalled = stalled;
    if (stalled) return;
    for (const reading of this.#mainQueue.splice(0)) this.deliver(reading);
  }

  /** True time at which a frame of this incarnation was sent; undefined when it is forgotten or never was. */
  sentTime(to: Machine, link: number, sequence: number): number | undefined {
    const time = this.#sentTimes[to.index * this.#world.network.links + link]?.[sequence % SENT_REMEMBERED];
    return time === undefined || time === 0 ? undefined : time;
  }

  #thaw(): void {
    if (!this.alive || this.frozenSince === undefined) return;
    if (this.machine.isPaused) {
      this.#thawWaits = true;
      return;
    }
    const frozenAt = this.machine.clock.read(this.frozenSince);
    const gapMs = this.now - frozenAt;
    this.#questions.began(frozenAt);
    this.#world.trace.line(this.#world.now, this.machine.name, `thawed, ${this.#inbox.length} packets wait`);
    this.frozenSince = undefined;
    this.thawedAt = this.#world.now;
    this.#perform(this.#unperformed.splice(0));
    const { heartbeat, lease } = this.#world.config;
    // After a shorter gap the kernel's deadlines are still right: nothing was renewed meanwhile.
    if (gapMs >= heartbeat.intervalMs + lease.evidenceMs) this.#step({ kind: "paused", now: this.now, gapMs });
    for (const reading of this.#inbox.splice(0)) {
      if (this.frozenSince === undefined) this.#read(reading);
      else this.#inbox.push(reading);
    }
    this.deliver((now) => ({ kind: "tick", now }));
  }

  #step(input: Input): void {
    const world = this.#world;
    world.steps++;
    world.trace.mix(world.now);
    world.trace.mix(this.machine.index * 16 + input.kind.length);
    if (input.kind === "tick") this.#countTick();
    if (world.trace.verbose) world.trace.line(world.now, this.machine.name, `< ${describeInput(input)}`);
    let result: StepResult;
    try {
      result = this.core.step(input);
    } catch (error) {
      world.violate(
        "crash",
        `${this.machine.name}: the core threw at input ${JSON.stringify(input)}: ${error instanceof Error ? error.stack : String(error)}`,
      );
      this.kill();
      return;
    }
    if (world.steps % LOOK_AT_STEPS === 0) {
      for (const checker of world.checkers) checker.stepped(world, this.machine, { input, effects: result.effects });
    }
    this.#wakeAt = this.machine.clock.trueTime(result.wakeAt);
    this.#perform(result.effects);
    this.#scheduleWake();
  }

  #countTick(): void {
    const second = Math.floor(this.#world.now / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#ticksThisSecond = 0;
    }
    if (++this.#ticksThisSecond === MOST_TICKS_PER_SECOND)
      this.#world.violate("spin", `${this.machine.name} took ${MOST_TICKS_PER_SECOND} wake-ups in one second`);
  }

  #scheduleWake(): void {
    if (!this.alive || this.#wakeAt >= this.#wakeScheduled || this.#wakeAt === Number.POSITIVE_INFINITY) return;
    const { timeline, random } = this.#world;
    // Timers are late, never early: mostly a little, now and then by some milliseconds.
    const lateness = random.machines.chance(0.02) ? random.machines.between(1, 8) : random.machines.between(0.05, 0.3);
    const at = Math.max(this.#wakeAt, timeline.now) + lateness;
    this.#wakeScheduled = at;
    timeline.at(at, () => {
      if (at !== this.#wakeScheduled) return;
      this.#wakeScheduled = Number.POSITIVE_INFINITY;
      if (!this.alive || this.frozenSince !== undefined) return;
      if (timeline.now < this.#wakeAt) this.#scheduleWake();
      else this.#step({ kind: "tick", now: this.now });
    });
  }

  #perform(effects: readonly Effect[]): void {
    for (let index = 0; index < effects.length; index++) {
      if (this.#armed !== undefined && this.#armed.effects-- === 0) {
        const { forMs } = this.#armed;
        this.#armed = undefined;
        this.#unperformed = effects.slice(index);
        this.freeze(forMs, undefined);
        return;
      }
      const effect = effects[index] as Effect;
      if (this.#world.trace.verbose)
        this.#world.trace.line(this.#world.now, this.machine.name, `> ${describeEffect(effect, this.now)}`);
      this.#performOne(effect);
      if (!this.alive) return;
    }
  }

  #performOne(effect: Effect): void {
    switch (effect.kind) {
      case "send":
        return this.#send(effect.to, effect.frame);
      case "ask":
        return this.#ask(effect);
      case "open":
        return this.#open(effect);
      case "close":
        for (const vip of effect.vips) this.#close(vip, effect.remove);
        return;
      case "place":
        for (const vip of effect.vips) this.#place(vip, ADDRESS_LIFETIME_MS);
        return;
      case "announce":
        for (const vip of effect.vips) announce(this.#world, this.machine, vip);
        return;
      case "run":
        return this.#run(effect);
      case "persist":
        return this.#persist(effect);
      case "event":
        return this.#record(effect.event);
      case "reply":
        return this.#reply(effect);
      case "watch":
      case "catch":
      case "hand-on":
        return;
      default:
        unreachable(effect);
    }
  }

  #send(to: string, frame: Frame): void {
    const world = this.#world;
    const { link } = frame;
    const receiver = world.machine(to);
    world.trace.mix(frame.sequence);
    const times = (this.#sentTimes[receiver.index * world.network.links + link] ??= new Float64Array(SENT_REMEMBERED));
    times[frame.sequence % SENT_REMEMBERED] = world.now;
    this.machine.lastMode = frame.mode;
    for (const checker of world.listeners.frameSent) checker.frameSent(world, this.machine, frame);
    if (this.#codec !== undefined) {
      this.#sendBytes(receiver, frame, this.#codec);
      return;
    }
    world.network.post(new FramePacket(world.network, { from: this.machine.index, receiver, frame }), "udp");
  }

  #sendBytes(receiver: Machine, frame: Frame, codec: FrameCodec): void {
    const world = this.#world;
    const { link } = frame;
    const bytes = codec.encode(frame, receiver.name);
    if (bytes === undefined) {
      world.violate("frame size", `${this.machine.name} cannot tell ${receiver.name} all in one datagram`);
      return;
    }
    const datagram = { link, from: this.machine.index, to: receiver.index, bytes };
    world.captured.push(datagram);
    world.deliverBytes(datagram);
  }

  /** A datagram reached the socket as bytes. */
  hearBytes(bytes: Uint8Array, link: number, source: string): void {
    if (!this.machine.receives()) return;
    if (this.#readsAtOnce()) this.#step(this.#readBytes(bytes, link, source));
    else this.deliver(() => this.#readBytes(bytes, link, source), true);
  }

  #readBytes(bytes: Uint8Array, link: number, source: string): Input {
    const decoded = this.#codec?.decode(bytes, link);
    if (decoded?.ok === true) return this.#readFrame(decoded.frame);
    return { kind: "frame-rejected", now: this.now, why: decoded?.why ?? "malformed", source };
  }

  /** A datagram reached the socket. */
  hear(frame: Frame): void {
    if (!this.machine.receives()) return;
    if (this.#readsAtOnce()) this.#step(this.#readFrame(frame));
    else this.deliver(() => this.#readFrame(frame), true);
  }

  #readFrame(frame: Frame): Input {
    for (const checker of this.#world.listeners.frameHeard) checker.frameHeard(this.#world, this, frame);
    return { kind: "frame", now: this.now, frame };
  }

  /** Frames are many: only those that must wait in a socket cost a function each. */
  #readsAtOnce(): boolean {
    if (!this.alive || this.frozenSince !== undefined) return false;
    this.#questions.began(this.now);
    return true;
  }

  #ask(effect: AskEffect): void {
    this.#questions.ask(effect, this.now);
    ask(this.#world, this.machine, effect);
  }

  /** An answer to one of our questions arrived; `asked` is the true time of the very question, for checkers only. */
  answered(effect: AskEffect, mac: string, asked: number): void {
    if (!this.machine.receives()) return;
    this.deliver((now) => {
      const sentAt = this.#questions.answered(effect, mac);
      if (sentAt === undefined) return undefined;
      for (const checker of this.#world.listeners.answerHeard) {
        checker.answerHeard(this.#world, this.machine, { effect, mac, asked });
      }
      const { link, probe, address } = effect;
      return { kind: "answer", now, link, probe, address, mac, sentAt };
    }, true);
  }

  #open(effect: OpenEffect): void {
    const world = this.#world;
    const now = this.now;
    if (effect.before !== undefined && now >= effect.before) {
      this.#tooLate(effect.vips);
      return;
    }
    for (const vip of effect.vips) {
      // The element's timeout is computed at the last moment, so a step that was interrupted opens nothing.
      if (effect.until <= now) {
        this.#close(vip, false);
        continue;
      }
      const lateness = world.random.machines.between(0, ELEMENT_LATENESS_MS);
      this.#place(vip, Math.max(ADDRESS_LIFETIME_MS, Math.ceil((effect.until - now) / 1_000) * 1_000));
      this.machine.openGate(vip, this.machine.clock.trueTime(effect.until) + lateness);
    }
  }

  /** What was to be renewed has ended while this process stood still. */
  #tooLate(vips: readonly VipConfig[]): void {
    for (const { id } of vips) {
      this.#world.timeline.after(0, () => {
        this.deliver((now) => ({ kind: "gate", now, what: "late", vip: id, detail: "simulated" }));
      });
    }
  }

  #close(vip: VipConfig, remove: boolean): void {
    if (remove) this.#addresses.delete(vip.id);
    this.machine.closeGate(vip, remove);
  }

  #place(vip: VipConfig, lifetimeMs: number): void {
    this.#addresses.set(vip.id, vip);
    this.machine.kernel.place(vip, this.#world.now + lifetimeMs);
  }

  #renewAddresses(): void {
    if (!this.alive) return;
    if (this.frozenSince === undefined) {
      for (const vip of this.#addresses.values()) this.machine.kernel.place(vip, this.#world.now + ADDRESS_LIFETIME_MS);
    }
    this.#world.timeline.after(ADDRESS_RENEWAL_MS, () => this.#renewAddresses());
  }

  #run(effect: RunEffect): void {
    this.machine.runService(effect, (ok, detail) => {
      this.deliverByMain((now) => ({ kind: "resource-result", now, id: effect.id, ok, detail }));
    });
  }

  #persist({ epochs, wishes }: PersistEffect): void {
    this.machine.disk.save(this, { epochs, wishes }, this.#world.random.machines.between(2, 40));
  }

  #record(event: DecisionEvent): void {
    const world = this.#world;
    for (const checker of world.checkers) checker.decided(world, this.machine, event);
    world.trace.mixText(event.reason);
    if (!world.trace.recording) return;
    const facts = Object.entries(event.facts).map(([name, value]) => `${name}=${String(value)}`);
    const text = explain(event.reason, { node: event.node, group: event.group, link: event.link, ...event.facts });
    world.trace.line(world.now, this.machine.name, `${event.reason}: ${text}  [${facts.join(" ")}]`);
  }

  #reply(effect: ReplyEffect): void {
    const { outcome } = effect;
    this.#world.trace.line(
      this.#world.now,
      this.machine.name,
      `answers request ${effect.id}: ${JSON.stringify(outcome)}`,
    );
    this.#world.answeredRequest(this, effect.id, outcome);
  }
}
