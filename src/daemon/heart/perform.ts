/**
 * Does what the core decided, and tells it what the machine said. It decides nothing: an effect becomes a
 * system call, a refusal becomes an input, in the order in which they were given. Only here the core's words
 * (links, VIPs) and the machine's (devices, sockets) meet.
 */

import { unreachable } from "../../core/base/assert.ts";
import { type Instant, LONG_AGO } from "../../core/base/time.ts";
import type { ClusterConfig, NodeConfig, VipConfig } from "../../core/config/cluster.ts";
import type { FrameCodec } from "../../core/membership/frame-codec.ts";
import type {
  AnnounceEffect,
  AskEffect,
  CloseEffect,
  Effect,
  OpenEffect,
  ReplyEffect,
  SendEffect,
} from "../../core/node/effects.ts";
import type { Gate, Interfaces, NeighbourMessage, Neighbours } from "../../host/ports.ts";
import type { Chores, Outcome, Seen } from "./chores.ts";
import { ADDRESS_LIFETIME_MS, HeldAddresses } from "./held.ts";
import { Asked } from "./asked.ts";
import { canonical, familyOf, Links, type LinkState } from "./links.ts";
import type { Happening } from "./loop.ts";
import type { FromHeart } from "./messages.ts";

/** What the heart needs of a machine; each part as in `ports.ts`. */
export interface HeartMachine {
  readonly interfaces: Interfaces;
  readonly gate: Gate;
  readonly neighbours: Neighbours;
  /** Kernel settings of devices while this node may serve on them. */
  readonly sysctls: {
    protect(device: string): { readonly ok: true } | { readonly ok: false; readonly reason: string };
    restore(): void;
  };
}

export interface PerformerOptions {
  readonly config: ClusterConfig;
  readonly node: string;
  readonly machine: HeartMachine;
  readonly chores: Chores;
  readonly codec: Pick<FrameCodec, "encode">;
  readonly datagrams: { send(link: number, address: string, bytes: Uint8Array): boolean; rebind(link: number): void };
  now(): Instant;
  /** Runs something after the sockets that are readable now were read. */
  soon(run: () => void): void;
  /** An input for the core; may be called while effects are performed. */
  feed(happening: Happening): void;
  post(message: FromHeart): void;
}

/** How often gate rules that could not be made are tried again. */
const GATE_RETRY_MS = 1_000;
/** Neighbours that are told of a VIP one by one. */
const MAX_NEIGHBOURS_TOLD = 256;

/** The hands of the heart. */
export class Performer {
  readonly #options: PerformerOptions;
  readonly #peers: ReadonlyMap<string, NodeConfig>;
  readonly #vips: readonly VipConfig[];
  readonly #vipAddresses: ReadonlySet<string>;
  readonly #links: Links;
  readonly #held: HeldAddresses;
  readonly #asked = new Asked();
  readonly #listening = new Set<string>();
  /** VIPs whose announcements the core wants; undefined until it said so: all. */
  #watched: ReadonlySet<string> | undefined;
  readonly #openUntil = new Map<string, Instant>();
  #brokenGateAt: Instant | undefined;
  #unfollow: (() => void)[] = [];
  #isWaitingForEmpty = false;
  readonly #saidOf = new Set<string>();

