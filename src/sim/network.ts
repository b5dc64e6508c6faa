/**
 * The pretend network: one segment for every link index, with all nodes, up to two routers and up to three clients
 * on it. It loses, delays, doubles and reorders, queues where a link is slow, has cables that can be pulled one way or
 * both, and falls into parts. Datagrams, ARP/NDP and echo go through the same rules, except that UDP, or one address
 * family, can be filtered alone.
 */

import { unreachable } from "../core/base/assert.ts";
import type { Random } from "../core/base/random.ts";
import { CLIENTS, plainLayout, ROUTERS, type SegmentLayout } from "./layout.ts";
import type { Happening, Timeline } from "./timeline.ts";

/** How a segment treats every packet; times in milliseconds. */
export interface Quality {
  readonly loss: number;
  readonly duplicate: number;
  readonly delayMin: number;
  readonly delayMax: number;
  /** A slow segment: each packet occupies the receiver's port for so long; others wait, and overflow when that takes too long. */
  readonly slow?: { readonly packetMs: number; readonly queueMs: number };
}

/** A healthy switch. */
export const GOOD_QUALITY: Quality = { loss: 0, duplicate: 0, delayMin: 0.05, delayMax: 0.4 };

/** Faults of one port; counters, because faults overlap. */
interface Port {
  ingressCuts: number;
  egressCuts: number;
  carrierCuts: number;
}

/** What is lost between two parts of a segment: everything, or only what goes to the part with the higher or lower number. */
export type SplitWay = "both" | "up" | "down";

/** A segment in parts. */
export interface Split {
  /** Number of each host's part. */
  readonly parts: Uint8Array;
  readonly way: SplitWay;
}

/** From where to where. */
export interface Way {
  readonly link: number;
  readonly from: number;
  readonly to: number;
}

/** One packet on its way: frames have a class of their own, because there are so many. */
export abstract class Packet implements Happening {
  readonly link: number;
  readonly from: number;
  readonly to: number;
  readonly #network: Network;

  constructor(network: Network, { link, from, to }: Way) {
    this.#network = network;
    this.link = link;
    this.from = from;
    this.to = to;
  }

  happen(): void {
    if (this.#network.takesIn(this.link, this.to)) this.arrive();
  }

  abstract arrive(): void;
}

/** Any other packet: what its arrival does is a function. */
class Call extends Packet {
  readonly arrive: () => void;

  constructor(network: Network, way: Way, arrive: () => void) {
    super(network, way);
    this.arrive = arrive;
  }
}

/** Hosts are numbered: nodes from 0, then routers, then clients. */
export class Network {
  readonly nodes: number;
  readonly links: number;
  readonly layouts: readonly SegmentLayout[];
  /** The first router, and the first client. */
  readonly gateway: number;
  readonly client: number;
  readonly hosts: number;
  /** Does the first router stand still on this link? Counts faults. */
  readonly gatewayDown: number[];
  /** Hardware address of a stranger who answers ARP for everything on the link. */
  readonly stranger: (string | undefined)[];
  /** A fabric that answers ARP for the VIPs with the last holder's hardware address. */
  readonly fabric: boolean[];
  readonly #timeline: Timeline;
  #random: Random;
  readonly #quality: Quality[];
  readonly #ports: Port[][];
  readonly #pairCuts: Uint8Array[];
  readonly #udpCuts: Uint8Array[];
  readonly #splits: Split[][];
  /** Nodes do not see each other, but everybody else: a private VLAN. Counts faults. */
  readonly #isolated: number[];
  /** Per link: filters of IPv4 and IPv6. */
  readonly #familyCuts: { 4: number; 6: number }[];
  /** Address family of the nodes' addresses. */
  readonly #family: readonly (4 | 6)[];
  /** Per link: everything that may stop a packet. While it is 0 nothing needs to be looked at. */
  readonly #hurdles: number[];
  /** Per link and host: until when a slow port is busy. */
  readonly #busyUntil: Float64Array[];
  /** Called after anything changed that may make somebody reachable or not. */
  onChange: () => void = () => {};

