/**
 * HAProxy's syntax: one function for each layer that a text passes through. A config line is cut into words, where
 * quotes and backslashes mean something; some words are formats, where `%` means something; a few hold arguments in
 * parentheses, which we fill with words of our own only, so that nothing of a cluster file needs a third layer.
 */

import { assert } from "../base/assert.ts";

/** Characters that are themselves in an unquoted word. */
const PLAIN = /^[A-Za-z0-9_.:/@,;=+*%~!?&|^<>()-]+$/;

/** Any text as one word of a config line. Control characters have no place in a line. */
export function word(text: string): string {
  assert(!/\p{Cc}/u.test(text), `no control character stands in a config: ${JSON.stringify(text)}`);
  if (PLAIN.test(text)) return text;
  // Nothing is interpreted between single quotes, so only they themselves need care.
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A fixed text as a format: what it says is what comes out. Still to be made a word. */
export function literal(text: string): string {
  return text.replaceAll("%", "%%");
}

/** A duration as HAProxy reads it; its clock of milliseconds has 31 bits. */
export function time(milliseconds: number): string {
  const most = 2_147_483_000;
  const value = Math.min(Math.max(1, Math.round(milliseconds)), most);
  return value % 1_000 === 0 ? `${value / 1_000}s` : `${value}ms`;
}

/** Address and port; IPv6 in brackets. */
export function endpoint(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** A section of a config: its heading and its lines, indented. */
export function section(heading: string, lines: readonly string[]): string {
  return [heading, ...lines.map((line) => `    ${line}`), ""].join("\n");
}
