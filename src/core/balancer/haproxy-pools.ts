/**
 * Pools as backends. A pool with checks is there twice: as `POOL` with checks, and as `POOL:all` with the same members
 * and cookies but without, which serves when the checks left nobody or cannot be believed. So a wrong check never empties
 * a pool, and the checks go on meanwhile and tell when it is over.
 *
 * A request is only ever sent again when that cannot do something twice: when no connection came about, or when the
 * connection ended without an answer and the method may be repeated by its definition (RFC 9110, 9.2.2).
 */

import type { BalancerConfig, MemberConfig, PoolConfig, SiteConfig, StickyConfig } from "../config/balancer.ts";
import { checkLines, checkWords } from "./haproxy-checks.ts";
import { poolsOf, rule, siteTerm, sitesBy, type RenderedFiles } from "./haproxy-front.ts";
import { fallbackName, RING } from "./haproxy-names.ts";
import { endpoint, section, time, word } from "./haproxy-words.ts";
import type { FileFinder } from "./needed-files.ts";
import { memberId, type MemberWant } from "./wanted.ts";

/** What backends are made from. */
export interface PoolRoom {
  readonly config: BalancerConfig;
  /** By `POOL/MEMBER`. */
  readonly wants: ReadonlyMap<string, MemberWant>;
  readonly needed: FileFinder;
  readonly files: RenderedFiles;
}

/** All backends of the config's pools. */
export function poolSections(room: PoolRoom): readonly string[] {
  const users = new Map<string, SiteConfig[]>();
  for (const site of room.config.sites)
    for (const pool of poolsOf(site)) {
      const known = users.get(pool);
      if (known === undefined) users.set(pool, [site]);
      else known.push(site);
    }
  return room.config.pools.flatMap((pool) => {
    const common = commonLines(room, pool, users.get(pool.name) ?? []);
    const checked = section(`backend ${pool.name}`, [
      ...common,
      ...(pool.check === undefined ? [] : checkLines(pool.check)),
      ...defaultServer(pool, pool.check !== undefined),
      ...serverLines(room, pool),
    ]);
    if (pool.check === undefined) return [checked];
    const all = section(`backend ${fallbackName(pool.name)}`, [
      ...common,
      ...defaultServer(pool, false),
      ...serverLines(room, pool),
    ]);
    return [checked, all];
  });
}

function commonLines(room: PoolRoom, pool: PoolConfig, users: readonly SiteConfig[]): readonly string[] {
  return [
    `log ring@${RING} local0 notice`,
    ...balanceLines(pool),
    ...cookieLines(pool.sticky),
    ...retryLines(pool),
    "option allbackups",
    ...timeoutLines(room, pool, users),
    ...compressionLines(users),
    ...errorPageLines(room.needed, users, (status) => status >= 500),
  ];
}

/** Whether the member is chosen by a hash. */
function isHashed({ balance, sticky }: PoolConfig): boolean {
  return sticky?.kind === "source" || balance === "source" || balance === "uri";
}

function balanceLines(pool: PoolConfig): readonly string[] {
  const { balance, sticky } = pool;
  const algorithm = sticky?.kind === "source" ? "source" : balance;
  // Without the avalanche, neighbouring addresses would all come to the same member.
  return isHashed(pool) ? [`balance ${algorithm}`, "hash-type consistent sdbm avalanche"] : [`balance ${algorithm}`];
}

function cookieLines(sticky: StickyConfig | undefined): readonly string[] {
  if (sticky?.kind === "cookie") {
    const flags = [...(sticky.httpOnly ? ["httponly"] : []), ...(sticky.secure ? ["secure"] : [])];
    return [["cookie", word(sticky.name), "insert indirect nocache", ...flags].join(" ")];
  }
  return sticky?.kind === "app-cookie" ? [`cookie ${word(sticky.name)} prefix`] : [];
}

/** Methods that may be repeated. */
const REPEATABLE = "{ method GET HEAD OPTIONS TRACE PUT DELETE }";

function retryLines({ retries, redispatch, sticky }: PoolConfig): readonly string[] {
  const lines = [`retries ${retries}`];
  // A visitor with a session waits for the member that has it until the last attempt; others go to the next at once.
  if (redispatch && retries > 0) lines.push(sticky === undefined ? "option redispatch 1" : "option redispatch");
  if (retries > 0)
    lines.push("retry-on conn-failure empty-response", `http-request disable-l7-retry unless ${REPEATABLE}`);
  return lines;
}

function timeoutLines(room: PoolRoom, { timeouts }: PoolConfig, users: readonly SiteConfig[]): readonly string[] {
  const { connectMs, queueMs } = timeouts;
  return [
    `timeout connect ${time(connectMs)}`,
    `timeout queue ${time(queueMs)}`,
    ...siteTimeout(room, users, { name: "server", ms: timeouts.serverMs, of: (site) => site.timeouts.serverMs }),
    ...siteTimeout(room, users, { name: "tunnel", ms: timeouts.tunnelMs, of: (site) => site.timeouts.tunnelMs }),
  ];
}