  constructor(options: {
    timeline: Timeline;
    random: Random;
    nodes: number;
    layouts: readonly SegmentLayout[];
    families: readonly (4 | 6)[];
  }) {
    this.#timeline = options.timeline;
    this.#random = options.random;
    this.nodes = options.nodes;
    this.layouts = options.layouts;
    this.links = options.layouts.length;
    this.gateway = options.nodes;
    this.client = options.nodes + ROUTERS;
    this.hosts = options.nodes + ROUTERS + CLIENTS;
    this.#family = options.families;
    const { hosts } = this;
    const each = <T>(make: () => T): T[] => Array.from({ length: this.links }, make);
    this.gatewayDown = each(() => 0);
    this.stranger = each(() => undefined);
    this.fabric = each(() => false);
    this.#quality = each(() => GOOD_QUALITY);
    this.#ports = each(() => Array.from({ length: hosts }, () => ({ ingressCuts: 0, egressCuts: 0, carrierCuts: 0 })));
    this.#pairCuts = each(() => new Uint8Array(hosts * hosts));
    this.#udpCuts = each(() => new Uint8Array(hosts * hosts));
    this.#splits = each(() => []);
    this.#isolated = each(() => 0);
    this.#familyCuts = each(() => ({ 4: 0, 6: 0 }));
    this.#hurdles = each(() => 0);
    this.#busyUntil = each(() => new Float64Array(hosts));
  }

  layout(link: number): SegmentLayout {
    return this.layouts[link] ?? plainLayout(this.nodes);
  }

  /** Host numbers of the routers that a link has room for. */
  routersOn(link: number): number[] {
    return this.layout(link).routers.map((_, index) => this.gateway + index);
  }

  clientsOn(link: number): number[] {
    return this.layout(link).clients.map((_, index) => this.client + index);
  }

  /** Chance begins anew: what follows depends on nothing that was drawn before. */
  reseed(random: Random): void {
    this.#random = random;
  }

  setQuality(link: number, quality: Quality): void {
    this.#quality[link] = quality;
    this.#busyUntil[link]?.fill(0);
  }

  /** Pulls (+1) or plugs (-1) one direction of a host's cable, or the cable itself. */
  cutPort(link: number, host: number, what: "in" | "out" | "carrier", change: 1 | -1): void {
    const port = this.#port(link, host);
    if (what === "in") port.ingressCuts += change;
    else if (what === "out") port.egressCuts += change;
    else port.carrierCuts += change;
    this.#changed(link, change);
  }

