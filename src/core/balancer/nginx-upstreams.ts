/**
 * Pools as upstreams. nginx has no checks of its own: who is drained, weighs nothing or was found down by our checks
 * stands as `down`, and one reload says it. A pool is never emptied that way: when no healthy member is left, all
 * serve that the operator left in.
 */

import type { MemberConfig, PoolConfig } from "../config/balancer.ts";
import { block, endpoint, time } from "./nginx-words.ts";
import { memberId, type MemberWant } from "./wanted.ts";

/** Idle connections to members that a worker keeps. */
const KEPT_CONNECTIONS = 64;
/** Web servers close idle connections after 5 s by default (Apache, Node): who closes first loses no request. */
const KEPT_MS = 4_000;

/** Names of upstreams: nginx knows no upper and lower case in them, so a second of a kind gets a number. */
export function upstreamNames(pools: readonly PoolConfig[]): ReadonlyMap<string, string> {
  const taken = new Set<string>();
  const names = new Map<string, string>();
  pools.forEach(({ name }, index) => {
    const lower = name.toLowerCase();
    // No pool's name begins like this.
    names.set(name, taken.has(lower) ? `_${index + 1}.${name}` : name);
    taken.add(lower);
  });
  return names;
}

/** One upstream. */
export function upstream(
  name: string,
  pool: PoolConfig,
  state: { readonly wants: ReadonlyMap<string, MemberWant>; readonly servesAll: boolean },
): readonly string[] {
  const serving = servingMembers(pool, state);
  const allBackup = pool.members.every(({ backup }) => backup);
  const servers = pool.members.map((member) => {
    const want = state.wants.get(memberId({ pool: pool.name, member: member.name }));
    return server(member, {
      weight: want?.weight ?? member.weight,
      isDown: !serving.has(member.name),
      // Without a first row there would be nothing to stand in for.
      backup: member.backup && !allBackup,
    });
  });
  return block(`upstream ${name}`, [
    `zone ${name} ${zoneKilobytes(pool.members.length)}k;`,
    ...balance(pool),
    ...servers,
    `keepalive ${KEPT_CONNECTIONS};`,
    `keepalive_timeout ${time(KEPT_MS)};`,
  ]);
}

/** Members that get requests; empty only when operators took all of them out. */
function servingMembers(
  pool: PoolConfig,
  { wants, servesAll }: { readonly wants: ReadonlyMap<string, MemberWant>; readonly servesAll: boolean },
): ReadonlySet<string> {
  const wantOf = (member: MemberConfig): MemberWant | undefined =>
    wants.get(memberId({ pool: pool.name, member: member.name }));
  const left = pool.members.filter((member) => {
    const want = wantOf(member);
    return want === undefined || (want.drain === undefined && want.weight > 0);
  });
  const healthy = left.filter((member) => servesAll || wantOf(member)?.isUp !== false);
  return new Set((healthy.length > 0 ? healthy : left).map(({ name }) => name));
}

function server(
  member: MemberConfig,
  state: { readonly weight: number; readonly isDown: boolean; readonly backup: boolean },
): string {
  const words = [`server ${endpoint(member.address, member.port)}`];
  if (state.weight > 1) words.push(`weight=${state.weight}`);
  if (member.maxConnections !== undefined) words.push(`max_conns=${member.maxConnections}`);
  // nginx would take members out by the failures of visitors' requests, all of a pool too; only checks decide here.
  words.push("max_fails=0");
  if (state.backup) words.push("backup");
  if (state.isDown) words.push("down");
  return `${words.join(" ")};`;
}

function balance(pool: PoolConfig): readonly string[] {
  // The real client's address: behind trusted proxies it is taken from their header.
  if (pool.sticky?.kind === "source" || pool.balance === "source") return ["hash $remote_addr consistent;"];
  if (pool.balance === "uri") return ["hash $uri consistent;"];
  return pool.balance === "leastconn" ? ["least_conn;"] : [];
}

/** The part of memory that workers share: a page or two, and about a kilobyte for each member. */
function zoneKilobytes(members: number): number {
  return 64 * Math.ceil((32 + 2 * members) / 64);
}
