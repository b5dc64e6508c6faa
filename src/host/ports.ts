/**
 * What the daemon needs from a machine, as interfaces. `linux/` implements them on the real kernel, the
 * simulator beside a pretend one. Operations here are synchronous where the path of a takeover needs them.
 */

import type { Instant, WallTime } from "../core/base/time.ts";
import type { CommandConfig, VipConfig } from "../core/config/cluster.ts";

/** The two clocks. */
export interface Clock {
  /** CLOCK_BOOTTIME in milliseconds. */
  now(): Instant;
  /** For records that people read. */
  wall(): WallTime;
}

/** A network device and what is on it. */
export interface Device {
  readonly index: number;
  readonly name: string;
  /** Administratively up. */
  readonly up: boolean;
  readonly carrier: boolean;
  /** Lower case with colons; undefined for devices without one (lo, tun). */
  readonly mac: string | undefined;
  readonly addresses: readonly { readonly address: string; readonly prefixLength: number }[];
}

/** Reads and follows devices, addresses and routes by rtnetlink. */
export interface Interfaces {
  /** All devices now. */
  list(): readonly Device[];
  /** Next hops of default routes, with the device's name. */
  gateways(): readonly { readonly address: string; readonly device: string }[];
  /** Calls back at once after any device, address or carrier changed; returns a function that ends it. */
  watch(changed: () => void): () => void;
  close(): void;
}

/**
 * The right to serve VIPs, held by the kernel with a deadline. Closed means: no ARP/NDP answer for the VIP
 * from any device, no packet to or from it through any device or lo.
 */
export interface Gate {
  /**
   * Makes the rules for these VIPs and reads them back; throws with a reason when that fails. All are closed,
   * except with `keep`: what an earlier self of this daemon left open stays open until its deadline.
   */
  prepare(vips: readonly VipConfig[], options?: { readonly keep?: boolean }): void;
  /**
   * Opens or renews in one transaction; closes by itself at `until` (at most about 2.5 s ahead). `late`: the kernel
   * was too slow for a deadline to be promised, so everything is closed for now; worth another try.
   */
  open(vips: readonly VipConfig[], until: Instant): void | "late";
  /** Closes in one transaction. */
  close(vips: readonly VipConfig[]): void;
  /** Calls back after somebody else changed the rules and they were mended (or could not be). */
  watch(changed: (what: "mended" | "broken", detail: string) => void): () => void;
  /** What is open stays open until its deadline and is left where the next self finds it with `keep`. */
  handOver?(): void;
  /** Takes all rules away. */
  remove(): void;
}

/** Virtual addresses on devices, with a finite lifetime behind the gate. */
export interface Addresses {
  /** Adds or renews `vip` on `device` with `valid_lft` of `lifetimeMs` (rounded up to whole seconds). */
  put(vip: VipConfig, device: string, lifetimeMs: number): void;
  /** Removes it; absent is fine. */
  remove(vip: VipConfig, device: string): void;
}

/** An answer or an announcement seen on the wire. */
export type NeighbourMessage =
  | {
      readonly kind: "answer";
      readonly probe: "arp" | "echo";
      readonly device: string;
      readonly address: string;
      readonly mac: string;
    }
  | {
      readonly kind: "announcement";
      readonly device: string;
      readonly address: string;
      readonly mac: string;
      readonly probe: boolean;
    };

/** ARP, NDP and ICMP echo on the wire, by packet sockets. */
export interface Neighbours {
  /** Starts listening on a device; messages about `addresses` are reported. */
  listen(device: string, heard: (message: NeighbourMessage) => void): void;
  /** Stops listening there (the device vanished, or the daemon ends). */
  unlisten(device: string): void;
  /** Addresses (VIPs, gateways, peers) whose messages are reported. */
  follow(addresses: readonly string[]): void;
  /** ARP request / neighbour solicitation. With `source` undefined it is an RFC 5227 probe / DAD-style NS. */
  ask(device: string, address: string, source: string | undefined): void;
  /** ICMP echo request for `address` from `source`, addressed to `mac` whatever the neighbour table says. */
  echo(device: string, address: string, source: string, mac: string): void;
  /** Gratuitous ARP (request and reply form) or unsolicited NA for `address` with the device's own MAC. */
  announce(device: string, address: string): void;
  /** The same as unicast to each of these hardware addresses. */
  announceTo(device: string, address: string, macs: readonly string[]): void;
  /** The kernel's neighbour table of a device. */
  table(device: string): readonly { readonly address: string; readonly mac: string }[];
  close(): void;
}

/** First packets of new connections that arrive at a node which has just given a VIP up. */
export interface Arrivals {
  /** Begins to catch them on a device; ends by itself after `forMs`. */
  collect(device: string, addresses: readonly string[], forMs: number): void;
  /** The node with this hardware address serves now: it gets what was caught and what still comes. */
  handOn(device: string, mac: string): void;
  close(): void;
}

/** How a command ended. */
export interface CommandResult {
  readonly argv: readonly string[];
  readonly code: number | undefined;
  readonly signal: string | undefined;
  readonly timedOut: boolean;
  readonly durationMs: number;
  /** The last output lines of both streams, bounded. */
  readonly output: string;
  /** Set when it could not be started at all. */
  readonly error: string | undefined;
}

/** Runs programs: argument lists only, own process group, obligatory time limit and kill. */
export interface Commands {
  run(command: CommandConfig, environment: Readonly<Record<string, string>>): Promise<CommandResult>;
}
