/** Addresses between their text and their bytes. */

import { isIPv4, isIPv6 } from "node:net";

/** The bytes of an IPv4 or IPv6 address; throws when the text is neither. */
export function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split(".").map(Number));
  if (!isIPv6(address)) throw new Error(`"${address}" is not an IP address`);
  const bytes = Buffer.alloc(16);
  const plain = address.replace(/%.*$/, "").replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) => {
    const half = (high: string, low: string): string => ((Number(high) << 8) | Number(low)).toString(16);
    return `${half(a, b)}:${half(c, d)}`;
  });
  const [head = "", tail] = plain.split("::");
  const words = (part: string): number[] =>
    part === "" ? [] : part.split(":").map((word) => Number.parseInt(word, 16));
  words(head).forEach((word, i) => bytes.writeUInt16BE(word, i * 2));
  const last = words(tail ?? "");
  last.forEach((word, i) => bytes.writeUInt16BE(word, 16 - 2 * (last.length - i)));
  return bytes;
}

/** The text of 4 or 16 bytes, IPv6 in the canonical form of RFC 5952. */
export function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join(".");
  const words = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2));
  const gap = longestZeros(words);
  const hex = (part: readonly number[]): string => part.map((word) => word.toString(16)).join(":");
  if (gap.length < 2) return hex(words);
  return `${hex(words.slice(0, gap.start))}::${hex(words.slice(gap.start + gap.length))}`;
}

function longestZeros(words: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  words.forEach((word, i) => {
    if (word !== 0) start = i + 1;
    else if (i + 1 - start > best.length) best = { start, length: i + 1 - start };
  });
  return best;
}

/** The one text of an address that all its spellings share. */
export function canonicalAddress(address: string): string {
  return addressText(addressBytes(address));
}

/** `aa:bb:cc:dd:ee:ff` of six bytes. */
export function macText(bytes: Buffer): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** The six bytes of `aa:bb:cc:dd:ee:ff`. */
export function macBytes(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(":", ""), "hex");
}
