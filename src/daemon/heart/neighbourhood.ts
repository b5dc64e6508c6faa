/**
 * What the heart says to and hears from its segments: questions and their dated answers, announcements of VIPs
 * by us and by others. It translates between links and devices and decides nothing.
 */

import type { Instant } from "../../core/base/time.ts";
import type { VipConfig } from "../../core/config/cluster.ts";
import type { AnnounceEffect, AskEffect } from "../../core/node/effects.ts";
import type { NeighbourMessage, Neighbours } from "../../host/ports.ts";
import { Asked } from "./asked.ts";
import type { Chores } from "./chores.ts";
import { canonical, familyOf, type Links } from "./links.ts";
import type { Happening } from "./loop.ts";

/** Kernel settings of devices while this node may serve on them. */
export interface DeviceSettings {
  protect(device: string): { readonly ok: true } | { readonly ok: false; readonly reason: string };
  restore(): void;
}

export interface NeighbourhoodOptions {
  readonly machine: { readonly neighbours: Neighbours; readonly sysctls: DeviceSettings };
  readonly chores: Chores;
  readonly links: Links;
  readonly vips: readonly VipConfig[];
  /** The other nodes' addresses. */
  readonly peers: readonly string[];
  now(): Instant;
  soon(run: () => void): void;
  deviceOf(vip: VipConfig): string | undefined;
  /** Is the VIP's gate open now? */
  isOpen(vip: VipConfig): boolean;
  feed(happening: Happening): void;
  /** Tells people once per key. */
  complain(key: string, message: string, fields: Readonly<Record<string, unknown>>): void;
}

/** Neighbours that are told of a VIP one by one. */
const MAX_NEIGHBOURS_TOLD = 256;

/** The heart's ears and voice on its segments. */
export class Neighbourhood {
  readonly #options: NeighbourhoodOptions;
  readonly #vipAddresses: ReadonlySet<string>;
  readonly #asked = new Asked();
  readonly #listening = new Set<string>();
  /** VIPs whose announcements the core wants; undefined until it said so: all. */
  #watched: ReadonlySet<string> | undefined;
  #isWaitingForEmpty = false;

  constructor(options: NeighbourhoodOptions) {
    this.#options = options;
    this.#vipAddresses = new Set(options.vips.map((v) => canonical(v.address)));
  }

  /** From now on only announcements of these VIPs are told. */
  watchOnly(vips: readonly VipConfig[]): void {
    this.#watched = new Set(vips.map((v) => canonical(v.address)));
  }

  /** Sends a question and remembers when. */
  ask({ link: number, probe, address, mac }: AskEffect, now: Instant): void {
    const link = this.#options.links.link(number);
    if (link?.device === undefined || !link.isUp) return;
    const isVip = this.#vipAddresses.has(canonical(address));
    const source = this.#options.links.sourceOn(link, familyOf(address), this.#vipAddresses);
    const device = link.device.name;
    const { neighbours } = this.#options.machine;
    try {
      if (probe === "arp") neighbours.ask(device, address, isVip ? undefined : source);
      else if (mac !== undefined && source !== undefined) neighbours.echo(device, address, source, mac);
      else return;
      this.#asked.ask({ link: number, probe, address: canonical(address) }, now);
      this.#noteWhenEmpty();
    } catch (error) {
      this.#options.complain(`ask ${device}`, "a question could not be sent", { device, error: textOf(error) });
    }
  }

  /** Tells the segments of open VIPs that they are here. */
  announce({ vips }: AnnounceEffect): void {
    for (const vip of vips) {
      const device = this.#options.deviceOf(vip);
      if (device !== undefined) this.#announceOn(device, vip);
    }
  }

