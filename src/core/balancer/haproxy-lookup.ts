/**
 * Path rules of very many sites. HAProxy asks one rule after the other, 0.2 µs each, and with a thousand sites that have
 * some rules each a request would spend a millisecond there. So the rules get numbers in their order, and a request finds
 * the number of its own by a few look-ups in indexed maps, whatever their count.
 *
 * That the first rule that fits decides becomes "the longest" in such maps, once the rules are left out that an earlier
 * one covers. Only an ending (`*.php`) and a place (`/api`, `=/x`) can still both fit; then the lower number decides.
 */

import type { PathMatch } from "../config/balancer.ts";
import { fileStem, type Front } from "./haproxy-front.ts";
import { word } from "./haproxy-words.ts";

/** Rules of one site, the first that fits decides. */
export interface SiteRules<T> {
  readonly site: string;
  readonly rules: readonly { readonly match: PathMatch; readonly value: T }[];
}

export interface Lookup<T> {
  /** Lines that set the variable to the number of the request's rule, where one fits. */
  readonly lines: readonly string[];
  readonly numbered: readonly { readonly number: number; readonly value: T }[];
}

/** More rules than these are looked up. */
export const MAX_RULES_IN_LINE = 40;

interface Numbered {
  readonly match: PathMatch;
  readonly number: number;
}

/** Stands where a place must not be found. */
const NOBODY = 999_999_999;

/** Makes the look-ups for `txn.NAME`; `what` names the files. */
export function lookUp<T>(
  front: Front,
  name: string,
  { what, sites }: { what: string; sites: readonly SiteRules<T>[] },
): Lookup<T> {
  const numbered: { number: number; value: T }[] = [];
  const exact: string[] = [];
  const below: string[] = [];
  const endings: { site: string; rules: readonly Numbered[] }[] = [];
  for (const { site, rules } of sites) {
    const kept: Numbered[] = [];
    for (const { match, value } of rules) {
      if (kept.some((earlier) => covers(earlier.match, match))) continue;
      const number = numbered.length + 1;
      numbered.push({ number, value });
      kept.push({ match, number });
    }
    exact.push(...exactEntries(site, kept));
    below.push(...belowEntries(site, kept));
    const own = kept.filter(({ match }) => match.kind === "suffix");
    if (own.length > 0) endings.push({ site, rules: own });
  }
  const stem = `maps/${fileStem(front)}-${what}`;
  const { files } = front;
  const lines = [
    "http-request set-var(txn.path) path",
    "http-request set-var(txn.place) var(txn.site),concat(,txn.path)",
    `http-request set-var(txn.${name}) var(txn.place),map_str_int(${files.add(`${stem}-exact.map`, exact)})`,
    `http-request set-var(txn.${name}) var(txn.place),concat(/),map_beg_int(${files.add(`${stem}-below.map`, below)}) unless { var(txn.${name}) -m found }`,
    ...endingLines(front, name, { stem, endings }),
  ];
  return { lines, numbered };
}

/** Does the earlier rule fit every path that the later one fits? */
function covers(earlier: PathMatch, later: PathMatch): boolean {
  if (earlier.kind === "prefix" && later.kind === "suffix") return earlier.text === "/";
  if (later.kind === "suffix") return earlier.kind === "suffix" && later.text.endsWith(earlier.text);
  if (later.kind === "prefix") return earlier.kind === "prefix" && fits(earlier, later.text);
  return fits(earlier, later.text);
}

function fits({ kind, text }: PathMatch, path: string): boolean {
  if (kind === "exact") return path === text;
  if (kind === "suffix") return path.toLowerCase().endsWith(text);
  return path === text || path.startsWith(text.endsWith("/") ? text : `${text}/`);
}

function exactEntries(site: string, rules: readonly Numbered[]): readonly string[] {
  const entries = rules
    .filter(({ match }) => match.kind === "exact")
    .map(({ match, number }) => `${site}${match.text} ${number}`);
  const taken = new Set(rules.flatMap(({ match }) => (match.kind === "exact" ? [match.text] : [])));
  // `/x/` fits no `/x`, though it would be found for it with a slash behind.
  for (const { match } of rules) {
    const bare = match.text.replace(/\/$/, "");
    if (match.kind !== "prefix" || bare === match.text || bare === "" || taken.has(bare)) continue;
    taken.add(bare);
    entries.push(`${site}${bare} ${longest(rules, bare)?.number ?? NOBODY}`);
  }
  return entries;
}

function belowEntries(site: string, rules: readonly Numbered[]): readonly string[] {
  const entries = new Map<string, number>();
  for (const { match, number } of rules) {
    if (match.kind !== "prefix") continue;
    const folder = match.text.endsWith("/") ? match.text : `${match.text}/`;
    if (!entries.has(folder)) entries.set(folder, number);
  }
  return [...entries].map(([folder, number]) => `${site}${folder} ${number}`);
}

/** The prefix rule that decides about a path. */
function longest(rules: readonly Numbered[], path: string): Numbered | undefined {
  return rules
    .filter(({ match }) => match.kind === "prefix" && fits(match, path))
    .sort((a, b) => b.match.text.length - a.match.text.length)[0];
}

interface Endings {
  readonly stem: string;
  readonly endings: readonly { readonly site: string; readonly rules: readonly Numbered[] }[];
}

function endingLines(front: Front, name: string, { stem, endings }: Endings): readonly string[] {
  const all = [...new Set(endings.flatMap(({ rules }) => rules.map(({ match }) => match.text)))];
  if (all.length === 0) return [];
  // The longest that fits is set last; sites that have only a shorter one find it under the longer, too.
  const entries = endings.flatMap(({ site, rules }) =>
    all.flatMap((text) => {
      const rule = rules
        .filter(({ match }) => text.endsWith(match.text))
        .sort((a, b) => b.match.text.length - a.match.text.length)[0];
      return rule === undefined ? [] : [`${site}${text} ${rule.number}`];
    }),
  );
  const map = front.files.add(`${stem}-endings.map`, entries);
  const other = `txn.${name}_ending`;
  return [
    "http-request unset-var(txn.ending)",
    ...all
      .toSorted((a, b) => a.length - b.length)
      .map(
        (text) => `http-request set-var(txn.ending) str(${endingWord(text)}) if { path -m end -i -- ${word(text)} }`,
      ),
    `http-request set-var(${other}) var(txn.site),concat(,txn.ending),map_str_int(${map}) if { var(txn.ending) -m found }`,
    `http-request set-var(txn.${name}) var(${other}) if { var(${other}) -m found } !{ var(txn.${name}) -m found } or { var(${other}),sub(txn.${name}) lt 0 }`,
  ];
}

/** Inside parentheses, a comma or a parenthesis needs quotes that the line leaves in place. */
function endingWord(text: string): string {
  return /^[A-Za-z0-9._/~!&+=:@-]+$/.test(text) ? text : `'"${text}"'`;
}
