/**
 * One run's whole world: time, network, machines, operator, client and checkers. It knows what is true; the
 * cores inside see only what their inputs tell them.
 */

import { Random } from "../core/base/random.ts";
import type { ClusterConfig, VipConfig } from "../core/config/cluster.ts";
import type { ReplyEffect } from "../core/node/effects.ts";
import type { Verb } from "../core/node/inputs.ts";
import { type Checker, listenersTo } from "./checkers/checker.ts";
import { gatewayAddress, secondGatewayAddress } from "./cluster.ts";
import type { Mix } from "./faults/fault.ts";
import { plainLayout, type SegmentLayout } from "./layout.ts";
import { Machine } from "./machine.ts";
import { Network, Packet } from "./network.ts";
import { Observers } from "./observers.ts";
import type { MakeCore, Process } from "./process.ts";
import { Routers } from "./routers.ts";
import { Timeline } from "./timeline.ts";
import { Trace } from "./trace.ts";
import { type Wire, wiresOf } from "./wires.ts";

/** A broken promise. */
export interface Violation {
  readonly at: number;
  readonly checker: string;
  readonly text: string;
}

/** A frame on its way. */
export interface Datagram {
  readonly link: number;
  readonly from: number;
  readonly to: number;
  readonly bytes: Uint8Array;
}

/** Datagrams kept for a replay. */
const MOST_CAPTURED = 500;

/** The last datagrams that somebody saw on the wire. */
class Capture {
  readonly #kept: Datagram[] = [];
  #next = 0;

  push(datagram: Datagram): void {
    this.#kept[this.#next] = datagram;
    this.#next = (this.#next + 1) % MOST_CAPTURED;
  }

  pick(random: Random): Datagram | undefined {
    return this.#kept.length === 0 ? undefined : random.pick(this.#kept);
  }
}

/** A frame on its way as bytes. */
class BytesPacket extends Packet {
  readonly #world: World;
  readonly #bytes: Uint8Array;

  constructor(world: World, datagram: Datagram) {
    super(world.network, datagram);
    this.#world = world;
    this.#bytes = datagram.bytes;
  }

  arrive(): void {
    const { link, from, to } = this;
    this.#world.machines[to]?.process?.hearBytes(this.#bytes, link, this.#world.address(link, from));
  }
}

export interface WorldOptions {
  readonly seed: number;
  readonly config: ClusterConfig;
  readonly mix: Mix;
  /** Addresses of the gateway host on each link; undefined lets the seed decide. */
  readonly gateways?: readonly (readonly string[])[];
  /** How each link's segment is built; undefined means one switch, one router and one client each. */
  readonly layouts?: readonly SegmentLayout[];
  readonly makeCore: MakeCore;
  readonly checkers: readonly Checker[];
  readonly recording: boolean;
  readonly verbose: boolean;
  /** Frames travel as bytes, through the codec. */
  readonly usesBytes: boolean;
  /** Largest relative error of a machine's clock. */
  readonly drift: number;
}

export class World {
  readonly timeline = new Timeline();
  readonly trace: Trace;
  readonly config: ClusterConfig;
  readonly mix: Mix;
  readonly makeCore: MakeCore;
  readonly checkers: readonly Checker[];
  /** Those of the checkers that look at every frame or answer. */
  readonly listeners: Readonly<Record<"frameSent" | "frameHeard" | "answerHeard", readonly Checker[]>>;
  readonly network: Network;
  readonly routers: Routers;
  readonly observers: Observers;
  readonly machines: readonly Machine[];
  /** VIPs of every cluster file that some node had so far; those of the first file come first. */
  readonly vips: VipConfig[];
  readonly vipByAddress: Map<string, VipConfig>;
  readonly usesBytes: boolean;
  /** Datagrams that were sent, for whoever replays them; the oldest are forgotten. */
  readonly captured = new Capture();
  readonly wires: readonly Wire[];
  /** Per link: the addresses that the gateway host has there; none means that there is no gateway. */
  readonly gateways: readonly (readonly string[])[];
  readonly random: { machines: Random };
  readonly violations: Violation[] = [];
  /** Node that served a VIP last. */
  readonly lastServer = new Map<string, Machine>();
  /** Steps taken by all cores. */
  steps = 0;
  /** Faults that began, by kind. */
  readonly inflicted = new Map<string, number>();
  readonly #byName: ReadonlyMap<string, Machine>;
  readonly #byMac = new Map<string, Machine>();
  #healedAt = Number.POSITIVE_INFINITY;
  #requests = 0;
  readonly #seed: number;
  readonly #waiting = new Map<number, Verb>();

