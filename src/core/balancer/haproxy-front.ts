/**
 * What the rules of one frontend are made with: conditions about the request's site and path, and files that hold what
 * would be too long or too slow as a line. Every rule that does not count for all sites of a listener asks first for
 * the site, a word that was looked up once, so a thousand sites cost a request little.
 */

import { assert } from "../base/assert.ts";
import type { BalancerConfig, PathMatch, SiteConfig } from "../config/balancer.ts";
import { word } from "./haproxy-words.ts";
import type { Listener } from "./listeners.ts";
import type { FileFinder } from "./needed-files.ts";

/** A frontend while its rules are written. */
export interface Front {
  /** `http:80`. */
  readonly name: string;
  readonly listener: Listener;
  readonly config: BalancerConfig;
  /** Whether `txn.site` holds the name of the request's site; without it there is only one. */
  readonly hasSiteVariable: boolean;
  readonly files: RenderedFiles;
  readonly needed: FileFinder;
}

/** Terms that must all hold. */
export type All = readonly string[];
/** At least one of these must hold; none means: always. */
export type Condition = readonly All[];

export const ALWAYS: Condition = [[]];

/** More words than these make a line hard to read, and near the 64 that HAProxy takes. */
const MAX_INLINE = 20;

/** Files beside the config, by path. */
export class RenderedFiles {
  private readonly files = new Map<string, string>();
  private readonly lists = new Map<string, string>();

  add(path: string, lines: readonly string[]): string {
    assert(!this.files.has(path), `${path} is rendered once`);
    this.files.set(path, lines.map((line) => `${line}\n`).join(""));
    return path;
  }

  /** A file with these lines; the same lines again are the same file. */
  list(lines: readonly string[]): string {
    const content = lines.join("\n");
    const known = this.lists.get(content);
    if (known !== undefined) return known;
    const path = this.add(`lists/${this.lists.size + 1}.list`, lines);
    this.lists.set(content, path);
    return path;
  }

  all(): readonly { readonly path: string; readonly content: string }[] {
    return [...this.files].map(([path, content]) => ({ path, content }));
  }
}

/** The frontend's name as part of a file's. */
export function fileStem(front: Front): string {
  return front.name.replaceAll(":", "-");
}

/** Words as patterns of a condition: on the line, or in a file when there are many. */
export function patterns(files: RenderedFiles, words: readonly string[]): string {
  if (words.length > MAX_INLINE) return `-f ${files.list(words)}`;
  return `-- ${words.map(word).join(" ")}`;
}

/** That the request is for one of these sites; `ALWAYS` when that are all of the listener. */
export function siteIs(front: Front, sites: readonly SiteConfig[]): Condition {
  const all = front.listener.sites;
  if (sites.length === all.length) return ALWAYS;
  return [[siteTerm(front.files, { all, sites })]];
}

/** The same as one term, where `txn.site` is set whatever the frontend. */
export function siteTerm(
  files: RenderedFiles,
  { all, sites }: { readonly all: readonly SiteConfig[]; readonly sites: readonly SiteConfig[] },
): string {
  const some = new Set(sites);
  const others = all.filter((site) => !some.has(site));
  const isShorter = others.length < sites.length;
  const names = (isShorter ? others : sites).map(({ name }) => name);
  return `${isShorter ? "!" : ""}{ var(txn.site) -m str ${patterns(files, names)} }`;
}

/** That the path fits. */
export function pathFits(match: PathMatch): Condition {
  const { kind, text } = match;
  if (kind === "exact") return [[`{ path -m str -- ${word(text)} }`]];
  if (kind === "suffix") return [[`{ path -m end -i -- ${word(text)} }`]];
  if (text === "/") return ALWAYS;
  if (text.endsWith("/")) return [[`{ path -m beg -- ${word(text)} }`]];
  // `/api` fits itself and what is below it: with a slash behind, both begin with `/api/`.
  return [[`{ path,concat(/) -m beg -- ${word(`${text}/`)} }`]];
}

/** Both conditions. */
export function both(a: Condition, b: Condition): Condition {
  return a.flatMap((one) => b.map((other) => [...one, ...other]));
}

/** An action under a condition, as a line. */
export function rule(action: string, condition: Condition = ALWAYS): string {
  if (condition.some((all) => all.length === 0)) return action;
  return `${action} if ${condition.map((all) => all.join(" ")).join(" or ")}`;
}

/** Sites with the same value of something, in order; those without it are left out. */
export function sitesBy<T>(
  sites: readonly SiteConfig[],
  valueOf: (site: SiteConfig) => T | undefined,
): readonly { readonly value: T; readonly sites: readonly SiteConfig[] }[] {
  const groups = new Map<string, { value: T; sites: SiteConfig[] }>();
  for (const site of sites) {
    const value = valueOf(site);
    if (value === undefined) continue;
    const key = JSON.stringify(value);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { value, sites: [site] });
    else group.sites.push(site);
  }
  return [...groups.values()];
}

/** Names of all pools that requests of the site can go to. */
export function poolsOf(site: SiteConfig): readonly string[] {
  return [...new Set([site.pool, ...site.paths.map(({ pool }) => pool)])];
}
