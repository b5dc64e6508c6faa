/**
 * What the daemon's two threads say to each other. The heart (a worker) runs the core, the sockets and the
 * kernel's leases and nothing else, so that no garbage collection or slow request on the main thread delays a
 * heartbeat. The main thread does everything else and feeds the heart: unfed for a second, the heart closes
 * its gates.
 */

import type { ClusterConfig, ServiceConfig } from "../../core/config/cluster.ts";
import type { EventEffect, PersistEffect, ReplyEffect, RunEffect } from "../../core/node/effects.ts";
import type { Handover, MonitorInput, Verb } from "../../core/node/inputs.ts";
import type { NodeView } from "../../core/node/view.ts";
import type { Wish } from "../../core/membership/frame.ts";
import type { TapePart } from "../../recording/heart-recording.ts";

/** How often the main thread feeds the heart. */
export const FEED_INTERVAL_MS = 200;
/** Unfed for so long, the heart closes its gates. */
export const FEED_LIMIT_MS = 1_000;

/** `workerData` of the heart. */
export interface HeartOptions {
  readonly config: ClusterConfig;
  readonly configHash: string;
  readonly node: string;
  /** Keys that may verify, the first one signs; 32 bytes or more each. */
  readonly keys: readonly Uint8Array[];
  readonly epochs: Readonly<Record<string, number>>;
  readonly wishes: readonly Wish[];
  readonly handover: Handover | undefined;
  /** File that keeps the devices' settings as they were found. */
  readonly settingsRecord?: string | undefined;
  /** Highest frame version spoken; undefined is the newest. Laboratories make an older program of it. */
  readonly frameVersion?: number | undefined;
}

export type ToHeart =
  | { readonly kind: "feed" }
  | { readonly kind: "request"; readonly id: number; readonly request: Verb }
  | {
      readonly kind: "monitor";
      readonly monitor: string;
      readonly verdict: MonitorInput["verdict"];
      readonly detail: string;
    }
  | { readonly kind: "resource-result"; readonly id: number; readonly ok: boolean; readonly detail: string }
  | { readonly kind: "view"; readonly id: number }
  /** The record of inputs shall begin a new segment. */
  | { readonly kind: "begin-segment" }
  /** Close all gates, take the rules away and end. */
  | { readonly kind: "end" };

export type FromHeart =
  /** Sockets are open, the gate's rules stand. */
  | { readonly kind: "ready" }
  /** It cannot work: the message and the next step. The main thread ends the daemon. */
  | { readonly kind: "fatal"; readonly message: string; readonly next: string }
  | { readonly kind: "view"; readonly id: number; readonly view: NodeView }
  | {
      readonly kind: "log";
      readonly level: "info" | "warn" | "error";
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: "tape"; readonly part: TapePart }
  | { readonly kind: "ended" }
  | RunEffect
  | PersistEffect
  | EventEffect
  | ReplyEffect;

/** Services outside groups are the main thread's own business. */
export type EverywhereService = ServiceConfig;
