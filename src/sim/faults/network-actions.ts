/** Faults of switches, cables, gateways and of whoever else is on a segment. */

import type { Quality } from "../network.ts";
import type { Target } from "./fault.ts";

export type NetworkAction =
  | {
      readonly kind: "cut";
      readonly node: Target;
      readonly links: readonly number[];
      readonly way: "both" | "in" | "out";
      readonly carrier: boolean;
    }
  | {
      readonly kind: "pair-cut";
      readonly from: number;
      readonly to: number;
      readonly link: number;
      readonly bothWays: boolean;
    }
  /** Frames are filtered, ARP and echo are not: between all nodes, or from one to another. */
  | {
      readonly kind: "udp";
      readonly links: readonly number[];
      readonly pair?: { readonly from: number; readonly to: number; readonly bothWays: boolean };
    }
  | { readonly kind: "quality"; readonly link: number; readonly quality: Quality }
  | { readonly kind: "gateway"; readonly link: number }
  | { readonly kind: "stranger"; readonly link: number }
  | { readonly kind: "fabric"; readonly link: number }
  /** Somebody sends captured frames and rubbish. */
  | { readonly kind: "noise"; readonly everyMs: number };

/** Every kind, in the order in which a report lists them. */
export const NETWORK_KINDS = [
  "cut",
  "pair-cut",
  "udp",
  "quality",
  "gateway",
  "stranger",
  "fabric",
  "noise",
] as const satisfies readonly NetworkAction["kind"][];
