/**
 * One text for one meaning: two files that differ in comments, quoting or the order of their settings give the
 * same text here, and so the same hash on every node. Lists keep their order, because it means something.
 */

import { assert } from "../base/assert.ts";
import type { ClusterConfig } from "./cluster.ts";

/**
 * The config as JSON with sorted keys and without undefined members. Hash its UTF-8 bytes to compare configs. The
 * balancer is left out: it changes while nodes run, and nodes that differ in it still agree about who holds what.
 */
export function canonicalText(config: ClusterConfig): string {
  const { balancer: _, ...rest } = config;
  return canonicalJson({ ...rest, groups: byName(config.groups), monitors: byName(config.monitors) });
}

/** Groups and monitors are a mapping in the file: their order means nothing. */
function byName<T extends { readonly name: string }>(items: readonly T[]): T[] {
  return [...items].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Plain data as JSON with sorted keys and without undefined members; lists keep their order. So do the balancer's
 * sites, because the first one's certificate is for visitors who name no site, and its pools and members, because
 * engines may number them.
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) {
    assert(
      value === null || ["string", "boolean"].includes(typeof value) || Number.isFinite(value),
      "a config holds plain data only",
    );
    return JSON.stringify(value);
  }
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.join(",")}}`;
}
