/**
 * The gate: static nftables rules that drop what uses a VIP, unless the VIP is open, and a deadline for each
 * open VIP that the kernel compares by itself. We are not needed for closing: killed, stopped or starved, the
 * VIP goes. Two mechanisms keep the deadlines; `prepare` takes the better one that the machine allows.
 *
 * Deadlines (deadline-map.ts): absolute, in a BPF map; no rule changes, no lock.
 *
 * Sets: a VIP is open while it is an element of a set with a timeout. The timeout counts from the moment at
 * which the kernel works on the transaction, which is late when another process holds the lock with a huge
 * commit. So each transaction is timed, and one that took long is followed at once by another that puts the
 * deadline right. Each transaction empties the set and fills it anew: that is never refused for what the set
 * holds (an absent element refuses a whole batch), and before Linux 6.12 it is the only way to extend a timeout.
 */

import { constants } from "node:os";
import { assert } from "../../core/base/assert.ts";
import { later, LONG_AGO } from "../../core/base/time.ts";
import type { Instant } from "../../core/base/time.ts";
import type { VipConfig } from "../../core/config/cluster.ts";
import type { Clock, Gate } from "../ports.ts";
import { addressText, canonicalAddress } from "./addressing.ts";
import { DeadlineMap } from "./deadline-map.ts";
import { EgressGuard, removeGuards } from "./egress-guard.ts";
import { closedBySet, OPEN_SETS, planTables, TABLE, VIP_SETS, vipKey } from "./gate-rules.ts";
import type { TablePlan } from "./gate-rules.ts";
import { GateTables } from "./gate-tables.ts";
import type { Contents } from "./gate-tables.ts";
import { attachFilter, onReadable, SystemError } from "./libc.ts";
import { NetlinkSocket } from "./netlink.ts";
import { NETLINK_ROUTE } from "./rtnetlink.ts";
import * as nft from "./nftables.ts";

/** A transaction that took longer is followed by one that puts the deadline right. */
const LATE_MS = 5;
const LATE_ATTEMPTS = 4;
/** Shorter timeouts can round down to zero clock ticks, which older kernels read as "never". */
const SHORTEST_MS = 12;
/** No more than one check of the rules in this time, however many transactions others make. */
const CHECK_INTERVAL_MS = 20;
const RETRY_MS = 100;

export interface GateOptions {
  /** False leaves the tables open to everybody even where the kernel can protect them (for tests). */
  readonly owned?: boolean;
  /** Forces the simpler mechanism (for tests). */
  readonly mechanism?: "sets";
}

interface Deadlines {
  readonly map: DeadlineMap;
  readonly guard: EgressGuard;
}

type Changed = (what: "mended" | "broken", detail: string) => void;

/** The gate of this network namespace. Tables are named `understudy`. */
export class LinuxGate implements Gate {
  readonly #clock: Clock;
  readonly #socket = new NetlinkSocket(nft.NETLINK_NETFILTER);
  readonly #tables: GateTables;
  readonly #options: GateOptions;
  #plans: readonly TablePlan[] = planTables(closedBySet, { arp: true });
  #deadlines: Deadlines | undefined;
  #limitation: string | undefined;
  /** Until then the next self may come for what is open. */
  #handedOverUntil: Instant = LONG_AGO;
  #vips = new Map<string, { readonly family: 4 | 6; readonly key: Buffer }>();
  readonly #open = new Map<string, Instant>();
  readonly #watchers = new Set<Changed>();
  #notices: { readonly socket: NetlinkSocket; readonly stop: () => void } | undefined;
  #checkedAt = Number.NEGATIVE_INFINITY;
  #checkTimer: NodeJS.Timeout | undefined;

  constructor(clock: Clock, options: GateOptions = {}) {
    this.#clock = clock;
    this.#options = options;
    this.#tables = new GateTables(this.#socket, { owned: options.owned ?? true });
  }

