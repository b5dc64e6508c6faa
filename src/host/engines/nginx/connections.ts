/**
 * Connections to members, counted in the kernel's tables, because open-source nginx does not tell. To a member in
 * service these are requests under way and idle connections that are kept for the next; to one that was taken out the
 * idle ones are closed at once, so what is counted is what is still under way.
 */

import { readFileSync } from "node:fs";

/** `10.0.0.11 8000` → how many. */
export type ConnectionCounts = ReadonlyMap<string, number>;

const ESTABLISHED = "01";

/** The key of an address and port in the counts; IPv6 addresses in their canonical form. */
export function connectionKey(address: string, port: number): string {
  return `${address} ${port}`;
}

/** Counts connections of this machine to the given places. */
export function countConnections(
  places: readonly { readonly address: string; readonly port: number }[],
): ConnectionCounts {
  const wanted = new Map(places.map(({ address, port }) => [hexadecimal(address, port), connectionKey(address, port)]));
  const counts = new Map<string, number>();
  for (const table of ["/proc/self/net/tcp", "/proc/self/net/tcp6"]) {
    for (const place of remotePlaces(readTable(table))) {
      const key = wanted.get(place);
      if (key !== undefined) counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  return counts;
}

function readTable(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return ""; // a kernel without this family
  }
}

/** Remote ends of established connections, as the kernel writes them. */
export function* remotePlaces(table: string): Generator<string> {
  for (const line of table.split("\n")) {
    const [, , remote, state] = line.trim().split(/\s+/, 4);
    if (remote !== undefined && state === ESTABLISHED) yield remote;
  }
}

/** As the kernel's tables write it: words of four bytes in the machine's order, which is little-endian where we run. */
export function hexadecimal(address: string, port: number): string {
  const bytes = address.includes(":") ? bytesOfSix(address) : address.split(".").map(Number);
  let text = "";
  for (let word = 0; word < bytes.length; word += 4) {
    for (const byte of bytes.slice(word, word + 4).reverse()) text += byte.toString(16).padStart(2, "0");
  }
  return `${text}:${port.toString(16).padStart(4, "0")}`.toUpperCase();
}

function bytesOfSix(address: string): number[] {
  const [head = "", tail] = address.split("::");
  const groups = (text: string): number[] =>
    text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
  const before = groups(head);
  const after = groups(tail ?? "");
  const all = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
  return all.flatMap((group) => [group >> 8, group & 0xff]);
}