interface SiteTimeout {
  readonly name: "server" | "tunnel";
  /** The pool's. */
  readonly ms: number;
  readonly of: (site: SiteConfig) => number | undefined;
}

/** The pool's timeout, with those of sites that want another; as one line when all of them want the same. */
function siteTimeout(room: PoolRoom, users: readonly SiteConfig[], { name, ms, of }: SiteTimeout): readonly string[] {
  const groups = sitesBy(users, (site) => of(site) ?? ms);
  const [first] = groups;
  if (groups.length === 1 && first !== undefined) return [`timeout ${name} ${time(first.value)}`];
  return [
    `timeout ${name} ${time(ms)}`,
    ...groups
      .filter(({ value }) => value !== ms)
      .map(({ value, sites }) =>
        rule(`http-request set-timeout ${name} ${time(value)}`, [
          [siteTerm(room.files, { all: room.config.sites, sites })],
        ]),
      ),
  ];
}

function compressionLines(users: readonly SiteConfig[]): readonly string[] {
  const wishes = users.flatMap(({ compression }) => (compression === undefined ? [] : [compression]));
  if (wishes.length === 0 || wishes.length < users.length) return [];
  const types = [...new Set(wishes.flatMap(({ types }) => types))];
  return ["compression algo gzip", ...types.map((type) => `compression type ${word(type)}`)];
}

/** `errorfile` lines for the pages of these sites; those who share a place agree. */
export function errorPageLines(
  needed: FileFinder,
  sites: readonly SiteConfig[],
  mayHappen: (status: number) => boolean = () => true,
): readonly string[] {
  const pages = new Map<number, string>();
  for (const site of sites)
    for (const { status, path } of site.errorPages)
      if (mayHappen(status) && !pages.has(status)) pages.set(status, needed.errorPage(status, path));
  return [...pages].sort(([a], [b]) => a - b).map(([status, path]) => `errorfile ${status} ${word(path)}`);
}

/** Probes on a silent connection begin after this, and then come every second. */
const KEEPALIVE_IDLE_S = 3;
/**
 * Data that nobody takes for so long are for a machine that is gone; requests that may be repeated then go elsewhere.
 * Shorter would also end uploads to a member that is only busy.
 */
const UNACKNOWLEDGED_MS = 10_000;

function unacknowledgedMs({ timeouts }: PoolConfig): number {
  return Math.min(UNACKNOWLEDGED_MS, timeouts.serverMs / 2);
}

function defaultServer(pool: PoolConfig, isChecked: boolean): readonly string[] {
  const words = pool.maxQueue === undefined ? [] : [`maxqueue ${pool.maxQueue}`];
  if (isChecked && pool.check !== undefined) {
    words.push(...checkWords(pool.check));
    if (pool.slowStartMs > 0) words.push(`slowstart ${time(pool.slowStartMs)}`);
  }
  return words.length === 0 ? [] : [`default-server ${words.join(" ")}`];
}

/** Finds a machine that is gone while a member thinks. How many probes may be lost is said by tcp-ut's time (tcp(7)). */
export const KEEPALIVE_LINES: readonly string[] = [
  "option srvtcpka",
  `srvtcpka-idle ${KEEPALIVE_IDLE_S}s`,
  "srvtcpka-intvl 1s",
];

function serverLines({ wants }: PoolRoom, pool: PoolConfig): readonly string[] {
  const ids = isHashed(pool) ? serverIds(pool.members) : undefined;
  // HAProxy 2.6 takes tcp-ut on the line of a server only, and forgets that of default-server without a word.
  const usual = `tcp-ut ${time(unacknowledgedMs(pool))}`;
  const hasCookie = pool.sticky?.kind === "cookie" || pool.sticky?.kind === "app-cookie";
  return pool.members.map((member) => {
    const want = wants.get(memberId({ pool: pool.name, member: member.name }));
    const weight = want?.drain === undefined ? (want?.weight ?? member.weight) : 0;
    const words = [`server ${member.name} ${endpoint(member.address, member.port)} weight ${weight}`, usual];
    const id = ids?.get(member.name);
    if (id !== undefined) words.push(`id ${id}`);
    if (hasCookie) words.push(`cookie ${word(member.cookie)}`);
    if (member.maxConnections !== undefined) words.push(`maxconn ${member.maxConnections}`);
    if (member.backup) words.push("backup");
    return words.join(" ");
  });
}

const MAX_SERVER_ID = 2_147_483_647;

/**
 * Consistent hashing places a server by its id, which HAProxy counts by lines: without the members' first in line, all
 * behind it would move. So ids are made from names.
 */
function serverIds(members: readonly MemberConfig[]): ReadonlyMap<string, number> {
  const taken = new Set<number>();
  const ids = new Map<string, number>();
  for (const { name } of members) {
    let id = (hash(name) % MAX_SERVER_ID) + 1;
    while (taken.has(id)) id = (id % MAX_SERVER_ID) + 1;
    taken.add(id);
    ids.set(name, id);
  }
  return ids;
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x81_1c_9d_c5;
  for (let index = 0; index < text.length; index++)
    value = Math.imul(value ^ text.charCodeAt(index), 0x01_00_01_93) >>> 0;
  return value;
}