  constructor(options: WorldOptions) {
    this.trace = new Trace(options);
    this.config = options.config;
    this.usesBytes = options.usesBytes;
    this.mix = options.mix;
    this.makeCore = options.makeCore;
    const { checkers } = options;
    this.checkers = checkers;
    this.listeners = {
      frameSent: listenersTo("frameSent", checkers),
      frameHeard: listenersTo("frameHeard", checkers),
      answerHeard: listenersTo("answerHeard", checkers),
    };
    const { seed, config } = options;
    this.#seed = seed;
    this.wires = wiresOf(config);
    const shape = new Random(`${seed}/shape`);
    this.random = { machines: new Random(`${seed}/machines`) };
    const nodes = config.nodes.length;
    const layouts = options.layouts ?? this.wires.map(() => plainLayout(nodes));
    this.network = new Network({
      timeline: this.timeline,
      random: new Random(`${seed}/network`),
      nodes,
      layouts,
      families: this.wires.map(({ addresses }) => (addresses[0]?.includes(":") === true ? 6 : 4)),
    });
    this.gateways = options.gateways ?? drawGateways(shape, config, layouts);
    this.vips = config.groups.flatMap((group) => group.resources.filter((resource) => resource.kind === "vip"));
    this.vipByAddress = new Map(this.vips.map((vip) => [vip.address, vip]));
    this.machines = config.nodes.map(
      (node, index) => new Machine(this, node.name, { index, rate: 1 + shape.between(-options.drift, options.drift) }),
    );
    this.#byName = new Map(this.machines.map((machine) => [machine.name, machine]));
    for (const { link } of this.wires)
      for (const machine of this.machines) this.#byMac.set(`${link}/${machine.mac(link)}`, machine);
    this.routers = new Routers(this);
    this.observers = new Observers(this, new Random(`${seed}/observers`));
    this.network.onChange = () => this.networkChanged();
  }

  get now(): number {
    return this.timeline.now;
  }

  /** Address of a node's port on a link. */
  address(link: number, index: number): string {
    return this.wires[link]?.addresses[index] ?? "";
  }

  hasGateway(link: number): boolean {
    return (this.gateways[link]?.length ?? 0) > 0;
  }

  /** A node gets another cluster file: its VIPs are watched from now on. */
  meet(config: ClusterConfig): void {
    for (const vip of config.groups.flatMap((group) => group.resources.filter((one) => one.kind === "vip"))) {
      if (this.vips.some(({ id }) => id === vip.id)) continue;
      this.vips.push(vip);
      this.vipByAddress.set(vip.address, vip);
    }
  }

  machine(name: string): Machine {
    const found = this.#byName.get(name);
    if (found === undefined) throw new Error(`no machine is called ${name}`);
    return found;
  }

  /** A promise was broken: nothing after that is worth a look. */
  isBroken(): boolean {
    return this.violations.length > 0;
  }

  violate(checker: string, text: string): void {
    if (this.violations.length < 20) this.violations.push({ at: this.now, checker, text });
    this.trace.line(this.now, "checker", `VIOLATION of "${checker}": ${text}`);
  }

  /** Machines whose kernel serves a VIP now. */
  serving(vip: VipConfig): Machine[] {
    return this.machines.filter((machine) => machine.serves(vip));
  }

  /** How many machines serve a VIP now; counted without making a list, because it is asked at every renewal. */
  countServing(vip: VipConfig): number {
    let count = 0;
    for (const machine of this.machines) if (machine.serves(vip)) count++;
    return count;
  }

