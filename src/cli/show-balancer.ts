/** The nodes' engines and the pools in short: the part of `status` about the balancer, and the head of `pools`. */

import type { BalancerSummary, BalancerView } from "../api/balancer.ts";
import type { ClusterStatus } from "../api/types.ts";
import { harmless, heading, paint, table } from "./terminal.ts";

/** Parts of `status`; none without a balancer. */
export function showBalancer(status: ClusterStatus): string[] {
  const nodes = status.nodes.map(({ node, balancer }) => ({ node, view: balancer }));
  const views = nodes.flatMap(({ view }) => (view === undefined ? [] : [view]));
  if (views.length === 0) return [];
  const suspected = [...new Set(views.flatMap((view) => view.pools.filter((one) => one.servingAll)).map(poolName))];
  const lines = suspected.map((pool) => {
    const on = views.filter((view) => view.pools.some((one) => one.pool === pool && one.servingAll));
    return suspicionLine(
      pool,
      on.map(({ node }) => node),
    );
  });
  return [showEngines(nodes), ...lines, showPoolsInShort(views)].filter((part) => part !== "");
}

function poolName({ pool }: { readonly pool: string }): string {
  return pool;
}

/** `3 sessions`, `1 session`. */
export function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? "" : "s"}`;
}

/** `srv1`, `srv1 and srv2`, `srv1, srv2 and srv3`. */
export function list(words: readonly string[]): string {
  const safe = words.map(harmless);
  return safe.length < 2 ? safe.join("") : `${safe.slice(0, -1).join(", ")} and ${safe.at(-1) ?? ""}`;
}

/** A row for every node's engine; several configs at once are worth a look. */
export function showEngines(
  nodes: readonly { readonly node: string; readonly view: Omit<BalancerView, "pools"> | undefined }[],
): string {
  const hashes = new Set(nodes.flatMap(({ view }) => (view === undefined ? [] : [view.configHash])));
  const rows = nodes.map(({ node, view }) =>
    view === undefined ? [harmless(node), "", paint("red", "no answer")] : engineRow(view, hashes.size > 1),
  );
  const titles = ["BALANCER", "ENGINE", "STATE", "REQUESTS/S", "CONNECTIONS", "RELOADS", "OLD WORKERS", "CONFIG"];
  return table([heading(...titles), ...rows]);
}

function engineRow(view: Omit<BalancerView, "pools">, configsDiffer: boolean): string[] {
  const style = view.state === "running" ? "green" : view.state === "starting" ? "yellow" : "red";
  const hash = harmless(view.configHash.slice(0, 8));
  return [
    harmless(view.node),
    harmless(`${view.engine} ${upstream(view.version ?? "")}`.trimEnd()),
    paint(style, view.state),
    String(Math.round(view.requestsPerSecond)),
    String(view.connections),
    String(view.reloads),
    String(view.oldWorkers),
    configsDiffer ? paint("yellow", hash) : hash,
  ];
}

/** Without what a distribution adds to it. */
function upstream(version: string): string {
  return /^[^-+~]*/.exec(version)?.[0] ?? version;
}

/** A pool whose checks are suspected, loudly. */
export function suspicionLine(pool: string, nodes: readonly string[]): string {
  const words = ` SUSPECTED  ${harmless(pool)}: too many members failed at once on ${list(nodes)}, so every member serves, whatever its check says `;
  return paint(["bold", "inverse", "red"], words);
}

type Counts = BalancerSummary["pools"][number];

function showPoolsInShort(views: readonly BalancerSummary[]): string {
  const names = [...new Set(views.flatMap(({ pools }) => pools.map(poolName)))];
  if (names.length === 0) return "";
  const rows = names.map((name) => poolRow(name, views));
  const most = Math.max(...views.map(({ poolCount }) => poolCount));
  const rest = most > names.length ? [[paint("dim", `and ${most - names.length} more: \`understudy pools\``)]] : [];
  return `${table([heading("POOL", "SESSIONS", "MEMBERS"), ...rows])}${rest.length > 0 ? `\n${rest.join("")}` : ""}`;
}

function poolRow(name: string, views: readonly BalancerSummary[]): string[] {
  const seen = views.flatMap((view) =>
    view.pools.filter(({ pool }) => pool === name).map((counts) => ({ node: view.node, counts })),
  );
  const sessions = seen.reduce((sum, { counts }) => sum + counts.sessions, 0);
  const words = new Map<string, string[]>();
  for (const { node, counts } of seen) {
    const text = countsText(counts);
    words.set(text, [...(words.get(text) ?? []), node]);
  }
  const opinions = [...words];
  const members =
    opinions.length === 1
      ? (opinions[0]?.[0] ?? "")
      : opinions.map(([text, nodes]) => `${list(nodes)}: ${text}`).join(paint("yellow", " · "));
  return [harmless(name), String(sessions), members];
}

function countsText({ members, up, draining, down }: Counts): string {
  const unknown = members - up - draining - down;
  const parts = [
    paint(up === members ? "green" : up === 0 ? "red" : "yellow", `${up} of ${members} up`),
    ...(draining > 0 ? [paint("yellow", `${draining} draining`)] : []),
    ...(down > 0 ? [paint("red", `${down} down`)] : []),
    ...(unknown > 0 ? [paint("dim", `${unknown} unknown`)] : []),
  ];
  return parts.join(", ");
}