  /** Adds (+1) or heals (-1) a cut from one host to another; `udp` cuts leave ARP, NDP and echo alone. */
  cutPair(link: number, pair: { from: number; to: number }, what: "all" | "udp", change: 1 | -1): void {
    const table = (what === "all" ? this.#pairCuts : this.#udpCuts)[link] as Uint8Array;
    const index = pair.from * this.hosts + pair.to;
    table[index] = (table[index] as number) + change;
    this.#changed(link, change);
  }

  /** The segment falls into parts; several splits may stand at once. */
  split(link: number, split: Split): void {
    this.#splits[link]?.push(split);
    this.#changed(link, 1);
  }

  join(link: number, split: Split): void {
    const splits = this.#splits[link];
    const index = splits?.indexOf(split) ?? -1;
    if (splits === undefined || index < 0) return;
    splits.splice(index, 1);
    this.#changed(link, -1);
  }

  /** A trunk of the link's layout as a split: the lower side's switches have the lower numbers. */
  trunk(link: number, trunk: number, way: SplitWay): Split {
    const { nodes, routers, clients } = this.layout(link);
    const parts = new Uint8Array(this.hosts);
    const place = (first: number, switches: readonly number[]) => {
      for (const [index, at] of switches.entries()) parts[first + index] = at > trunk ? 1 : 0;
    };
    place(0, nodes);
    place(this.gateway, routers);
    place(this.client, clients);
    return { parts, way };
  }

  /** The first router fails (+1), or comes back (-1). */
  stopGateway(link: number, change: 1 | -1): void {
    this.gatewayDown[link] = (this.gatewayDown[link] ?? 0) + change;
    this.onChange();
  }

  /** Nodes see each other no longer (+1), or again (-1). */
  isolate(link: number, change: 1 | -1): void {
    this.#isolated[link] = (this.#isolated[link] ?? 0) + change;
    this.#changed(link, change);
  }

  /** Everything of one address family is lost (+1), or passes again (-1). */
  filterFamily(link: number, family: 4 | 6, change: 1 | -1): void {
    const cuts = this.#familyCuts[link];
    if (cuts !== undefined) cuts[family] += change;
    this.#changed(link, change);
  }

  /** Do ARP (4) or NDP (6), and what they lead to, pass at all? */
  carries(link: number, family: 4 | 6): boolean {
    return this.#hurdles[link] === 0 || this.#familyCuts[link]?.[family] === 0;
  }

  hasCarrier(link: number, host: number): boolean {
    return this.#port(link, host).carrierCuts === 0;
  }

  /** Can a packet get from one host to another just now, chance aside? */
  isOpen(link: number, from: number, to: number, what: "udp" | "raw"): boolean {
    return this.#hurdles[link] === 0 || this.#passes(link, from, to, what);
  }

  /** There and back. */
  isOpenBothWays(link: number, one: number, other: number): boolean {
    return this.isOpen(link, one, other, "raw") && this.isOpen(link, other, one, "raw");
  }

  /** Sends one packet: `arrive` is called zero, one or two times, each later than now. */
  send(link: number, from: number, to: number, what: "udp" | "raw", arrive: () => void): void {
    this.post(new Call(this, { link, from, to }, arrive), what);
  }

  /** Sends one packet: it arrives zero, one or two times, each later than now. */
  post(packet: Packet, what: "udp" | "raw"): void {
    this.#send(packet, packet, what);
  }

  /** Sends a packet that nobody will read: chance and slow ports notice it, and nothing else needs to. */
  sendUnread(way: Way, what: "udp" | "raw"): void {
    this.#send(way, undefined, what);
  }

  #send(way: Way, packet: Packet | undefined, what: "udp" | "raw"): void {
    const { link, from, to } = way;
    if (this.#hurdles[link] !== 0 && !this.#passes(link, from, to, what)) return;
    const quality = this.#quality[link] as Quality;
    if (quality.loss > 0 && this.#random.chance(quality.loss)) return;
    this.#carry(way, packet, quality);
    if (quality.duplicate > 0 && this.#random.chance(quality.duplicate)) this.#carry(way, packet, quality);
  }

  /** Is a host's port able to take in what has come so far? */
  takesIn(link: number, to: number): boolean {
    const port = this.#port(link, to);
    return port.ingressCuts === 0 && port.carrierCuts === 0;
  }

  #carry({ link, to }: Way, packet: Packet | undefined, quality: Quality): void {
    let delayMs = this.#random.between(quality.delayMin, quality.delayMax);
    if (quality.slow !== undefined) {
      const waitMs = this.#queue(link, to, quality.slow);
      if (waitMs === undefined) return;
      delayMs += waitMs;
    }
    if (packet !== undefined) this.#timeline.add(this.#timeline.now + delayMs, packet);
  }

  /** How long a packet waits at a slow port; undefined when the queue overflows. */
  #queue(link: number, to: number, slow: { packetMs: number; queueMs: number }): number | undefined {
    const { now } = this.#timeline;
    const busyUntil = this.#busyUntil[link] as Float64Array;
    const begin = Math.max(now, busyUntil[to] as number);
    if (begin - now > slow.queueMs) return undefined;
    busyUntil[to] = begin + slow.packetMs;
    return begin + slow.packetMs - now;
  }

  #passes(link: number, from: number, to: number, what: "udp" | "raw"): boolean {
    const out = this.#port(link, from);
    const into = this.#port(link, to);
    if (out.egressCuts > 0 || out.carrierCuts > 0 || into.ingressCuts > 0 || into.carrierCuts > 0) return false;
    const index = from * this.hosts + to;
    if ((this.#pairCuts[link] as Uint8Array)[index] !== 0) return false;
    if (from < this.nodes && to < this.nodes && (this.#isolated[link] as number) > 0) return false;
    for (const split of this.#splits[link] as Split[]) if (isBetween(split, from, to)) return false;
    if (what === "raw") return true;
    return (this.#udpCuts[link] as Uint8Array)[index] === 0 && this.carries(link, this.#family[link] ?? 4);
  }

  #port(link: number, host: number): Port {
    return this.#ports[link]?.[host] as Port;
  }

  #changed(link: number, change: 1 | -1): void {
    this.#hurdles[link] = (this.#hurdles[link] ?? 0) + change;
    this.onChange();
  }
}

/** Does a packet from one host to another cross the gap? */
function isBetween({ parts, way }: Split, from: number, to: number): boolean {
  const [source, target] = [parts[from] as number, parts[to] as number];
  switch (way) {
    case "both":
      return source !== target;
    case "up":
      return source < target;
    case "down":
      return source > target;
    default:
      return unreachable(way);
  }
}
