/**
 * Epochs: a number that grows with every change of holder of a group. Every node counts in its own residue
 * class, so that two nodes that cannot hear each other never use the same number.
 */

import { MAX_NODES } from "../base/limits.ts";

/** The lowest epoch above `highest` that belongs to the node at position `index` of the cluster file. */
export function nextEpoch(highest: number, index: number): number {
  const base = Math.floor(highest / MAX_NODES) * MAX_NODES + index;
  return base > highest ? base : base + MAX_NODES;
}
