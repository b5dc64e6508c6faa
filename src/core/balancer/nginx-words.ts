/**
 * nginx' syntax: words, directives and blocks. A word that is not plain is written between double quotes, where only
 * the quote and the backslash need care. Nothing of nginx can write a dollar sign (it always begins a variable), which is
 * why config values have none; words with variables of ours are written by hand.
 */

import { assert } from "../base/assert.ts";

/** Characters that are themselves in an unquoted word. `~`, `=` and `@` mean something to some directives only. */
const PLAIN = /^[A-Za-z0-9_./:,=@~^*+&!?-]+$/;

/** nginx reads its config through a buffer that a word must fit into. */
const MAX_WORD_LENGTH = 4_000;

/** A fixed text as one word. */
export function word(text: string): string {
  assert(!text.includes("$"), `no dollar sign stands in a config of nginx: ${JSON.stringify(text)}`);
  return quote(text);
}

/** A text in which variables of ours may stand, as one word. */
export function quote(text: string): string {
  assert(!/\p{Cc}/u.test(text), `no control character stands in a config: ${JSON.stringify(text)}`);
  assert(text.length <= MAX_WORD_LENGTH, `a word of nginx' config is short: ${text.slice(0, 40)}…`);
  if (PLAIN.test(text)) return text;
  return `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
}

/** A fixed text within a regular expression; to be quoted with the whole of it. */
export function escapePattern(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** A duration; nginx counts milliseconds in 31 bits. */
export function time(milliseconds: number): string {
  const value = Math.min(Math.max(0, Math.round(milliseconds)), 2_147_483_000);
  return value % 1_000 === 0 ? `${value / 1_000}s` : `${value}ms`;
}

/** A size in bytes, in the largest unit without a fraction. */
export function size(bytes: number): string {
  if (bytes % 1_048_576 === 0) return `${bytes / 1_048_576}m`;
  return bytes % 1_024 === 0 ? `${bytes / 1_024}k` : String(bytes);
}

/** Address and port; IPv6 in brackets. */
export function endpoint(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** A block with its lines indented. */
export function block(heading: string, lines: readonly string[]): readonly string[] {
  return [`${heading} {`, ...lines.map((line) => (line === "" ? "" : `    ${line}`)), "}"];
}

/** A table from one variable to another; later lines win only where the first word is the same kind. */
export function map(
  from: string,
  to: string,
  entries: readonly (readonly [key: string, value: string])[],
): readonly string[] {
  return block(
    `map ${quote(from)} ${to}`,
    entries.map(([key, value]) => `${key} ${value};`),
  );
}
