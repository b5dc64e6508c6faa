/**
 * Which gateways stand on the wires of a cluster file. Where it names none, daemons find them from their routes; a
 * simulation has no routes, so it assumes one on every wire of a VIP, and says so.
 */

import type { ClusterConfig } from "../../core/config/cluster.ts";
import { formatIpAddress, parseIpAddress } from "../../core/config/ip-address.ts";
import { type Wire, wiresOf } from "../wires.ts";

/** Per link: the gateways, and whether they are only assumed. */
export interface GatewaysOnLink {
  readonly link: number;
  readonly addresses: readonly string[];
  readonly isAssumed: boolean;
}

/** By link number. A file that names gateways names all of them, as the daemon reads it. */
export function gatewaysOf(config: ClusterConfig): GatewaysOnLink[] {
  const used = new Set([
    ...config.nodes.flatMap(({ addresses }) => addresses),
    ...vipsOf(config).map(({ address }) => address),
  ]);
  return wiresOf(config).map(({ link, gateways }: Wire): GatewaysOnLink => {
    const vip = vipsOf(config).find((one) => (one.link ?? 0) === link);
    if (gateways.length > 0 || config.gateways.length > 0 || vip === undefined)
      return { link, addresses: gateways, isAssumed: false };
    return { link, addresses: [vip.family === 6 ? "fe80::1" : firstFree(vip, used)], isAssumed: true };
  });
}

function vipsOf(config: ClusterConfig) {
  return config.groups.flatMap(({ resources }) => resources).filter((resource) => resource.kind === "vip");
}

/** The lowest address of a VIP's network that nobody in the cluster has. */
function firstFree(vip: { address: string; prefixLength: number }, used: ReadonlySet<string>): string {
  const address = parseIpAddress(vip.address);
  if (address === undefined) return "gateway";
  const size = 1n << BigInt(32 - vip.prefixLength);
  const network = (address.value / size) * size;
  for (let host = 1n; host < size; host++) {
    const candidate = formatIpAddress({ ...address, value: network + host });
    if (!used.has(candidate)) return candidate;
  }
  return "gateway";
}
