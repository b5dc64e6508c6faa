/**
 * Everybody who uses the VIPs: clients on the segments, and the routers on behalf of all clients behind them. Each
 * has a neighbour cache, sends requests to the hardware address that it believes in, and sees who answers. Checkers
 * look with their eyes.
 */

import type { Random } from "../core/base/random.ts";
import type { VipConfig } from "../core/config/cluster.ts";
import type { Machine } from "./machine.ts";
import { EVERYBODY, LINUX_TIMES, NeighbourCache, type NeighbourTimes } from "./neighbour-cache.ts";
import type { World } from "./world.ts";

/** Times so short that a wrong entry is noticed within a run; the others have the kernel's defaults. */
const IMPATIENT: NeighbourTimes = { reachableMs: 600, delayMs: 400, retransMs: 150 };

/** One host that uses VIPs. */
export interface Observer {
  readonly name: string;
  readonly link: number;
  readonly host: number;
  readonly isRouter: boolean;
  /** Notices a wrong entry by itself within seconds. */
  readonly isImpatient: boolean;
  readonly cache: NeighbourCache;
  /** When, and by which machine, the last request for a VIP was answered. */
  readonly answered: Map<string, { readonly at: number; readonly by: Machine }>;
}

/** One point of view: a client, or all routers of a link, because who is behind them may come through either. */
export interface View {
  readonly name: string;
  readonly link: number;
  readonly hosts: readonly number[];
  readonly isBehindRouters: boolean;
}

/** How the requests of a run ended. */
export interface RequestCounts {
  sent: number;
  answered: number;
  /** Landed on a machine that does not serve the VIP, or is off. */
  refused: number;
  /** The address was not known yet. */
  unresolved: number;
}

export class Observers {
  readonly all: readonly Observer[];
  readonly views: readonly View[];
  readonly counts: RequestCounts = { sent: 0, answered: 0, refused: 0, unresolved: 0 };
  readonly #world: World;
  readonly #byLink: Observer[][];

  constructor(world: World, random: Random) {
    this.#world = world;
    const { network } = world;
    const make = (link: number, host: number, name: string): Observer => {
      const isImpatient = random.chance(0.6);
      return {
        name,
        link,
        host,
        isRouter: host < network.client,
        isImpatient,
        cache: new NeighbourCache(isImpatient ? IMPATIENT : LINUX_TIMES),
        answered: new Map(),
      };
    };
    this.#byLink = world.wires.map(({ link }) => {
      const clients = network
        .clientsOn(link)
        .map((host, index) => make(link, host, `client ${index + 1} on link ${link}`));
      const routers = world.hasGateway(link) ? network.routersOn(link) : [];
      return [...clients, ...routers.map((host, index) => make(link, host, `router ${index + 1} on link ${link}`))];
    });
    this.all = this.#byLink.flat();
    this.views = this.#byLink.flatMap((observers, link) => viewsOf(observers, link));
    for (const vip of world.vips) for (const observer of this.on(vip.link ?? 0)) this.#begin(random, observer, vip);
  }

  on(link: number): readonly Observer[] {
    return this.#byLink[link] ?? [];
  }

  /** Machines that a view's next packet for a VIP could be accepted by, if its neighbour cache said so. */
  reachableFrom(view: View, serving: readonly Machine[]): Machine[] {
    const { network, routers } = this.#world;
    const hosts = view.isBehindRouters ? view.hosts.filter((host) => routers.isActive(view.link, host)) : view.hosts;
    return serving.filter((machine) => hosts.some((host) => network.isOpenBothWays(view.link, host, machine.index)));
  }

  /** The machine that would answer this observer's next request for a VIP; undefined when none would. */
  answerer(observer: Observer, vip: VipConfig): Machine | undefined {
    const mac = observer.cache.mac(vip.address);
    const machine = mac === undefined ? undefined : this.#world.machineByMac(observer.link, mac);
    if (machine === undefined || !machine.serves(vip)) return undefined;
    const { network } = this.#world;
    const passes = network.carries(observer.link, vip.family);
    return passes && network.isOpenBothWays(observer.link, observer.host, machine.index) ? machine : undefined;
  }

  /** Name of the node that answers a VIP's first client now; undefined when nobody does. */
  answersClient(vip: VipConfig): Machine | undefined {
    const client = this.on(vip.link ?? 0).find(({ isRouter }) => !isRouter);
    return client === undefined ? undefined : this.answerer(client, vip);
  }

  #begin(random: Random, observer: Observer, vip: VipConfig): void {
    const { timeline, routers } = this.#world;
    const everyMs = random.between(120, 600);
    const again = () => {
      if (!observer.isRouter || routers.isActive(observer.link, observer.host)) this.#request(observer, vip);
      timeline.after(everyMs, again);
    };
    timeline.after(random.between(0, everyMs), again);
  }

  #request(observer: Observer, vip: VipConfig): void {
    const world = this.#world;
    const { network } = world;
    const { link, host, cache } = observer;
    if (!network.carries(link, vip.family)) return;
    this.counts.sent++;
    const { mac, ask } = cache.use(vip.address, world.now);
    if (ask !== undefined) this.#ask(observer, vip, ask);
    if (mac === undefined) {
      this.counts.unresolved++;
      return;
    }
    const machine = world.machineByMac(link, mac);
    if (machine === undefined) return;
    network.send(link, host, machine.index, "raw", () => {
      const isAccepted = machine.serves(vip);
      for (const checker of world.checkers) checker.requestLanded(world, observer, vip, { machine, isAccepted });
      if (!isAccepted) {
        this.counts.refused++;
        return;
      }
      network.send(link, machine.index, host, "raw", () => {
        this.counts.answered++;
        cache.confirmed(vip.address, mac, world.now);
        observer.answered.set(vip.id, { at: world.now, by: machine });
      });
    });
  }

  /** Strangers and lying fabrics are left out: no daemon can keep a client from believing them. */
  #ask(observer: Observer, vip: VipConfig, whom: string): void {
    const world = this.#world;
    const { network } = world;
    const { link, host, cache } = observer;
    for (const machine of world.machines) {
      const mac = machine.mac(link);
      if (whom !== EVERYBODY && whom !== mac) continue;
      network.send(link, host, machine.index, "raw", () => {
        if (!machine.serves(vip)) return;
        network.send(link, machine.index, host, "raw", () => cache.answered(vip.address, mac, world.now));
      });
    }
  }
}

function viewsOf(observers: readonly Observer[], link: number): View[] {
  const clients = observers.filter(({ isRouter }) => !isRouter);
  const routers = observers.filter(({ isRouter }) => isRouter).map(({ host }) => host);
  const views: View[] = clients.map(({ name, host }) => ({ name, link, hosts: [host], isBehindRouters: false }));
  if (routers.length > 0)
    views.push({ name: `whoever is behind the gateway of link ${link}`, link, hosts: routers, isBehindRouters: true });
  return views;
}