  constructor(options: PerformerOptions) {
    const { config, node } = options;
    this.#options = options;
    this.#peers = new Map(config.nodes.map((n) => [n.name, n]));
    this.#vips = vipsOf(config);
    this.#vipAddresses = new Set(this.#vips.map((v) => canonical(v.address)));
    const addresses = this.#peers.get(node)?.addresses ?? [];
    this.#links = new Links({ addresses, gateways: config.gateways });
    this.#held = new HeldAddresses({
      chores: options.chores,
      now: options.now,
      deviceOf: (vip) => this.#deviceOf(vip),
      isAllowed: () => this.#brokenGateAt === undefined,
      refused: (vip, detail) => options.feed({ kind: "gate", what: "refused", vip: vip.id, detail }),
      lost: (vip, detail) => options.feed({ kind: "gate", what: "address-lost", vip: vip.id, detail }),
    });
  }

  /**
   * Makes the gate's rules and listens on all devices; rejects when the rules cannot be made. With `keep`,
   * what a former self of this daemon left open stays open; otherwise leftover addresses are removed.
   */
  async prepare(keep: boolean): Promise<void> {
    const { machine, chores } = this.#options;
    machine.gate.prepare(this.#vips, { keep });
    // The first answer also says that chores are done from now on without delay.
    const outcome = await new Promise<Outcome>((done) => chores.ask({ kind: "look" }, done));
    if (!outcome.ok || outcome.seen === undefined)
      throw new Error(`devices cannot be listed: ${outcome.ok ? "?" : outcome.error}`);
    this.#links.update(outcome.seen);
    if (!keep) this.#removeLeftovers();
    this.#listen([]);
    this.#follow();
  }

  /** Per link: its gateways as known now. */
  gateways(): readonly (readonly string[])[] {
    return this.#links.all().map((l) => l.gateways);
  }

  /** Tells the core every link's state and from now on every change. */
  watch(): void {
    const { machine, soon } = this.#options;
    for (const link of this.#links.all()) this.#tellLink(link);
    let isDue = false;
    this.#unfollow.push(
      machine.interfaces.watch(() => {
        // One change is many notifications: they are looked at together, after all were read.
        if (isDue) return;
        isDue = true;
        soon(() => {
          isDue = false;
          this.look();
        });
      }),
      machine.gate.watch((what, detail) => {
        if (what === "broken") this.#gateBroke();
        this.#options.feed({ kind: "gate", what, vip: undefined, detail });
        if (what === "mended") this.#gateWorks(detail);
      }),
    );
  }

  /** Compares devices and addresses with what should be, as soon as the kernel tells. */
  look(): void {
    this.#options.chores.ask({ kind: "look" }, (outcome) => {
      if (outcome.ok && outcome.seen !== undefined) this.#compare(outcome.seen, this.#options.now());
      // The next change brings the next look.
      else if (!outcome.ok) this.#once("look", "devices cannot be listed", { error: outcome.error });
    });
  }

  #compare(seen: Seen, now: Instant): void {
    const change = this.#links.update(seen);
    this.#listen(change.replaced);
    this.#held.compare((name) => this.#links.device(name), change.replaced, now);
    for (const link of change.links) {
      this.#tellLink(link);
      const isReplaced = link.device !== undefined && change.replaced.includes(link.device.name);
      if (isReplaced) this.#options.datagrams.rebind(link.link);
    }
    if (change.links.length > 0) this.#follow();
  }

  /** Performs the effects of one step, in order. */
  perform(effects: readonly Effect[], now: Instant): void {
    for (const effect of effects) this.#one(effect, now);
  }

  /** Once per turn: what must be renewed although the core said nothing. */
  turned(now: Instant): void {
    this.#held.renew(now);
    if (this.#brokenGateAt === undefined || now - this.#brokenGateAt < GATE_RETRY_MS) return;
    this.#brokenGateAt = now;
    try {
      this.#options.machine.gate.prepare(this.#vips, { keep: true });
    } catch {
      return;
    }
    this.#gateWorks("the gate's rules could be made again");
  }

  /** Closes all gates now; the last thing a broken heart does. */
  closeAll(): void {
    this.#options.machine.gate.close(this.#vips);
  }

  /**
   * Closes, removes the addresses, then the rules, stops listening and calls `done`. The rules stand until the
   * last address is gone, however long the kernel takes.
   */
  end(done: () => void): void {
    const { machine, chores } = this.#options;
    this.#inOrder([
      () => this.closeAll(),
      () => this.#unfollow.forEach((end) => end()),
      () => this.#held.all().forEach((vip) => this.#held.release(vip)),
    ]);
    // Chores are done in order: when this one is, the removals are.
    chores.ask({ kind: "look" }, () => {
      this.#inOrder([
        () => machine.gate.remove(),
        () => machine.sysctls.restore(),
        () => machine.neighbours.close(),
        () => machine.interfaces.close(),
        () => chores.close(),
      ]);
      done();
    });
  }

  /** Each step is tried whatever became of the others. */
  #inOrder(steps: readonly (() => void)[]): void {
    for (const step of steps) {
      try {
        step();
      } catch (error) {
        this.#log("error", "cannot clean up at the end", { error: textOf(error) });
      }
    }
  }

  #one(effect: Effect, now: Instant): void {
    switch (effect.kind) {
      case "send":
        return this.#send(effect);
      case "ask":
        return this.#ask(effect, now);
      case "open":
        return this.#open(effect, now);
      case "close":
        return this.#close(effect);
      case "place":
        for (const vip of effect.vips) this.#held.hold(vip, now);
        return;
      case "announce":
        return this.#announce(effect);
      case "watch":
        this.#watched = new Set(effect.vips.map((v) => canonical(v.address)));
        return;
      case "reply":
        this.#beforeHandover(effect, now);
        return this.#options.post(effect);
      case "run":
      case "persist":
      case "event":
        return this.#options.post(effect);
      default:
        return unreachable(effect);
    }
  }

  #send({ to, frame }: SendEffect): void {
    const address = this.#peers.get(to)?.addresses[frame.link];
    if (address === undefined)
      return this.#once(`send ${to} ${frame.link}`, "a frame has no address to go to", { to, link: frame.link });
    const bytes = this.#options.codec.encode(frame, to);
    if (bytes === undefined)
      return this.#once(`size ${to}`, "a frame is too large for one datagram: shorten the names of groups and nodes", {
        to,
      });
    this.#options.datagrams.send(frame.link, address, bytes);
  }

  #ask({ link: number, probe, address, mac }: AskEffect, now: Instant): void {
    const link = this.#links.link(number);
    if (link?.device === undefined || !link.isUp) return;
    const isVip = this.#vipAddresses.has(canonical(address));
    const source = this.#links.sourceOn(link, familyOf(address), this.#vipAddresses);
    const device = link.device.name;
    const { neighbours } = this.#options.machine;
    try {
      if (probe === "arp") neighbours.ask(device, address, isVip ? undefined : source);
      else if (mac !== undefined && source !== undefined) neighbours.echo(device, address, source, mac);
      else return;
      this.#asked.ask({ link: number, probe, address: canonical(address) }, now);
      this.#noteWhenEmpty();
    } catch (error) {
      this.#once(`ask ${device}`, "a question could not be sent", { device, error: textOf(error) });
    }
  }

  #open({ vips, until }: OpenEffect, now: Instant): void {
    const ready = vips.filter((vip) => this.#held.hold(vip, now));
    if (ready.length === 0) return;
    try {
      this.#options.machine.gate.open(ready, until);
      for (const vip of ready) this.#openUntil.set(vip.id, until);
    } catch (error) {
      for (const vip of ready)
        this.#options.feed({ kind: "gate", what: "refused", vip: vip.id, detail: textOf(error) });
    }
  }

  /** The gate first: an address that is removed while its gate is open answers until it is gone. */
  #close({ vips, remove }: CloseEffect): void {
    for (const vip of vips) this.#openUntil.delete(vip.id);
    try {
      this.#options.machine.gate.close(vips);
    } catch (error) {
      // An address that cannot be shut in must not stay.
      for (const vip of vips) this.#held.release(vip);
      for (const vip of vips) this.#options.feed({ kind: "gate", what: "refused", vip: vip.id, detail: textOf(error) });
    }
    if (remove) for (const vip of vips) this.#held.release(vip);
  }

  #announce({ vips }: AnnounceEffect): void {
    for (const vip of vips) {
      const device = this.#deviceOf(vip);
      if (device !== undefined) this.#announceOn(device, vip);
    }
  }

  /**
   * Everybody, then the gateways and the neighbours that the kernel knows, one by one. It waits for its turn
   * among the chores: who hears of a VIP sends at once, and the address that was asked for before must be there.
   */
  #announceOn(device: string, vip: VipConfig): void {
    const { chores, machine, now } = this.#options;
    chores.ask({ kind: "table", device }, (outcome) => {
      if ((this.#openUntil.get(vip.id) ?? LONG_AGO) <= now()) return;
      try {
        machine.neighbours.announce(device, vip.address);
        const table = outcome.ok ? (outcome.table ?? []) : [];
        machine.neighbours.announceTo(device, vip.address, this.#knownOn(device, vip.family, table));
      } catch (error) {
        this.#once(`announce ${device}`, "a VIP could not be announced", {
          device,
          address: vip.address,
          error: textOf(error),
        });
      }
    });
  }

  /** Hardware addresses of the neighbours on a device, those of gateways first. */
  #knownOn(device: string, family: 4 | 6, table: ReturnType<Neighbours["table"]>): readonly string[] {
    const gateways = new Set(this.#links.linksOn(device).flatMap((l) => l.gateways.map(canonical)));
    const first: string[] = [];
    const others: string[] = [];
    for (const { address, mac } of table) {
      if (familyOf(address) !== family) continue;
      (gateways.has(canonical(address)) ? first : others).push(mac);
    }
    return [...new Set([...first, ...others])].slice(0, MAX_NEIGHBOURS_TOLD);
  }

  /** Until the next self takes over, nobody renews the addresses. */
  #beforeHandover({ outcome }: ReplyEffect, now: Instant): void {
    if (outcome.kind !== "handover") return;
    const until = Math.max(now, ...outcome.handover.groups.map((g) => g.until));
    this.#held.extend(Math.max(ADDRESS_LIFETIME_MS, until - now), now);
  }

  #heard(message: NeighbourMessage): void {
    const address = canonical(message.address);
    if (message.kind === "answer") {
      for (const { link } of this.#links.linksOn(message.device)) {
        const sentAt = this.#asked.answered({ link, probe: message.probe, address });
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
    if (!this.#vipAddresses.has(address) || this.#links.isOwnMac(message.mac)) return;
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
    const own = this.#vips.find((v) => canonical(v.address) === address)?.link;
    const there = this.#links.linksOn(device).map((l) => l.link);
    return own !== undefined && there.includes(own) ? own : (there[0] ?? own);
  }

  #deviceOf(vip: VipConfig): string | undefined {
    if (vip.device !== undefined) return this.#links.device(vip.device)?.name;
    return vip.link === undefined ? undefined : this.#links.link(vip.link)?.device?.name;
  }

  #tellLink({ link, isUp, device, gateways }: LinkState): void {
    this.#options.feed({ kind: "interface", link, up: isUp, device: device?.name, mac: device?.mac, gateways });
  }

  /** Listens on every device that a link or a VIP is on; those in `replaced` anew. */
  #listen(replaced: readonly string[]): void {
    const { neighbours } = this.#options.machine;
    const names = [...this.#links.all().map((l) => l.device?.name), ...this.#vips.map((v) => this.#deviceOf(v))];
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
        this.#once(`listen ${name}`, "cannot listen on a device", { device: name, error: textOf(error) });
      }
      const protection = this.#options.machine.sysctls.protect(name);
      if (!protection.ok)
        this.#once(`protect ${name}`, "cannot set how a device answers ARP", {
          device: name,
          error: protection.reason,
        });
    }
  }

  #follow(): void {
    const peers = [...this.#peers.values()].filter((n) => n.name !== this.#options.node).flatMap((n) => n.addresses);
    const gateways = this.#links.all().flatMap((l) => l.gateways);
    this.#options.machine.neighbours.follow([...new Set([...this.#vips.map((v) => v.address), ...gateways, ...peers])]);
  }

  #removeLeftovers(): void {
    for (const vip of this.#vips) {
      const device = this.#deviceOf(vip);
      if (device === undefined) continue;
      const has =
        this.#links.device(device)?.addresses.some((a) => canonical(a.address) === canonical(vip.address)) === true;
      if (has) this.#held.release(vip);
    }
  }

  /** With no rules around them the addresses themselves have to go. */
  #gateBroke(): void {
    this.#brokenGateAt ??= this.#options.now();
    for (const vip of this.#held.all()) this.#held.release(vip);
  }

  #gateWorks(detail: string): void {
    if (this.#brokenGateAt === undefined) return;
    this.#brokenGateAt = undefined;
    this.#options.feed({ kind: "gate", what: "works", vip: undefined, detail });
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

  /** A complaint that would come with every frame is made once. */
  #once(key: string, message: string, fields: Readonly<Record<string, unknown>>): void {
    if (this.#saidOf.has(key) || this.#saidOf.size > 100) return;
    this.#saidOf.add(key);
    this.#log("warn", message, fields);
  }

  #log(level: "warn" | "error", message: string, fields: Readonly<Record<string, unknown>>): void {
    this.#options.post({ kind: "log", level, message, fields });
  }
}

/** All VIPs of a cluster, in the file's order. */
export function vipsOf(config: ClusterConfig): readonly VipConfig[] {
  return config.groups.flatMap((g) => g.resources.filter((r) => r.kind === "vip"));
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