  /** Can the first client's packet reach the machine on the VIP's link, and the answer come back? */
  isReachable(machine: Machine, vip: VipConfig): boolean {
    return this.network.isOpenBothWays(vip.link ?? 0, this.network.client, machine.index);
  }

  /** Machine with that port on a link. */
  machineByMac(link: number, mac: string): Machine | undefined {
    return this.#byMac.get(`${link}/${mac}`);
  }

  isAddressOnly(vip: VipConfig): boolean {
    const group = this.config.groups.find((one) => one.resources.includes(vip));
    return group !== undefined && group.resources.every((resource) => resource.kind === "vip");
  }

  /** Carries a datagram; whoever listens there reads it. */
  deliverBytes(datagram: Datagram): void {
    this.network.post(new BytesPacket(this, datagram), "udp");
  }

  /** Gates, addresses, power or cables changed. */
  servingChanged(vip?: VipConfig): void {
    for (const one of vip === undefined ? this.vips : [vip]) {
      for (const machine of this.machines) {
        if (machine.serves(one)) this.lastServer.set(one.id, machine);
      }
    }
    for (const checker of this.checkers) checker.servingChanged(this, vip);
  }

  /** Cables, trunks or routers changed: somebody else may be reachable now. */
  networkChanged(): void {
    this.routers.look();
    this.servingChanged();
  }

  /** An operator types a command on a machine; nothing happens where no daemon runs. */
  request(machine: Machine, verb: Verb): void {
    if (machine.process === undefined) return;
    const id = ++this.#requests;
    this.#waiting.set(id, verb);
    this.trace.line(this.now, "operator", `on ${machine.name}: ${JSON.stringify(verb)} (request ${id})`);
    for (const checker of this.checkers) checker.requested(this, machine, verb);
    machine.process.request(id, verb);
  }

  answeredRequest(process: Process, id: number, outcome: ReplyEffect["outcome"]): void {
    const verb = this.#waiting.get(id);
    this.#waiting.delete(id);
    const { machine } = process;
    if (verb !== undefined) for (const checker of this.checkers) checker.replied(this, machine, verb, outcome);
    if (verb === undefined) {
      this.violate("requests", `${machine.name} answered request ${id}, which nobody waits for`);
    } else if (outcome.kind === "forward") {
      this.timeline.after(this.random.machines.between(1, 5), () => this.request(this.machine(outcome.to), verb));
    } else if (outcome.kind === "handover") {
      const { handover } = outcome;
      this.timeline.after(this.random.machines.between(1, 5), () => machine.executeNext(process, handover));
    } else if (verb.verb === "leave" && outcome.kind === "done") {
      this.timeline.after(this.random.machines.between(1, 5), () => machine.hasLeft(process));
    }
  }

  /** A new round: its chance depends on nothing that happened before, so that shorter runs of it are like it. */
  beginRound(index: number): void {
    if (index === 0) return;
    this.random.machines = new Random(`${this.#seed}/machines ${index}`);
    this.network.reseed(new Random(`${this.#seed}/network ${index}`));
  }

  /** All faults are over. */
  heal(): void {
    this.#healedAt = this.now;
    this.trace.line(this.now, "world", "everything is healed");
    for (const checker of this.checkers) checker.healed(this);
  }

  healedForMs(): number {
    return this.now - this.#healedAt;
  }
}

/** Link 0 carries the VIPs and always has a gateway; private networks have one now and then. IPv6 VIPs have their own. */
function drawGateways(random: Random, config: ClusterConfig, layouts: readonly SegmentLayout[]): string[][] {
  const vips = config.groups.flatMap((group) => group.resources.filter((resource) => resource.kind === "vip"));
  return layouts.map(({ mode }, link) => {
    if (link !== 0 && !random.chance(0.2)) return [];
    const families = vips.some((vip) => vip.link === link && vip.family === 6) ? ([4, 6] as const) : ([4] as const);
    return families.flatMap((family) => {
      const address = gatewayAddress(link, family);
      return mode === "twins" ? [address, secondGatewayAddress(link, family)] : [address];
    });
  });
}
