/**
 * IPv4 and IPv6 addresses as values: parsed strictly, printed in one way only (RFC 5952), compared with
 * networks. Strict because an address that two programs read differently (010.0.0.1, ::FFFF:10.0.0.1) is how a
 * cluster comes to watch one address and serve another. Zones (`fe80::1%eth0`) are not addresses here.
 */

/** An address without its text. */
export interface IpAddress {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** An address with the length of its network's prefix. */
export interface IpNetwork {
  readonly address: IpAddress;
  readonly prefixLength: number;
}

/** What kind of host an address can stand for; only `unicast`, `link-local` and `loopback` name one. */
export type AddressKind = "unicast" | "link-local" | "loopback" | "unspecified" | "multicast" | "broadcast" | "mapped";

/** Reads `192.0.2.10` or `2001:db8::10`; undefined when the text is anything else. */
export function parseIpAddress(text: string): IpAddress | undefined {
  const family = text.includes(":") ? 6 : 4;
  const value = family === 4 ? parseV4(text) : parseV6(text);
  return value === undefined ? undefined : { family, value };
}

/** Reads `192.0.2.10/24`; undefined when the address or the length is not valid. */
export function parseIpNetwork(text: string): IpNetwork | undefined {
  const parts = /^([^/]+)\/(0|[1-9][0-9]{0,2})$/.exec(text);
  const address = parseIpAddress(parts?.[1] ?? "");
  const prefixLength = Number(parts?.[2]);
  if (address === undefined || prefixLength > bitsOf(address)) return undefined;
  return { address, prefixLength };
}

/** The canonical text: dotted decimal, or RFC 5952 for IPv6. */
export function formatIpAddress(address: IpAddress): string {
  return address.family === 4 ? formatV4(address.value) : formatV6(address.value);
}

/** The canonical text of an address's text, or undefined when it is none. */
export function canonicalIpAddress(text: string): string | undefined {
  const address = parseIpAddress(text);
  return address === undefined ? undefined : formatIpAddress(address);
}

/** Is `address` in the network that `network` lies in? Families never mix. */
export function networkContains(network: IpNetwork, address: IpAddress): boolean {
  if (network.address.family !== address.family) return false;
  const hostBits = BigInt(bitsOf(address) - network.prefixLength);
  return network.address.value >> hostBits === address.value >> hostBits;
}

/** First and last address of an IPv4 network: its own name and its broadcast, which no host can have. */
export function isNetworkOrBroadcast(network: IpNetwork): boolean {
  if (network.address.family !== 4 || network.prefixLength > 30) return false;
  const hostMask = (1n << BigInt(32 - network.prefixLength)) - 1n;
  const host = network.address.value & hostMask;
  return host === 0n || host === hostMask;
}

/** Sorts an address into the ranges that the standards reserve. */
export function kindOfAddress(address: IpAddress): AddressKind {
  const { family, value } = address;
  if (value === 0n) return "unspecified";
  if (family === 4) {
    if (value >> 24n === 0n) return "unspecified";
    if (value >> 24n === 127n) return "loopback";
    if (value >> 28n === 0xen) return "multicast";
    if (value >> 28n === 0xfn) return "broadcast";
    return value >> 16n === 0xa9fen ? "link-local" : "unicast";
  }
  if (value === 1n) return "loopback";
  if (value >> 120n === 0xffn) return "multicast";
  if (value >> 118n === 0x3fan) return "link-local";
  return value >> 32n === 0xffffn ? "mapped" : "unicast";
}

function bitsOf(address: IpAddress): number {
  return address.family === 4 ? 32 : 128;
}

function parseV4(text: string): bigint | undefined {
  // Leading zeros are refused: the C library reads them as octal.
  const parts = /^(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})$/.exec(text);
  if (parts === null) return undefined;
  let value = 0n;
  for (const part of parts.slice(1)) {
    if (Number(part) > 255) return undefined;
    value = (value << 8n) | BigInt(part);
  }
  return value;
}

function parseV6(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2 || text.length > 45) return undefined;
  const isShortened = halves.length === 2;
  const head = parseGroups(halves[0] ?? "", !isShortened);
  const tail = parseGroups(halves[1] ?? "", true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  // `::` stands for at least one group (RFC 4291, 2.2).
  if (isShortened ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => 0n), ...tail];
  return groups.reduce((value, group) => (value << 16n) | group, 0n);
}

/** Sixteen-bit groups of one side of `::`; the last may be an IPv4 address when it ends the whole text. */
function parseGroups(text: string, endsAddress: boolean): bigint[] | undefined {
  if (text === "") return [];
  const groups: bigint[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(BigInt(`0x${part}`));
      continue;
    }
    const v4 = endsAddress && index === parts.length - 1 ? parseV4(part) : undefined;
    if (v4 === undefined) return undefined;
    groups.push(v4 >> 16n, v4 & 0xffffn);
  }
  return groups;
}

function formatV4(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join(".");
}

function formatV6(value: bigint): string {
  if (value >> 32n === 0xffffn) return `::ffff:${formatV4(value & 0xffff_ffffn)}`;
  const groups = Array.from({ length: 8 }, (_, index) => (value >> BigInt(112 - 16 * index)) & 0xffffn);
  const { start, length } = longestZeroRun(groups);
  const text = (part: readonly bigint[]) => part.map((group) => group.toString(16)).join(":");
  if (length < 2) return text(groups);
  return `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

/** The first of the longest runs of zero groups (RFC 5952, 4.2.3). */
function longestZeroRun(groups: readonly bigint[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== 0n) start = index + 1;
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start };
  }
  return best;
}
