/**
 * What the gate's tables look like. Every rule says the same thing in another place: a packet that uses one
 * of our addresses is dropped unless the address is open. "Unless" is first, so everything that has nothing
 * to do with a virtual address costs one set lookup.
 *
 *   inet prerouting   to the VIP, when the VIP is an address of this machine: before any other table can
 *                     redirect it into a container (and so never for packets that are only routed through)
 *   inet input        to the VIP, from devices and lo
 *   inet output       from the VIP; neighbour advertisements about the VIP
 *   inet postrouting  from the VIP after address translation, when the VIP is an address of this machine
 *   arp output        ARP in which we call the VIP ours; RFC 5227 probes (sender 0.0.0.0) are not touched
 *
 * Incoming ARP and neighbour discovery pass: other hosts may announce and probe the address as they like.
 */

import type { VipConfig } from "../../core/config/cluster.ts";
import { addressBytes } from "./addressing.ts";
import {
  BASE_NETWORK,
  BASE_TRANSPORT,
  count,
  drop,
  isEqual,
  isIn,
  isLocal,
  loadMeta,
  loadPayload,
  META_L4PROTO,
  META_NFPROTO,
  NFPROTO_ARP,
  NFPROTO_INET,
  NFPROTO_IPV4,
  NFPROTO_IPV6,
} from "./nftables.ts";
import type { AddressSet, Chain, Family } from "./nftables.ts";

/** The name of our tables, in every family. */
export const TABLE = "understudy";

/** A table as it should be. */
export interface TablePlan {
  readonly family: Family;
  readonly sets: readonly AddressSet[];
  readonly chains: readonly (Chain & { readonly rules: readonly (readonly Buffer[])[] })[];
}

/** Where in a packet the address stands. */
export type Place =
  | "ipv4-source"
  | "ipv4-destination"
  | "ipv6-source"
  | "ipv6-destination"
  | "advertised"
  | "arp-sender";

/** The expressions that go on only if the address, which is in the register and at `place`, is not open. */
export type Closed = (place: Place) => Buffer[];

export const VIP_SETS = { 4: "vip4", 6: "vip6" } as const;
export const OPEN_SETS = { 4: "open4", 6: "open6" } as const;

/** "Not in the set of open addresses". */
export const closedBySet: Closed = (place) => [
  isIn(
    place === "ipv4-source" || place === "ipv4-destination" || place === "arp-sender" ? OPEN_SETS[4] : OPEN_SETS[6],
    {
      inverted: true,
    },
  ),
];

/** Before connection tracking, address translation and every usual table. */
const FIRST = -310;
/** After source address translation. */
const LAST = 310;
const HOOK = { prerouting: 0, input: 1, output: 3, postrouting: 4, arpOutput: 1 } as const;

const byte = (value: number): Buffer => Buffer.from([value]);
const isIpv4 = [loadMeta(META_NFPROTO), isEqual(byte(NFPROTO_IPV4))];
const isIpv6 = [loadMeta(META_NFPROTO), isEqual(byte(NFPROTO_IPV6))];

/** Families in which tables of ours may stand. */
export const FAMILIES: readonly Family[] = [NFPROTO_INET, NFPROTO_ARP];

/**
 * The tables that keep all VIPs closed but for those that `closed` lets pass; without `arp` where something
 * else guards ARP.
 */
export function planTables(closed: Closed, options: { readonly arp: boolean }): TablePlan[] {
  const dropClosed = (place: Place, load: readonly Buffer[], family: 4 | 6, more: readonly Buffer[] = []): Buffer[] => [
    ...load,
    isIn(VIP_SETS[family]),
    ...closed(place),
    ...more,
    count(),
    drop(),
  ];
  const to4 = [...isIpv4, loadPayload(BASE_NETWORK, 16, 4)];
  const to6 = [...isIpv6, loadPayload(BASE_NETWORK, 24, 16)];
  const from4 = [...isIpv4, loadPayload(BASE_NETWORK, 12, 4)];
  const from6 = [...isIpv6, loadPayload(BASE_NETWORK, 8, 16)];
  const advertised = [
    loadMeta(META_L4PROTO),
    isEqual(byte(58)),
    loadPayload(BASE_TRANSPORT, 0, 1),
    isEqual(byte(136)),
    loadPayload(BASE_TRANSPORT, 8, 16),
  ];
  const inet: TablePlan = {
    family: NFPROTO_INET,
    sets: [4, 6].flatMap((family) => setsOf(family as 4 | 6)),
    chains: [
      {
        name: "prerouting",
        hook: HOOK.prerouting,
        priority: FIRST,
        rules: [
          dropClosed("ipv4-destination", to4, 4, isLocal("destination")),
          dropClosed("ipv6-destination", to6, 6, isLocal("destination")),
        ],
      },
      {
        name: "input",
        hook: HOOK.input,
        priority: FIRST,
        rules: [dropClosed("ipv4-destination", to4, 4), dropClosed("ipv6-destination", to6, 6)],
      },
      {
        name: "output",
        hook: HOOK.output,
        priority: FIRST,
        rules: [
          dropClosed("ipv4-source", from4, 4),
          dropClosed("ipv6-source", from6, 6),
          dropClosed("advertised", [...isIpv6, ...advertised], 6),
        ],
      },
      {
        name: "postrouting",
        hook: HOOK.postrouting,
        priority: LAST,
        rules: [
          dropClosed("ipv4-source", from4, 4, isLocal("source")),
          dropClosed("ipv6-source", from6, 6, isLocal("source")),
        ],
      },
    ],
  };
  if (!options.arp) return [inet];
  const arp: TablePlan = {
    family: NFPROTO_ARP,
    sets: setsOf(4),
    chains: [
      {
        name: "output",
        hook: HOOK.arpOutput,
        priority: FIRST,
        // The sender's protocol address, behind an Ethernet hardware address.
        rules: [dropClosed("arp-sender", [loadPayload(BASE_NETWORK, 14, 4)], 4)],
      },
    ],
  };
  return [inet, arp];
}

function setsOf(family: 4 | 6): AddressSet[] {
  return [
    { name: VIP_SETS[family], family, timed: false },
    { name: OPEN_SETS[family], family, timed: true },
  ];
}

/** The set's key of a VIP. */
export function vipKey(vip: Pick<VipConfig, "address">): Buffer {
  return addressBytes(vip.address);
}
