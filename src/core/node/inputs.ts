/**
 * Everything that can happen to a node, as data. The daemon and the simulator both speak to the core only
 * through these. Every input carries the boot-time clock; the core never asks for the time.
 */

import type { Instant } from "../base/time.ts";
import type { Verdict } from "../base/words.ts";
import type { Frame, Wish } from "../membership/frame.ts";

export type Input =
  | StartInput
  | TickInput
  | FrameInput
  | RejectedFrameInput
  | AnswerInput
  | AnnouncementInput
  | InterfaceInput
  | MonitorInput
  | ResourceResultInput
  | GateInput
  | PausedInput
  | StalledInput
  | RequestInput;

interface At {
  readonly now: Instant;
}

/** First input, once. */
export interface StartInput extends At {
  readonly kind: "start";
  /** Random per start; 16 hexadecimal digits. */
  readonly incarnation: string;
  /** Per group: no epoch at or below this was ever left unused on disk. */
  readonly epochs: Readonly<Record<string, number>>;
  /** Operators' wishes from disk. */
  readonly wishes: readonly Wish[];
  /** Per link (index): gateways on that segment, from the file or the routes. */
  readonly gateways: readonly (readonly string[])[];
  /** Set when an earlier self of this daemon handed its leases over. */
  readonly handover: Handover | undefined;
}

/** What a restarting daemon leaves for its next self, in the machine's boot-time clock. */
export interface Handover {
  readonly groups: readonly { readonly name: string; readonly epoch: number; readonly until: Instant }[];
  readonly wishes: readonly Wish[];
  /** Hardware addresses learned for other nodes. */
  readonly macs: Readonly<Record<string, readonly string[]>>;
}

/** The wake-up that the core asked for, or an earlier one. */
export interface TickInput extends At {
  readonly kind: "tick";
}

/** An authentic frame arrived. */
export interface FrameInput extends At {
  readonly kind: "frame";
  readonly frame: Frame;
}

export type Rejection =
  | "malformed"
  | "oversized"
  | "unknown-version"
  | "foreign-cluster"
  | "wrong-key"
  | "unknown-node"
  | "wrong-link"
  | "replayed";

/** A datagram was dropped before its body was read. */
export interface RejectedFrameInput extends At {
  readonly kind: "frame-rejected";
  readonly why: Rejection;
  /** Source address of the datagram. */
  readonly source: string;
}

/** Somebody answered a question of an `ask` effect. */
export interface AnswerInput extends At {
  readonly kind: "answer";
  readonly link: number;
  readonly probe: "arp" | "echo";
  /** Address asked for. */
  readonly address: string;
  /** Hardware address that answered, lower case with colons. */
  readonly mac: string;
  /** When the answered question (the earliest that it can belong to) was sent. */
  readonly sentAt: Instant;
}

/** ARP/NDP traffic not from this node in which somebody uses a VIP as its own address. */
export interface AnnouncementInput extends At {
  readonly kind: "announcement";
  readonly link: number;
  readonly address: string;
  readonly mac: string;
  /** True for an RFC 5227 probe (somebody wants the address), false for a claim to have it. */
  readonly probe: boolean;
}

/** State of the device behind a link; sent once at start for every link and on every change. */
export interface InterfaceInput extends At {
  readonly kind: "interface";
  readonly link: number;
  /** Administratively up with carrier and our address on it. */
  readonly up: boolean;
  readonly device: string | undefined;
  /** Our own hardware address there. */
  readonly mac: string | undefined;
  /** Gateways on that segment as known now; absent means that nothing is known to have changed. */
  readonly gateways?: readonly string[];
}

/** A monitor's verdict about this node (after rise and fall); sent on every change. */
export interface MonitorInput extends At {
  readonly kind: "monitor";
  readonly monitor: string;
  readonly verdict: Verdict;
  readonly detail: string;
}

/** How a `run` effect ended. */
export interface ResourceResultInput extends At {
  readonly kind: "resource-result";
  /** Id of the `run` effect. */
  readonly id: number;
  readonly ok: boolean;
  /** Exit code or signal, duration and last output lines, for people. */
  readonly detail: string;
}

/** Something happened to the gate or an address outside our doing, or an operation on it was refused. */
export interface GateInput extends At {
  readonly kind: "gate";
  readonly what: /** The rules were gone and stand again. */
    | "mended"
    /** The rules cannot be made or read back: nothing may be served. */
    | "broken"
    | "works"
    /** The address vanished from the device although we hold it; put back when possible. */
    | "address-lost"
    /** A gate was not opened, because what it was to renew had ended. */
    | "late"
    /** The kernel refused an operation on this VIP. */
    | "refused";
  readonly vip: string | undefined;
  readonly detail: string;
}

/** This process did not run for so long (boot-time gap between two turns of its loop). */
export interface PausedInput extends At {
  readonly kind: "paused";
  readonly gapMs: number;
}

/** The daemon's main thread stopped (or resumed) feeding the core. */
export interface StalledInput extends At {
  readonly kind: "stalled";
  readonly stalled: boolean;
}

/** What an operator can ask for. */
export type Verb =
  | { readonly verb: "switch"; readonly group: string; readonly to: string }
  | { readonly verb: "standby"; readonly node: string }
  | { readonly verb: "online"; readonly node: string }
  | { readonly verb: "clear"; readonly group: string }
  | { readonly verb: "maintenance"; readonly on: boolean }
  /** Hand the leases to this daemon's next self; answered when it may exec. */
  | { readonly verb: "restart" }
  /** Move everything away and say goodbye; answered when all is released. */
  | { readonly verb: "leave" };

export interface RequestInput extends At {
  readonly kind: "request";
  /** Echoed in the `reply` effect. */
  readonly id: number;
  readonly request: Verb;
}
