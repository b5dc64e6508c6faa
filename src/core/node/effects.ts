/**
 * Everything that a node can do to the world, as data, in order. Whoever performs them (daemon or simulator)
 * decides nothing. Results come back as inputs and may be late, repeated or missing.
 */

import type { Problem } from "../base/report.ts";
import type { Instant } from "../base/time.ts";
import type { CommandConfig, VipConfig } from "../config/cluster.ts";
import type { Frame, Wish } from "../membership/frame.ts";
import type { Handover } from "./inputs.ts";
import type { Reason } from "./reasons.ts";

export type Effect =
  | SendEffect
  | AskEffect
  | OpenEffect
  | CloseEffect
  | PlaceEffect
  | AnnounceEffect
  | CatchEffect
  | HandOnEffect
  | RunEffect
  | PersistEffect
  | EventEffect
  | ReplyEffect
  | WatchEffect;

/** Send a frame to a node on a link: from our address of that link to the node's address of that link. */
export interface SendEffect {
  readonly kind: "send";
  readonly to: string;
  readonly frame: Frame;
}

/**
 * Ask the link's segment who has an address. `arp`: broadcast ARP request or neighbour solicitation (as an
 * RFC 5227 probe when `address` is a VIP). `echo`: ICMP echo request to `address`, addressed to `mac`.
 */
export interface AskEffect {
  readonly kind: "ask";
  readonly link: number;
  readonly probe: "arp" | "echo";
  readonly address: string;
  readonly mac: string | undefined;
}

/**
 * Let these VIPs be served until `until`; the kernel closes them by itself then. The addresses are put on
 * their devices if they are not there. Repeated to renew. All VIPs in one transaction.
 */
export interface OpenEffect {
  readonly kind: "open";
  readonly vips: readonly VipConfig[];
  readonly until: Instant;
  /**
   * Not at or after this: a renewal that comes when the gate that it renews has closed opens nothing, because
   * somebody may have found the wire quiet since. Whoever performs it then says so by a `gate` input, `late`.
   */
  readonly before?: Instant;
}

/** Close the gate for these VIPs now, in one transaction; `remove` also takes the addresses off their devices. */
export interface CloseEffect {
  readonly kind: "close";
  readonly vips: readonly VipConfig[];
  readonly remove: boolean;
}

/** Put these addresses on their devices with the gate closed, so that services can bind them. */
export interface PlaceEffect {
  readonly kind: "place";
  readonly vips: readonly VipConfig[];
}

/**
 * Tell the segment that the VIPs are here: gratuitous ARP or unsolicited NA, and unicast to `gateways` and
 * neighbours known on the device. Repetition is the core's business.
 */
export interface AnnounceEffect {
  readonly kind: "announce";
  readonly vips: readonly VipConfig[];
}

/**
 * A planned move begins: from the following `close` on, catch the first packets of new connections to these VIPs
 * for `forMs` milliseconds, so that no client waits for its own second try.
 */
export interface CatchEffect {
  readonly kind: "catch";
  readonly vips: readonly VipConfig[];
  readonly forMs: number;
}

/** The new holder serves: hand on what was caught, and what still comes, to its hardware address. */
export interface HandOnEffect {
  readonly kind: "hand-on";
  readonly vip: VipConfig;
  readonly mac: string;
}

/** Run a service's command; the result comes back as `resource-result` with the same id. */
export interface RunEffect {
  readonly kind: "run";
  /** Unique within an incarnation. */
  readonly id: number;
  readonly group: string | undefined;
  readonly resource: string;
  readonly action: "start" | "stop" | "status";
  readonly command: CommandConfig;
}

/** Keep this on disk; off the critical path, the core does not wait for it. */
export interface PersistEffect {
  readonly kind: "persist";
  /** Per group: epochs up to this may be used before the next write. */
  readonly epochs: Readonly<Record<string, number>>;
  readonly wishes: readonly Wish[];
}

/** A decision, also "stay", for the record on every node. */
export interface EventEffect {
  readonly kind: "event";
  readonly event: DecisionEvent;
}

export interface DecisionEvent {
  readonly at: Instant;
  readonly severity: "info" | "warning" | "alert";
  readonly reason: Reason;
  readonly group: string | undefined;
  /** The node that it is about (not necessarily the one that recorded it). */
  readonly node: string | undefined;
  readonly link: number | undefined;
  /** Names and values that the decision rests on, for `why`. */
  readonly facts: Readonly<Record<string, string | number | boolean>>;
}

/** The answer to a request. */
export interface ReplyEffect {
  readonly kind: "reply";
  readonly id: number;
  readonly outcome:
    | { readonly kind: "done"; readonly detail: string }
    /** Another node must be asked: it holds the group. */
    | { readonly kind: "forward"; readonly to: string }
    | { readonly kind: "refused"; readonly problem: Problem }
    /** All peers agreed to wait: the daemon may exec its next self with this. */
    | { readonly kind: "handover"; readonly handover: Handover };
}

/** How eagerly ARP/NDP traffic about VIPs must be reported; sent when it changes. */
export interface WatchEffect {
  readonly kind: "watch";
  readonly vips: readonly VipConfig[];
}
