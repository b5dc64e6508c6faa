/**
 * The balancer of a cluster file as a short table: which names go where, who answers, and how soon a dead member gets
 * nothing any more. An operator sees at a glance whether the file says what was meant.
 */

import type { BalancerConfig, CheckConfig, MemberConfig, PathMatch, PoolConfig, SiteConfig } from "./balancer.ts";
import { formatDuration } from "./duration.ts";

/** Sites, and pools, that are listed; the rest is counted. */
const LISTED = 20;
/** Names of a site and members of a pool that are written out. */
const WRITTEN = 6;
const EVERY: Readonly<Record<string, string>> = { "0.0.0.0": "every IPv4 address", "::": "every IPv6 address" };

/** Several lines without a trailing newline. */
export function balancerText(config: BalancerConfig): string {
  const { engine, sites, pools } = config;
  const siteRows = sites.slice(0, LISTED).map((site) => [namesOf(site), listensOf(site), goalsOf(site)]);
  const poolRows = pools.slice(0, LISTED).flatMap((pool) => [
    [pool.name, membersOf(pool)],
    ["", [pool.balance, ...stickyOf(pool), checkOf(pool)].join(", ")],
  ]);
  return [
    `Balancer: ${engine} on every node. Sites:`,
    ...aligned(siteRows),
    ...rest(sites.length, "site"),
    "Pools:",
    ...aligned(poolRows),
    ...rest(pools.length, "pool"),
  ].join("\n");
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  return rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd());
}

function rest(count: number, word: string): string[] {
  const more = count - LISTED;
  return more > 0 ? [`  and ${more} more ${word}${more === 1 ? "" : "s"}`] : [];
}

function some(words: readonly string[]): string {
  return words.length <= WRITTEN
    ? words.join(", ")
    : `${words.slice(0, WRITTEN - 1).join(", ")} and ${words.length - WRITTEN + 1} more`;
}

function namesOf({ name, names, wildcards, catchesAll }: SiteConfig): string {
  const all = [...names, ...wildcards, ...(catchesAll ? ["every other name"] : [])];
  return all.length === 0 ? name : some(all);
}

/** `http 80, https 443 on 192.0.2.10`: ports that share their addresses are told together. */
function listensOf({ listen }: SiteConfig): string {
  const places = new Map<string, string[]>();
  for (const { addresses, port, tls } of listen) {
    const where = some(addresses.map((address) => EVERY[address] ?? address));
    places.set(where, [...(places.get(where) ?? []), `${tls ? "https" : "http"} ${port}`]);
  }
  return [...places].map(([where, ports]) => `${some(ports)} on ${where}`).join("; ");
}

function goalsOf(site: SiteConfig): string {
  const others = [
    ...site.paths.map(({ match, pool }) => `${matchText(match)} ${pool}`),
    ...(site.static === undefined ? [] : ["files of its own"]),
    ...(site.redirectToHttps === undefined ? [] : ["http to https"]),
    ...(site.redirectToName === undefined ? [] : [`all names to ${site.redirectToName.name}`]),
    ...(site.redirects.length === 0
      ? []
      : [`${site.redirects.length} redirect${site.redirects.length === 1 ? "" : "s"}`]),
  ];
  return `-> ${site.pool}${others.length === 0 ? "" : ` (${some(others)})`}`;
}

/** As the file writes it. */
function matchText({ kind, text }: PathMatch): string {
  switch (kind) {
    case "exact":
      return `=${text}`;
    case "prefix":
      return text;
    case "suffix":
      return `*${text}`;
  }
}

function membersOf({ members }: PoolConfig): string {
  return some(members.map((member) => memberText(member, members)));
}

/** Weight is told where it differs between members. */
function memberText(member: MemberConfig, all: readonly MemberConfig[]): string {
  const { name, address, port, weight, backup } = member;
  const place = address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
  const notes = [
    ...(all.some((other) => other.weight !== weight) ? [`weight ${weight}`] : []),
    ...(backup ? ["backup"] : []),
  ];
  return `${name} ${place}${notes.length === 0 ? "" : ` (${notes.join(", ")})`}`;
}

function stickyOf({ sticky }: PoolConfig): string[] {
  if (sticky === undefined) return [];
  switch (sticky.kind) {
    case "cookie":
      return [`cookie ${sticky.name}`];
    case "app-cookie":
      return [`the application's cookie ${sticky.name}`];
    case "source":
      return ["by the visitor's address"];
  }
}

function checkOf({ check }: PoolConfig): string {
  if (check === undefined) return "no check: a dead member is noticed only by visitors' requests";
  const { probe, everyMs, fall, rise, port } = check;
  const what = probe.kind === "tcp" ? "a connection" : `${probe.method} ${probe.path}`;
  const where = port === undefined ? "" : ` on port ${port}`;
  return `${what}${where} every ${formatDuration(everyMs)}: down within ${formatDuration(downWithin(check))} (${fall} failures), up again within ${formatDuration(everyMs * rise)} (${rise} successes)`;
}

/** It dies right after a check, and each check fails as late as it may. */
function downWithin({ everyMs, timeoutMs, fall }: CheckConfig): number {
  return everyMs * fall + Math.max(0, timeoutMs);
}
