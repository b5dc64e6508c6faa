/** Faults of switches, cables, gateways and of whoever else is on a segment. */

import type { Quality, SplitWay } from "../network.ts";
import type { Target } from "./fault.ts";

/** Somebody on a segment: a node's number, the first or second router, one of the clients. */
export type Host = number | "gateway" | "gateway-2" | "client" | "client-2" | "client-3";

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
  /** Little bandwidth: packets queue, come late, and are dropped when the queue is full. */
  | { readonly kind: "slow"; readonly link: number; readonly quality: Quality }
  /** Two switches lose each other, in both directions or in one; a link without that trunk stays whole. */
  | { readonly kind: "trunk"; readonly links: readonly number[]; readonly trunk: number; readonly way: SplitWay }
  /** The segment falls into parts, whatever its layout; who is not named is in the first part. */
  | {
      readonly kind: "split";
      readonly links: readonly number[];
      readonly parts: readonly (readonly Host[])[];
      readonly way: SplitWay;
    }
  /** A private VLAN begins: nodes see everybody but each other. */
  | { readonly kind: "isolate"; readonly link: number }
  /** Everything of one address family is lost. */
  | { readonly kind: "family"; readonly link: number; readonly family: 4 | 6 }
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
  "slow",
  "trunk",
  "split",
  "isolate",
  "family",
  "gateway",
  "stranger",
  "fabric",
  "noise",
] as const satisfies readonly NetworkAction["kind"][];
