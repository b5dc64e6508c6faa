/**
 * The pretend network: one segment (a switch) for every link index, with all nodes, a gateway host and a client
 * host on it. It loses, delays, doubles and reorders, and has cables that can be pulled one way or both.
 * Datagrams, ARP/NDP and echo go through the same rules, except that UDP alone can be filtered.
 */

import type { Random } from "../core/base/random.ts";
import type { Timeline } from "./timeline.ts";

/** How a segment treats every packet; `delay` in milliseconds. */
export interface Quality {
  readonly loss: number;
  readonly duplicate: number;
  readonly delayMin: number;
  readonly delayMax: number;
}

/** A healthy switch. */
export const GOOD_QUALITY: Quality = { loss: 0, duplicate: 0, delayMin: 0.05, delayMax: 0.4 };

/** Faults of one port; counters, because faults overlap. */
interface Port {
  ingressCuts: number;
  egressCuts: number;
  carrierCuts: number;
}

/** Hosts are numbered: nodes from 0, then the gateway, then the client. */
export class Network {
  readonly nodes: number;
  readonly links: number;
  readonly gateway: number;
  readonly client: number;
  /** Is the gateway host running on this link? Counts faults. */
  readonly gatewayDown: number[];
  /** Hardware address of a stranger who answers ARP for everything on the link. */
  readonly stranger: (string | undefined)[];
  /** A fabric that answers ARP for the VIPs with the last holder's hardware address. */
  readonly fabric: boolean[];
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #quality: Quality[];
  readonly #ports: Port[][];
  readonly #pairCuts: Uint8Array[];
  readonly #udpCuts: Uint8Array[];

  constructor(options: { timeline: Timeline; random: Random; nodes: number; links: number }) {
    this.#timeline = options.timeline;
    this.#random = options.random;
    this.nodes = options.nodes;
    this.links = options.links;
    this.gateway = options.nodes;
    this.client = options.nodes + 1;
    const hosts = options.nodes + 2;
    const each = <T>(make: () => T): T[] => Array.from({ length: options.links }, make);
    this.gatewayDown = each(() => 0);
    this.stranger = each(() => undefined);
    this.fabric = each(() => false);
    this.#quality = each(() => GOOD_QUALITY);
    this.#ports = each(() => Array.from({ length: hosts }, () => ({ ingressCuts: 0, egressCuts: 0, carrierCuts: 0 })));
    this.#pairCuts = each(() => new Uint8Array(hosts * hosts));
    this.#udpCuts = each(() => new Uint8Array(hosts * hosts));
  }

  port(link: number, host: number): Port {
    return this.#ports[link]?.[host] as Port;
  }

  setQuality(link: number, quality: Quality): void {
    this.#quality[link] = quality;
  }

  /** Adds (+1) or heals (-1) a cut from one host to another; `udp` cuts leave ARP, NDP and echo alone. */
  cutPair(link: number, pair: { from: number; to: number }, what: "all" | "udp", change: 1 | -1): void {
    const table = (what === "all" ? this.#pairCuts : this.#udpCuts)[link] as Uint8Array;
    const index = pair.from * (this.nodes + 2) + pair.to;
    table[index] = (table[index] as number) + change;
  }

  hasCarrier(link: number, host: number): boolean {
    return this.port(link, host).carrierCuts === 0;
  }

  /** Can a packet get from one host to another just now, chance aside? */
  isOpen(link: number, from: number, to: number, what: "udp" | "raw"): boolean {
    const out = this.port(link, from);
    const into = this.port(link, to);
    if (out.egressCuts > 0 || out.carrierCuts > 0 || into.ingressCuts > 0 || into.carrierCuts > 0) return false;
    const index = from * (this.nodes + 2) + to;
    if ((this.#pairCuts[link] as Uint8Array)[index] !== 0) return false;
    return what === "raw" || (this.#udpCuts[link] as Uint8Array)[index] === 0;
  }

  /** Sends one packet: `arrive` is called zero, one or two times, each later than now. */
  send(link: number, from: number, to: number, what: "udp" | "raw", arrive: () => void): void {
    if (!this.isOpen(link, from, to, what)) return;
    const quality = this.#quality[link] as Quality;
    if (quality.loss > 0 && this.#random.chance(quality.loss)) return;
    this.#carry(link, to, quality, arrive);
    if (quality.duplicate > 0 && this.#random.chance(quality.duplicate)) this.#carry(link, to, quality, arrive);
  }

  #carry(link: number, to: number, quality: Quality, arrive: () => void): void {
    this.#timeline.after(this.#random.between(quality.delayMin, quality.delayMax), () => {
      const port = this.port(link, to);
      if (port.ingressCuts === 0 && port.carrierCuts === 0) arrive();
    });
  }
}