  /** True when the kernel refuses changes of our tables by anybody else. */
  get owned(): boolean {
    return this.#tables.owned;
  }

  /** What keeps the deadlines; known after `prepare`. */
  get mechanism(): "deadlines" | "sets" {
    return this.#deadlines === undefined ? "sets" : "deadlines";
  }

  /** Why the better mechanism is not used; undefined when it is. */
  get limitation(): string | undefined {
    return this.#limitation;
  }

  prepare(vips: readonly VipConfig[], options: { readonly keep?: boolean } = {}): void {
    const former = this.#vips;
    this.#vips = new Map(vips.map((vip) => [canonicalAddress(vip.address), { family: vip.family, key: vipKey(vip) }]));
    for (const [address, { key }] of former) {
      if (this.#vips.has(address)) continue;
      this.#open.delete(address);
      this.#deadlines?.map.forget(key);
    }
    this.#handedOverUntil = LONG_AGO;
    if (options.keep !== true) this.#open.clear();
    else if (former.size === 0) this.#adoptOpen();
    this.#listen();
    if (this.#options.mechanism !== "sets") this.#useDeadlines();
    if (this.#deadlines === undefined) {
      this.#rebuild();
      removeFormerGuards();
    }
    const difference = this.#difference();
    if (difference !== undefined) throw new Error(`the gate's rules were not kept by the kernel: ${difference}`);
  }

  open(vips: readonly VipConfig[], until: Instant): void | "late" {
    for (const vip of vips) {
      const address = canonicalAddress(vip.address);
      const prepared = this.#vips.get(address);
      assert(prepared !== undefined, `${vip.address} was prepared before it is opened`);
      this.#open.set(address, until);
      this.#deadlines?.map.set(prepared.key, until);
    }
    const isInTime = !this.#isInSets() || this.#commit(familiesOf(vips));
    // With absolute deadlines the sets only speak to the next self, and may say too little.
    if (!isInTime && this.#deadlines === undefined) return "late";
    return undefined;
  }

  close(vips: readonly VipConfig[]): void {
    for (const vip of vips) {
      const address = canonicalAddress(vip.address);
      this.#open.delete(address);
      const prepared = this.#vips.get(address);
      if (prepared !== undefined) this.#deadlines?.map.set(prepared.key, 0);
    }
    if (this.#isInSets()) this.#commit(familiesOf(vips));
  }

  handOver(): void {
    for (const until of this.#open.values()) this.#handedOverUntil = later(this.#handedOverUntil, until);
    if (this.#deadlines === undefined || this.#commit(new Set([4, 6]))) return;
    throw new Error(`the kernel took longer than ${LATE_MS} ms for each of ${LATE_ATTEMPTS} transactions`);
  }

  /** Beside absolute deadlines the sets only tell the next self what it takes over. */
  #isInSets(): boolean {
    return this.#deadlines === undefined || this.#clock.now() < this.#handedOverUntil;
  }

  watch(changed: Changed): () => void {
    this.#watchers.add(changed);
    return () => this.#watchers.delete(changed);
  }

  remove(): void {
    this.#open.clear();
    this.#tables.delete();
    this.#deadlines?.guard.remove();
    this.#deadlines?.map.close();
    this.#deadlines = undefined;
    this.release();
  }

  /** Lets go without touching the rules: what is open stays open until its deadline. For a hand-over. */
  release(): void {
    clearTimeout(this.#checkTimer);
    this.#notices?.stop();
    this.#notices?.socket.close();
    this.#notices = undefined;
    this.#deadlines?.guard.close();
    this.#deadlines?.map.close();
    this.#deadlines = undefined;
    this.#socket.close();
  }

  /** Makes everything with absolute deadlines; leaves `#deadlines` undefined where that cannot be. */
  #useDeadlines(): void {
    const existing = this.#deadlines;
    let map: DeadlineMap | undefined;
    let guard: EgressGuard | undefined;
    try {
      map = existing?.map ?? new DeadlineMap();
      for (const [address, { key }] of this.#vips) map.set(key, this.#open.get(address) ?? 0);
      guard = existing?.guard ?? new EgressGuard(map);
      this.#plans = planTables(map.closed, { arp: false });
      this.#deadlines = { map, guard };
      // The tables first: they tell whether another daemon is at work here.
      this.#rebuild();
      if (existing === undefined) guard.start((what, detail) => this.#report(what, detail));
      else guard.repeat();
      this.#limitation = undefined;
    } catch (error) {
      this.#deadlines = existing;
      if (existing !== undefined || !(error instanceof SystemError) || error.errno === constants.errno.EBUSY)
        throw error;
      this.#limitation = error.message;
      this.#plans = planTables(closedBySet, { arp: true });
      guard?.close();
      map?.close();
    }
  }

  /** Takes over what a former self left open, with what the kernel says is left of it. */
  #adoptOpen(): void {
    const now = this.#clock.now();
    for (const family of [4, 6] as const) {
      for (const { key, leftMs } of this.#tables.timed(nft.NFPROTO_INET, OPEN_SETS[family])) {
        const address = addressText(key);
        if (this.#vips.has(address)) this.#open.set(address, (now + leftMs) as Instant);
      }
    }
  }

  /**
   * Makes the sets of open addresses in the kernel equal to ours, with deadlines that hold. False when the kernel
   * was too slow for that again and again: then nothing is open.
   */
  #commit(families: ReadonlySet<4 | 6>): boolean {
    for (let attempt = 1; attempt <= LATE_ATTEMPTS; attempt++) {
      const startedAt = this.#clock.now();
      const messages = this.#openContents()
        .filter(({ set }) => [...families].some((family) => set === OPEN_SETS[family]))
        .flatMap(({ family, set, elements }) => [
          nft.flushElements(family, TABLE, set),
          ...(elements.length > 0 ? [nft.newElements(family, TABLE, set, elements)] : []),
        ]);
      const refused = this.#socket.batch(nft.transaction(messages))[0];
      if (refused !== undefined) {
        if (refused.errno !== constants.errno.ENOENT) throw new SystemError("gate", refused.errno, refused.detail);
        this.#mend("the rules were gone");
        return true;
      }
      if (this.#open.size === 0 || this.#clock.now() - startedAt <= LATE_MS) return true;
    }
    this.#giveUp(families);
    return false;
  }

  /** No deadline can be promised, so nothing stays open. */
  #giveUp(families: ReadonlySet<4 | 6>): void {
    this.#open.clear();
    const messages = this.#plans.flatMap(({ family, sets }) =>
      sets
        .filter((set) => set.timed && families.has(set.family))
        .map((set) => nft.flushElements(family, TABLE, set.name)),
    );
    const refused = this.#socket.batch(nft.transaction(messages))[0];
    if (refused !== undefined && refused.errno !== constants.errno.ENOENT)
      throw new SystemError("gate", refused.errno, refused.detail);
  }

  /** What the sets of open addresses should hold now. Forgets what is over. */
  #openContents(): Contents[] {
    const now = this.#clock.now();
    for (const [address, until] of this.#open) if (until - now < SHORTEST_MS) this.#open.delete(address);
    const elements = { 4: [] as nft.Element[], 6: [] as nft.Element[] };
    for (const [address, until] of this.#isInSets() ? this.#open : []) {
      const vip = this.#vips.get(address);
      if (vip !== undefined) elements[vip.family].push({ key: vip.key, timeoutMs: Math.floor(until - now) });
    }
    return this.#plans.flatMap(({ family, sets }) =>
      sets.filter((set) => set.timed).map((set) => ({ family, set: set.name, elements: elements[set.family] })),
    );
  }

  #vipContents(): Contents[] {
    const keys = this.#vipKeys();
    return this.#plans.flatMap(({ family, sets }) =>
      sets
        .filter((set) => set.name === VIP_SETS[set.family])
        .map((set) => ({ family, set: set.name, elements: keys[set.family].map((key) => ({ key })) })),
    );
  }

  #vipKeys(): { 4: Buffer[]; 6: Buffer[] } {
    const keys = { 4: [] as Buffer[], 6: [] as Buffer[] };
    for (const { family, key } of this.#vips.values()) keys[family].push(key);
    return keys;
  }

  /** Makes everything anew, with what is open now. */
  #rebuild(): void {
    const vipContents = this.#vipContents();
    let startedAt = this.#clock.now();
    this.#tables.replace(this.#plans, () => {
      startedAt = this.#clock.now();
      return [...vipContents, ...this.#openContents()];
    });
    if (this.#open.size > 0 && this.#clock.now() - startedAt > LATE_MS) this.#commit(new Set([4, 6]));
  }

  #difference(): string | undefined {
    this.#checkedAt = this.#clock.now();
    return this.#tables.difference(this.#plans, this.#vipKeys());
  }

