/**
 * The arbiter `segment` in a segment that may have fallen apart. A sign of a peer shows that this node is not alone;
 * it does not show that nobody takes the same address in the other part. Two things do:
 *
 *   - A gateway answers. It stands in one part only, so whoever it answers goes on, and nobody takes anything without it.
 *   - Every other node is covered: it said lately, on whatever link, that it hears this one, or its kernel answers
 *     here. It waits for the end of the lease from there, so it takes nothing before.
 *
 * Where no gateway is known, parts are told apart by counting: half of the nodes may keep, more than half may take.
 * Nodes that left are not counted. Think of a ship's crew in two lifeboats: the one with the captain decides; without
 * a captain, the larger boat.
 */

import { after, later, LONG_AGO, NEVER, type Instant } from "../base/time.ts";
import type { Peer } from "../membership/roster.ts";
import type { VipConfig } from "../config/cluster.ts";
import { restsOn, type Surroundings } from "./surroundings.ts";

/** Until when this peer certainly takes nothing that this node serves on a link. */
export function coveredUntil(s: Surroundings, peer: Peer, link: number): Instant {
  const { echoMs, evidenceMs } = s.timing;
  const byKernel = after(peer.kernelAt[link] ?? LONG_AGO, evidenceMs);
  return later(later(after(peer.echoAt, echoMs), byKernel), peer.restartUntil);
}

/** Until when signs of peers on a link are enough to go on serving there, whatever the gateway says. */
export function keepsUntil(s: Surroundings, link: number): Instant {
  if ((s.segments[link]?.gateways.length ?? 0) > 0) {
    let least = NEVER;
    for (const peer of s.roster.list) {
      if (peer.hasLeft) continue;
      const until = coveredUntil(s, peer, link);
      if (until < least) least = until;
    }
    return least;
  }
  return countedUntil(s, link, (nodes) => Math.ceil(nodes / 2) - 1);
}

/** May this node take an address on a link now, as far as the other parts of the segment are concerned? */
export function mayTake(s: Surroundings, link: number, now: Instant): boolean {
  if ((s.segments[link]?.gateways.length ?? 0) > 0) return keepsUntil(s, link) > now;
  return countedUntil(s, link, (nodes) => Math.floor(nodes / 2)) > now;
}

/** Since when the last of those whose kernel answers on a link, and of whom no frame is heard, has been there. */
export function backSince(s: Surroundings, link: number, now: Instant): Instant {
  let since = LONG_AGO;
  for (const peer of s.roster.list) {
    if (peer.alive || peer.hasLeft || coveredUntil(s, peer, link) <= now) continue;
    since = later(since, peer.kernelSince[link] ?? LONG_AGO);
  }
  return since;
}

/** Names of the nodes of which nothing is known on a link, for people. */
export function uncovered(s: Surroundings, link: number, now: Instant): string[] {
  const peers = [...s.roster.peers.values()];
  return peers.filter((peer) => !peer.hasLeft && coveredUntil(s, peer, link) <= now).map(({ name }) => name);
}

/**
 * A node that is heard and hears nobody: no frame of this one reached it for a while, and it says itself that nothing
 * reaches it on any network of a group. Before it may take anything it has to hear one for as long as a taker waits,
 * or this node, which then refuses. So nobody needs to wait for its word, and nobody gives it a grant, of whose end it
 * would learn too late.
 */
export function isDeaf(s: Surroundings, peer: Peer, group: { vips: readonly VipConfig[]; now: Instant }): boolean {
  if (peer.state !== "up" || group.now - peer.echoAt < s.timing.waitMs) return false;
  return s.segments.every((_, link) => !restsOn(group.vips, link) || peer.reach[link] === 0);
}

/** Until when at least so many peers are covered as `needed` asks for among all nodes that have not left. */
function countedUntil(s: Surroundings, link: number, needed: (nodes: number) => number): Instant {
  const ends: Instant[] = [];
  for (const peer of s.roster.peers.values()) if (!peer.hasLeft) ends.push(coveredUntil(s, peer, link));
  const least = needed(ends.length + 1);
  if (least === 0) return NEVER;
  ends.sort((a, b) => b - a);
  return ends[least - 1] ?? LONG_AGO;
}
