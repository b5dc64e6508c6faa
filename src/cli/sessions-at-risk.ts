/**
 * Which visitors a change of the balancer could harm, as sentences. Everything else is safe by construction: present
 * connections stay on the engine's old worker, new ones are accepted by the new one. Pure.
 */

import type { BalancerConfig, MemberConfig, PoolConfig, SiteConfig } from "../core/config/balancer.ts";
import { formatDuration } from "../core/config/duration.ts";
import type { FoldedPool } from "./fold-pools.ts";
import { count, list } from "./show-balancer.ts";

/** How the change would come into effect. */
export type ChangeBy = "nothing" | "runtime" | "reload" | "restart";

/** What is known of the traffic now; undefined without a daemon. */
export interface Traffic {
  readonly pools: readonly FoldedPool[];
  /** Of clients, all nodes. */
  readonly connections: number;
}

/** Items of a sentence that are written out. */
const WRITTEN = 8;

export interface RiskyChange {
  readonly before: BalancerConfig | undefined;
  readonly after: BalancerConfig | undefined;
  readonly by: ChangeBy;
  readonly traffic: Traffic | undefined;
}

/** The gravest first; empty when nobody can notice. */
export function sessionsAtRisk({ before, after, by, traffic }: RiskyChange): string[] {
  if (before === undefined) return [];
  if (after === undefined)
    return [
      `${before.engine} ends: nobody answers for ${some(before.sites.map(({ name }) => name))}${openNow(traffic)}`,
    ];
  const engine =
    before.engine === after.engine
      ? []
      : [`${before.engine} ends and ${after.engine} begins: every connection through it is cut${openNow(traffic)}`];
  return [
    ...engine,
    ...goneSites(before, after),
    ...changedPools(before, after, traffic),
    ...(engine.length === 0 && (by === "reload" || by === "restart") ? [oldWorkers(after, traffic)] : []),
  ];
}

function openNow(traffic: Traffic | undefined): string {
  return traffic === undefined ? "" : ` (${count(traffic.connections, "connection")} now)`;
}

function some(words: readonly string[]): string {
  if (words.length <= WRITTEN) return list(words);
  return `${words.slice(0, WRITTEN).join(", ")} and ${words.length - WRITTEN} more`;
}

function oldWorkers({ oldWorkersMs }: BalancerConfig, traffic: Traffic | undefined): string {
  return `connections that are open at the reload${openNow(traffic)} go on for at most ${formatDuration(oldWorkersMs)} (balancer.old-workers); what lasts longer then, such as a WebSocket, is cut`;
}

function goneSites(before: BalancerConfig, after: BalancerConfig): string[] {
  const answered = new Set(after.sites.flatMap(namesOf));
  const names = before.sites.flatMap(namesOf).filter((name) => !answered.has(name));
  const places = new Set(after.sites.flatMap(placesOf));
  const closed = [...new Set(before.sites.flatMap(placesOf))].filter((place) => !places.has(place));
  return [
    ...(names.length > 0 ? [`no site answers ${some(names)} any more: 404, or the site for all other names`] : []),
    ...(closed.length > 0 ? [`nobody listens on ${some(closed)} any more: connections there are refused`] : []),
  ];
}

function namesOf({ names, wildcards, catchesAll }: SiteConfig): string[] {
  return [...names, ...wildcards, ...(catchesAll ? ["*"] : [])];
}

function placesOf({ listen }: SiteConfig): string[] {
  return listen.flatMap(({ addresses, port }) =>
    addresses.map((address) => (address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`)),
  );
}

function changedPools(before: BalancerConfig, after: BalancerConfig, traffic: Traffic | undefined): string[] {
  return before.pools.flatMap((old) => {
    const now = after.pools.find(({ name }) => name === old.name);
    if (now === undefined) return [];
    const sticky = stickiness(old, now);
    return [...goneMembers(old, now, traffic), ...(sticky === undefined ? [] : [sticky])];
  });
}

/** Members that are away or somewhere else, with what they serve now. */
function goneMembers(old: PoolConfig, now: PoolConfig, traffic: Traffic | undefined): string[] {
  const gone = old.members.filter((member) => !now.members.some((other) => isSamePlace(member, other)));
  if (gone.length === 0) return [];
  const names = some(gone.map(({ name }) => `${old.name}/${name}`));
  const folded = traffic?.pools.find(({ pool }) => pool === old.name)?.members ?? [];
  const sessions = folded
    .filter(({ member }) => gone.some(({ name }) => name === member))
    .reduce((sum, member) => sum + member.sessions + member.queued, 0);
  const busy = traffic === undefined ? "" : ` (${count(sessions, "session")} now)`;
  const back = old.sticky === undefined ? "" : "; visitors who would come back there are sent elsewhere";
  return [
    `${names}: present requests${busy} finish there${back}. \`understudy drain --wait\` before lets visitors finish`,
  ];
}

function isSamePlace(a: MemberConfig, b: MemberConfig): boolean {
  return a.name === b.name && a.address === b.address && a.port === b.port;
}

/** Undefined: visitors come back to where they were. */
function stickiness(old: PoolConfig, now: PoolConfig): string | undefined {
  if (old.sticky === undefined) return undefined;
  const lose = `visitors of ${old.name} lose the member that they came back to`;
  if (now.sticky === undefined) return `${lose}: the pool is not sticky any more`;
  if (old.sticky.kind !== now.sticky.kind) return `${lose}: how it is sticky changes`;
  if ("name" in old.sticky && "name" in now.sticky && old.sticky.name !== now.sticky.name)
    return `${lose}: the cookie has another name`;
  const renamed = old.members.filter((member) =>
    now.members.some((other) => other.name === member.name && other.cookie !== member.cookie),
  );
  if (old.sticky.kind !== "source" && renamed.length > 0)
    return `visitors of ${some(renamed.map(({ name }) => `${old.name}/${name}`))} lose it: the cookie says another word for it`;
  const [before, after] = [old.members, now.members].map((members) =>
    members
      .map(({ name }) => name)
      .sort()
      .join(),
  );
  if (old.sticky.kind === "source" && before !== after)
    return `a share of the visitors of ${old.name} goes to another member: which one is computed from the list of members`;
  return undefined;
}
