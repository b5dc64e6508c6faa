/** What was really inflicted, and who served meanwhile, as the judgement afterwards needs it. */

import type { Span } from "../../promises/explained-failures.ts";
import type { KindName } from "./kinds.ts";

/** One fault from its beginning to its healing. Times are CLOCK_MONOTONIC milliseconds. */
export interface Spell extends Span {
  /** Number of the planned fault. */
  readonly id: number;
  readonly name: KindName;
  /** Undefined when it hit everybody. */
  readonly node: string | undefined;
  /** When it was inflicted completely; it began at the earliest at `fromMs`. */
  readonly doneMs: number;
  /** When the cluster was seen at rest again after this phase: until then the node may not have been itself. */
  readonly restMs: number;
}

/** From when on a node was the one that served. */
export interface HolderSince {
  readonly node: string;
  readonly sinceMs: number;
}

/** Who served, from stretches of frames on the wire; the order of their beginnings decides. */
export function holdersOf(stretches: readonly { readonly node: string; readonly fromMs: number }[]): HolderSince[] {
  const holders: HolderSince[] = [];
  for (const { node, fromMs } of stretches.toSorted((a, b) => a.fromMs - b.fromMs)) {
    if (holders.at(-1)?.node !== node) holders.push({ node, sinceMs: fromMs });
  }
  return holders;
}

/**
 * When a node was the holder within a span, first moment only: the span's beginning when it was it already, else when
 * it became it; undefined when it never was.
 */
export function holderWithin(holders: readonly HolderSince[], node: string, span: Span): number | undefined {
  if (holders.findLast(({ sinceMs }) => sinceMs <= span.fromMs)?.node === node) return span.fromMs;
  return holders.find((one) => one.node === node && one.sinceMs > span.fromMs && one.sinceMs <= span.toMs)?.sinceMs;
}
