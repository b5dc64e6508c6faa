/**
 * What a cluster file says about its wires: every link's addresses, its device and the gateways on its segment.
 * The file names few of them, so what it leaves open is filled in as a daemon would find it on healthy servers.
 */

import type { ClusterConfig } from "../core/config/cluster.ts";
import { kindOfAddress, networkContains, parseIpAddress } from "../core/config/ip-address.ts";

/** One link of all nodes. */
export interface Wire {
  /** Its number, the same on all nodes. */
  readonly link: number;
  /** By the node's place in the file. */
  readonly addresses: readonly string[];
  /** As a VIP names it, or `ethN` when none does. */
  readonly device: string;
  /** Gateways that the file names on this segment; may be empty. */
  readonly gateways: readonly string[];
}

/** The wires of a file, by link number. */
export function wiresOf(config: ClusterConfig): Wire[] {
  const links = config.nodes[0]?.addresses.length ?? 0;
  return Array.from({ length: links }, (_, link) => ({
    link,
    addresses: config.nodes.map((node) => node.addresses[link] ?? ""),
    device: vipsOn(config, link).find((vip) => vip.device !== undefined)?.device ?? `eth${link}`,
    gateways: namedGateways(config, link),
  }));
}

/** A device is where a VIP of that link goes; a VIP without a link is judged by link 0, but tells nothing of its device. */
function vipsOn(config: ClusterConfig, link: number) {
  return config.groups
    .flatMap((group) => group.resources)
    .filter((resource) => resource.kind === "vip")
    .filter((vip) => vip.link === link);
}

function namedGateways(config: ClusterConfig, link: number): string[] {
  const own = config.nodes[0]?.addresses[link] ?? "";
  const onSegment = config.gateways.filter((gateway) => isOnSegment(gateway, own));
  return [...new Set([...onSegment, ...vipsOn(config, link).flatMap((vip) => vip.gateways)])];
}

/** As the daemon judges it while the device's prefix length is unknown; a link-local router needs a VIP or a route to tell. */
function isOnSegment(text: string, own: string): boolean {
  const gateway = parseIpAddress(text);
  const base = parseIpAddress(own);
  if (gateway === undefined || base === undefined || kindOfAddress(gateway) === "link-local") return false;
  return networkContains({ address: base, prefixLength: base.family === 4 ? 24 : 64 }, gateway);
}
