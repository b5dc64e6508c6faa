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
  CatchEffect,
  CloseEffect,
  Effect,
  HandOnEffect,
  OpenEffect,
  ReplyEffect,
  SendEffect,
} from "../../core/node/effects.ts";
import type { Arrivals, Gate, Interfaces, Neighbours } from "../../host/ports.ts";
import type { Chores, Outcome, Seen } from "./chores.ts";
import { ADDRESS_LIFETIME_MS, HeldAddresses } from "./held.ts";
import { canonical, Links, type LinkState } from "./links.ts";
import type { Happening } from "./loop.ts";
import type { FromHeart } from "./messages.ts";
import { type DeviceSettings, Neighbourhood } from "./neighbourhood.ts";

/** What the heart needs of a machine; each part as in `ports.ts`. */
export interface HeartMachine {
  readonly interfaces: Interfaces;
  readonly gate: Gate;
  readonly neighbours: Neighbours;
  readonly arrivals: Arrivals;
  readonly sysctls: DeviceSettings;
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
/** A kernel that is too slow for the gate is given so long to recover. */
export const LATE_PATIENCE_MS = 1_000;

/** The hands of the heart. */
export class Performer {
  readonly #options: PerformerOptions;
  readonly #peers: ReadonlyMap<string, NodeConfig>;
  readonly #vips: readonly VipConfig[];
  readonly #links: Links;
  readonly #held: HeldAddresses;
  readonly #neighbourhood: Neighbourhood;
  readonly #openUntil = new Map<string, Instant>();
  #brokenGateAt: Instant | undefined;
  /** Since when no gate could be opened in time. */
  #lateSince: Instant | undefined;
  #unfollow: (() => void)[] = [];
  readonly #saidOf = new Set<string>();

