/**
 * How each segment is built: switches in a row, joined by trunks, with nodes, routers and clients attached to them.
 * A trunk that is cut parts the segment into two sides.
 */

import type { Random } from "../core/base/random.ts";

/** Routers and clients that a segment has room for. */
export const ROUTERS = 2;
export const CLIENTS = 3;

/**
 * `single`: the first router has the gateway's addresses. `vrrp`: two routers share them and one virtual hardware
 * address; the second answers while it does not hear the first. `twins`: each has an address of its own.
 */
export type RouterMode = "single" | "vrrp" | "twins";

/** Trunk N joins switches N and N + 1. */
export interface SegmentLayout {
  readonly switches: number;
  /** By node, router and client: the number of the switch that it is attached to. */
  readonly nodes: readonly number[];
  readonly routers: readonly number[];
  readonly clients: readonly number[];
  readonly mode: RouterMode;
}

/** One switch for all, one gateway, one client. */
export function plainLayout(nodes: number): SegmentLayout {
  return {
    switches: 1,
    nodes: Array.from({ length: nodes }, () => 0),
    routers: [0],
    clients: [0],
    mode: "single",
  };
}

/**
 * Draws a segment. The gateway stands on one side of every trunk: two routers are told apart only where the segment
 * has one switch, because a segment that splits with a gateway on either side is outside the arbiter's promise.
 */
export function drawLayout(random: Random, nodes: number): SegmentLayout {
  const switches = random.chance(0.55) ? 1 : random.chance(0.8) ? 2 : 3;
  const mode: RouterMode = switches > 1 || random.chance(0.7) ? "single" : random.pick(["vrrp", "twins"]);
  const places = Array.from({ length: nodes }, () => random.integer(0, switches - 1));
  // On every switch there is somebody who notices when a trunk heals.
  const router = random.integer(0, switches - 1);
  for (let at = 0, next = 0; at < switches; at++) {
    if (at !== router && !places.includes(at) && next < nodes) places[next++] = at;
  }
  const clients = [0, switches - 1];
  if (switches > 2) clients.push(1);
  return {
    switches,
    nodes: places,
    routers: mode === "single" ? [router] : [0, 0],
    clients: switches === 1 ? [0] : clients,
    mode,
  };
}