  /** Follows transactions of others. Only the one notice per transaction is let through, not its contents. */
  #listen(): void {
    if (this.#notices !== undefined) return;
    const socket = new NetlinkSocket(nft.NETLINK_NETFILTER);
    // The type of the first message, in host order, read in network order as classic BPF does.
    const type = ((nft.NEW_GENERATION & 0xff) << 8) | (nft.NEW_GENERATION >> 8);
    attachFilter(socket.fd, [
      [0x28, 0, 0, 4],
      [0x15, 0, 1, type],
      [0x06, 0, 0, 0xffffffff],
      [0x06, 0, 0, 0],
    ]);
    socket.join(nft.NFNLGRP_NFTABLES);
    const stop = onReadable(socket.fd, () => this.#noticed(socket));
    this.#notices = { socket, stop };
  }

  #noticed(socket: NetlinkSocket): void {
    let foreign = false;
    try {
      for (let notices = socket.notifications(); notices !== undefined; notices = socket.notifications()) {
        foreign ||= notices.some((notice) => notice.port !== this.#socket.port);
      }
    } catch (error) {
      if (!(error instanceof SystemError) || error.errno !== constants.errno.ENOBUFS) throw error;
      foreign = true;
    }
    if (!foreign || this.#checkTimer !== undefined) return;
    const dueMs = this.#checkedAt + CHECK_INTERVAL_MS - this.#clock.now();
    if (dueMs <= 0) this.#check();
    else this.#checkLater(dueMs);
  }

  #checkLater(delayMs: number): void {
    this.#checkTimer = setTimeout(() => {
      this.#checkTimer = undefined;
      this.#check();
    }, Math.ceil(delayMs));
  }

  #check(): void {
    try {
      const difference = this.#difference();
      if (difference !== undefined) this.#mend(difference);
    } catch (error) {
      this.#report("broken", error instanceof Error ? error.message : String(error));
      if (this.#checkTimer === undefined) this.#checkLater(RETRY_MS);
    }
  }

  #mend(why: string): void {
    const startedAt = this.#clock.now();
    this.#rebuild();
    this.#report("mended", `${why}; made anew in ${(this.#clock.now() - startedAt).toFixed(1)} ms`);
  }

  #report(what: "mended" | "broken", detail: string): void {
    for (const changed of this.#watchers) changed(what, detail);
  }
}

/** A former self may have used the other mechanism; its guards would drop what we, or whoever comes next, opens. */
export function removeFormerGuards(): void {
  const socket = new NetlinkSocket(NETLINK_ROUTE);
  removeGuards(socket);
  socket.close();
}

function familiesOf(vips: readonly VipConfig[]): ReadonlySet<4 | 6> {
  return new Set(vips.map((vip) => vip.family));
}