  /**
   * Everybody, then the gateways and the neighbours that the kernel knows, one by one. It waits for its turn
   * among the chores: who hears of a VIP sends at once, and the address that was asked for before must be there.
   */
  #announceOn(device: string, vip: VipConfig): void {
    const { chores, machine } = this.#options;
    chores.ask({ kind: "table", device }, (outcome) => {
      if (!this.#options.isOpen(vip)) return;
      try {
        machine.neighbours.announce(device, vip.address);
        const table = outcome.ok ? (outcome.table ?? []) : [];
        machine.neighbours.announceTo(device, vip.address, this.#knownOn(device, vip.family, table));
      } catch (error) {
        this.#options.complain(`announce ${device}`, "a VIP could not be announced", {
          device,
          address: vip.address,
          error: textOf(error),
        });
      }
    });
  }

  /** Hardware addresses of the neighbours on a device, those of gateways first. */
  #knownOn(device: string, family: 4 | 6, table: ReturnType<Neighbours["table"]>): readonly string[] {
    const gateways = new Set(this.#options.links.linksOn(device).flatMap((l) => l.gateways.map(canonical)));
    const first: string[] = [];
    const others: string[] = [];
    for (const { address, mac } of table) {
      if (familyOf(address) !== family) continue;
      (gateways.has(canonical(address)) ? first : others).push(mac);
    }
    return [...new Set([...first, ...others])].slice(0, MAX_NEIGHBOURS_TOLD);
  }

  /** Listens on every device that a link or a VIP is on; those in `replaced` anew. */
  listen(replaced: readonly string[]): void {
    const { neighbours } = this.#options.machine;
    const names = [
      ...this.#options.links.all().map((l) => l.device?.name),
      ...this.#options.vips.map((v) => this.#options.deviceOf(v)),
    ];
    const wanted = new Set(names.filter((n) => n !== undefined));
    for (const name of [...this.#listening]) {
      if (wanted.has(name) && !replaced.includes(name)) continue;
      neighbours.unlisten(name);
      this.#listening.delete(name);
    }
    for (const name of wanted) {
      if (this.#listening.has(name)) continue;
      try {
        neighbours.listen(name, (message) => this.#heard(message));
        this.#listening.add(name);
      } catch (error) {
        this.#options.complain(`listen ${name}`, "cannot listen on a device", { device: name, error: textOf(error) });
      }
      const protection = this.#options.machine.sysctls.protect(name);
      if (!protection.ok)
        this.#options.complain(`protect ${name}`, "cannot set how a device answers ARP", {
          device: name,
          error: protection.reason,
        });
    }
  }

  /** Hears of the VIPs, the gateways known now and the other nodes. */
  follow(): void {
    const { vips, links, peers, machine } = this.#options;
    const gateways = links.all().flatMap((l) => l.gateways);
    machine.neighbours.follow([...new Set([...vips.map((v) => v.address), ...gateways, ...peers])]);
  }

  #heard(message: NeighbourMessage): void {
    const address = canonical(message.address);
    if (message.kind === "answer") {
      for (const { link } of this.#options.links.linksOn(message.device)) {
        const sentAt = this.#asked.answered({ link, probe: message.probe, address }, message.mac);
        if (sentAt === undefined) continue;
        this.#options.feed({
          kind: "answer",
          link,
          probe: message.probe,
          address: message.address,
          mac: message.mac,
          sentAt,
        });
      }
      return;
    }
    if (!this.#vipAddresses.has(address) || this.#options.links.isOwnMac(message.mac)) return;
    if (this.#watched !== undefined && !this.#watched.has(address)) return;
    const link = this.#linkFor(address, message.device);
    if (link === undefined) return;
    this.#options.feed({
      kind: "announcement",
      link,
      address: message.address,
      mac: message.mac,
      probe: message.probe,
    });
  }

  /** The VIP's own link when it is on that device, else any link there, else the VIP's own. */
  #linkFor(address: string, device: string): number | undefined {
    const own = this.#options.vips.find((v) => canonical(v.address) === address)?.link;
    const there = this.#options.links.linksOn(device).map((l) => l.link);
    return own !== undefined && there.includes(own) ? own : (there[0] ?? own);
  }

  /**
   * Tells `asked` when the sockets were empty. Two rounds, because what arrived before the first one's end is
   * certainly read only when the loop has waited for sockets once more.
   */
  #noteWhenEmpty(): void {
    if (this.#isWaitingForEmpty) return;
    this.#isWaitingForEmpty = true;
    const { soon, now } = this.#options;
    soon(() => {
      const at = now();
      soon(() => {
        this.#isWaitingForEmpty = false;
        this.#asked.emptied(at);
      });
    });
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