  constructor(options: PerformerOptions) {
    const { config, node } = options;
    this.#options = options;
    this.#peers = new Map(config.nodes.map((n) => [n.name, n]));
    this.#vips = vipsOf(config);
    const addresses = this.#peers.get(node)?.addresses ?? [];
    this.#links = new Links({ addresses, gateways: config.gateways, vips: this.#vips });
    this.#held = new HeldAddresses({
      chores: options.chores,
      now: options.now,
      deviceOf: (vip) => this.#deviceOf(vip),
      isAllowed: () => this.#brokenGateAt === undefined,
      refused: (vip, detail) => options.feed({ kind: "gate", what: "refused", vip: vip.id, detail }),
      lost: (vip, detail) => options.feed({ kind: "gate", what: "address-lost", vip: vip.id, detail }),
    });
    const peers = config.nodes.filter((n) => n.name !== node).flatMap((n) => n.addresses);
    this.#neighbourhood = new Neighbourhood({
      ...options,
      vips: this.#vips,
      peers,
      links: this.#links,
      deviceOf: (vip) => this.#deviceOf(vip),
      isOpen: (vip) => (this.#openUntil.get(vip.id) ?? LONG_AGO) > options.now(),
      complain: (key, message, fields) => this.#once(key, message, fields),
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
    this.#neighbourhood.listen([]);
    this.#neighbourhood.follow();
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
    this.#neighbourhood.listen(change.replaced);
    this.#held.compare((name) => this.#links.device(name), change.replaced, now);
    for (const link of change.links) {
      this.#tellLink(link);
      const isReplaced = link.device !== undefined && change.replaced.includes(link.device.name);
      if (isReplaced) this.#options.datagrams.rebind(link.link);
    }
    if (change.links.length > 0) this.#neighbourhood.follow();
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
        () => machine.arrivals.close(),
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
        return this.#neighbourhood.ask(effect, now);
      case "open":
        return this.#open(effect, now);
      case "close":
        return this.#close(effect);
      case "place":
        for (const vip of effect.vips) this.#held.hold(vip, now);
        return;
      case "announce":
        return this.#neighbourhood.announce(effect);
      case "catch":
        return this.#catch(effect);
      case "hand-on":
        return this.#handOn(effect);
      case "watch":
        return this.#neighbourhood.watchOnly(effect.vips);
      case "reply":
        return this.#reply(effect, now);
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

  #open({ vips, until, before }: OpenEffect, now: Instant): void {
    const ready = vips.filter((vip) => this.#held.hold(vip, now));
    if (ready.length === 0) return;
    // This process may have stood still since the core decided.
    if (before !== undefined && this.#options.now() >= before) return this.#tooLate(ready);
    try {
      if (this.#options.machine.gate.open(ready, until) === "late") return this.#openedLate(ready, now);
      this.#lateSince = undefined;
      for (const vip of ready) this.#openUntil.set(vip.id, until);
    } catch (error) {
      this.#refused(ready, textOf(error));
    }
  }

  /** What was to be renewed has ended: somebody may have found the wire quiet since. */
  #tooLate(vips: readonly VipConfig[]): void {
    for (const vip of vips) {
      this.#openUntil.delete(vip.id);
      this.#options.feed({ kind: "gate", what: "late", vip: vip.id, detail: "this process stood still" });
    }
  }

  /** A kernel that is busy for a moment costs that moment; one that stays so cannot serve. */
  #openedLate(vips: readonly VipConfig[], now: Instant): void {
    this.#openUntil.clear();
    this.#lateSince ??= now;
    this.#once("late", "the kernel is slow: a gate stays closed until its next renewal", {});
    if (now - this.#lateSince >= LATE_PATIENCE_MS)
      this.#refused(vips, `the kernel is too slow to keep a deadline, for ${LATE_PATIENCE_MS} ms by now`);
  }

  #refused(vips: readonly VipConfig[], detail: string): void {
    for (const vip of vips) this.#options.feed({ kind: "gate", what: "refused", vip: vip.id, detail });
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

  #catch({ vips, forMs }: CatchEffect): void {
    for (const device of this.#devicesOf(vips)) {
      const addresses = vips.filter((vip) => this.#deviceOf(vip) === device).map((vip) => vip.address);
      try {
        this.#options.machine.arrivals.collect(device, addresses, forMs);
      } catch (error) {
        // The move goes on: at worst a client tries again by itself.
        this.#once(`catch ${device}`, "new connections cannot be caught during a move", {
          device,
          error: textOf(error),
        });
      }
    }
  }

  #handOn({ vip, mac }: HandOnEffect): void {
    const device = this.#deviceOf(vip);
    if (device !== undefined) this.#options.machine.arrivals.handOn(device, mac);
  }

  #devicesOf(vips: readonly VipConfig[]): ReadonlySet<string> {
    return new Set(vips.map((vip) => this.#deviceOf(vip)).filter((device) => device !== undefined));
  }

  /** The answer to a hand-over waits until the addresses will live without us, for as long as the leases. */
  #reply(effect: ReplyEffect, now: Instant): void {
    const { chores, post } = this.#options;
    if (effect.outcome.kind !== "handover") return post(effect);
    const until = Math.max(now, ...effect.outcome.handover.groups.map((g) => g.until));
    try {
      this.#options.machine.gate.handOver?.();
    } catch (error) {
      this.#once("hand-over", "what is open could not be left for the next self: it begins closed", {
        error: textOf(error),
      });
    }
    this.#held.extend(Math.max(ADDRESS_LIFETIME_MS, until - now), now);
    // Chores are done in order: when this one is, the addresses are renewed.
    chores.ask({ kind: "look" }, () => post(effect));
  }

  #deviceOf(vip: VipConfig): string | undefined {
    if (vip.device !== undefined) return this.#links.device(vip.device)?.name;
    return vip.link === undefined ? undefined : this.#links.link(vip.link)?.device?.name;
  }

  #tellLink({ link, isUp, device, gateways }: LinkState): void {
    this.#options.feed({ kind: "interface", link, up: isUp, device: device?.name, mac: device?.mac, gateways });
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
