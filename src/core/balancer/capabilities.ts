/**
 * What each engine can do, in the words that config errors, the page of engines and the contract suite share. An engine
 * that lacks what a config needs is refused where the need stands, and the engines that can are named. Pure data and
 * two functions, so that the config's own area may use it too.
 */

import type { BalancerConfig, EngineName, PoolConfig, RateLimitConfig, SiteConfig } from "../config/balancer.ts";

/** One thing that a config may ask for or an operator rely on. */
interface CapabilityRow {
  readonly name: string;
  /** What it is, as a sentence. */
  readonly title: string;
  /** Engines that can. */
  readonly engines: readonly EngineName[];
  /** How each does it, or why it cannot. */
  readonly haproxy: string;
  readonly nginx: string;
}

export const ENGINES: readonly EngineName[] = ["haproxy", "nginx"];

const BOTH = ENGINES;
const HAPROXY = ["haproxy"] as const;
const NGINX = ["nginx"] as const;

/** In the order of the page. */
export const CAPABILITIES = [
  {
    name: "host-routing",
    title: "Sites by name; 404 for names that no site of the port has.",
    engines: BOTH,
    haproxy: "maps of names",
    nginx: "`server_name`, and a default server",
  },
  {
    name: "wildcard-names",
    title: "`*.example.com`: every name below, of any depth.",
    engines: BOTH,
    haproxy: "maps of endings",
    nginx: "`server_name *.example.com`",
  },
  {
    name: "catch-all",
    title: "A site for all names that no other has.",
    engines: BOTH,
    haproxy: "`default_backend`",
    nginx: "`default_server`",
  },
  {
    name: "absent-address",
    title: "Listens on VIPs that are not here now.",
    engines: BOTH,
    haproxy: "`bind … transparent`",
    nginx: "`ip_nonlocal_bind` for both families while it runs, put back afterwards",
  },
  {
    name: "tls",
    title: "TLS with a certificate for each name (SNI), and new certificates without a lost connection.",
    engines: BOTH,
    haproxy: "`crt-list`",
    nginx: "`ssl_certificate`",
  },
  { name: "http2", title: "HTTP/2.", engines: BOTH, haproxy: "`alpn h2,http/1.1`", nginx: "`listen … http2`" },
  {
    name: "path-rules",
    title: "Pools by path: exact, by folder, by ending.",
    engines: BOTH,
    haproxy: "`use_backend … if`",
    nginx: "`location`",
  },
  {
    name: "redirects",
    title: "Redirects by path, to https and to one name.",
    engines: BOTH,
    haproxy: "`http-request redirect`",
    nginx: "`return`",
  },
  {
    name: "header-rules",
    title: "Sets and removes headers of requests and answers.",
    engines: BOTH,
    haproxy: "`set-header`, `del-header`",
    nginx: "`proxy_set_header`, `proxy_hide_header`, `add_header`",
  },
  {
    name: "server-header",
    title: "Sets or removes the headers Server and Date of answers.",
    engines: HAPROXY,
    haproxy: "`http-response set-header`",
    nginx: "it always writes Server and Date itself",
  },
  {
    name: "forwarded-headers",
    title: "Tells members about the visitor: X-Forwarded-For, X-Real-IP, X-Forwarded-Proto, Forwarded.",
    engines: BOTH,
    haproxy:
      "`http-request set-header`; other headers that begin with `X-Forwarded-`, their spellings with `_`, and `Proxy` are dropped",
    nginx:
      "`proxy_set_header`; X-Forwarded-Host, -Port, -Server, -Ssl, -Prefix, all names with `_`, and `Proxy` are dropped",
  },
  {
    name: "trusted-proxies",
    title: "Believes forwarded headers of listed networks only.",
    engines: BOTH,
    haproxy: "`http-request set-src`",
    nginx: "`set_real_ip_from`",
  },
  {
    name: "body-limit",
    title: "413 for bodies above a limit.",
    engines: BOTH,
    haproxy:
      "by `Content-Length`; a body without a length is refused with 411 where a limit is set, whatever the method",
    nginx: "`client_max_body_size`, whatever the length says",
  },
  {
    name: "timeouts",
    title: "Timeouts for visitors, connections, members and upgraded connections.",
    engines: BOTH,
    haproxy: "`timeout …`, `http-request set-timeout`",
    nginx: "`proxy_…_timeout`, `send_timeout`, `keepalive_timeout`",
  },
  {
    name: "client-timeout-apart",
    title: "Visitors' timeouts that differ between sites that share a port.",
    engines: NGINX,
    haproxy: "its timeout for visitors belongs to a port, not to a site",
    nginx: "its timeouts for visitors belong to a site",
  },
  {
    name: "error-pages",
    title: "Own pages for errors that the engine answers.",
    engines: BOTH,
    haproxy: "`errorfile`",
    nginx: "`error_page`",
  },
  {
    name: "error-pages-apart",
    title: "Error pages that differ between sites that share a port or a pool.",
    engines: NGINX,
    haproxy: "its error pages belong to a port and to a pool, not to a site",
    nginx: "`error_page` belongs to a site",
  },
  {
    name: "static-files",
    title: "Files from a folder, with fallback to the pool.",
    engines: NGINX,
    haproxy: "it serves no files",
    nginx: "`root`, `error_page 404 = @fallback`",
  },
  {
    name: "compression",
    title: "Compresses answers by media type.",
    engines: BOTH,
    haproxy: "`compression algo gzip`",
    nginx: "`gzip`",
  },
  {
    name: "compression-apart",
    title: "Compression that differs between sites that share a pool.",
    engines: NGINX,
    haproxy: "it compresses the answers of a pool, whatever the site",
    nginx: "`gzip` belongs to a site",
  },
  {
    name: "compression-min-size",
    title: "Leaves small answers uncompressed.",
    engines: NGINX,
    haproxy: "version 2.6 knows no least size",
    nginx: "`gzip_min_length`",
  },
  {
    name: "rate-limit",
    title: "429 for addresses that ask too often.",
    engines: BOTH,
    haproxy: "a stick table counts requests within the period",
    nginx: "`limit_req`",
  },
  {
    name: "rate-limit-any",
    title: "Rates that are no whole number of requests in a second or in a minute.",
    engines: HAPROXY,
    haproxy: "any period",
    nginx: "`limit_req` takes whole requests per second or per minute",
  },
  {
    name: "access-log",
    title: "Logs requests to syslog, the visitor's address first.",
    engines: BOTH,
    haproxy: "`log`",
    nginx: "`access_log syslog:`",
  },
  {
    name: "access-log-file",
    title: "Logs requests to a file.",
    engines: NGINX,
    haproxy: "it writes no files while it runs; syslog does",
    nginx: "`access_log`",
  },
  {
    name: "quiet-checks",
    title: "Does not log cluster nodes' requests for the check's path.",
    engines: BOTH,
    haproxy: "`http-request set-log-level silent`",
    nginx: "`access_log … if=`",
  },
  {
    name: "stats-page",
    title: "A page with figures of every member, with its own path and login.",
    engines: HAPROXY,
    haproxy: "`stats uri`, `stats auth`",
    nginx: "its own page tells connections only, without members",
  },
  {
    name: "websocket",
    title: "WebSockets; no other protocol is passed on.",
    engines: BOTH,
    haproxy: "`timeout tunnel`",
    nginx: "`proxy_set_header Upgrade`",
  },
  {
    name: "round-robin",
    title: "Visitors to members in turn.",
    engines: BOTH,
    haproxy: "`balance roundrobin`",
    nginx: "by default",
  },
  {
    name: "least-connections",
    title: "Visitors to the member with the fewest connections.",
    engines: BOTH,
    haproxy: "`balance leastconn`",
    nginx: "`least_conn`",
  },
  {
    name: "source-balance",
    title: "Visitors to members by their address, by consistent hashing.",
    engines: BOTH,
    haproxy: "`balance source`, `hash-type consistent`",
    nginx: "`hash $remote_addr consistent`",
  },
  {
    name: "uri-balance",
    title: "Visitors to members by the requested path, by consistent hashing.",
    engines: BOTH,
    haproxy: "`balance uri`, `hash-type consistent`",
    nginx: "`hash $uri consistent`",
  },
  {
    name: "weights",
    title: "Shares by weight.",
    engines: BOTH,
    haproxy: "`weight`",
    nginx: "`weight`",
  },
  {
    name: "backup",
    title: "Members that serve only while no other is up.",
    engines: BOTH,
    haproxy: "`backup`",
    nginx: "`backup`",
  },
  {
    name: "backup-with-hash",
    title: "Backup members in a pool that is balanced by source or uri.",
    engines: HAPROXY,
    haproxy: "`backup`",
    nginx: "its `hash` knows no backup members",
  },
  {
    name: "connection-limit",
    title: "A limit of connections to a member.",
    engines: BOTH,
    haproxy: "`maxconn`; what is above waits",
    nginx: "`max_conns`; what is above goes to other members, or is answered 502",
  },
  {
    name: "queue",
    title: "A queue of its own length before a member with a limit.",
    engines: HAPROXY,
    haproxy: "`maxqueue`, `timeout queue`",
    nginx: "only its commercial edition has a queue",
  },
  {
    name: "retries",
    title: "Further attempts after a failed connection, the last ones to other members.",
    engines: BOTH,
    haproxy: "`retries`, `option redispatch`",
    nginx: "`proxy_next_upstream`, at once to another member",
  },
  {
    name: "slow-start",
    title: "A member that came back gets its share little by little.",
    engines: HAPROXY,
    haproxy: "`slowstart`",
    nginx: "only its commercial edition has a slow start",
  },
  {
    name: "sticky-cookie",
    title: "Visitors stay with a member by a cookie of the engine.",
    engines: HAPROXY,
    haproxy: "`cookie NAME insert indirect nocache`",
    nginx: "only its commercial edition sets such a cookie",
  },
  {
    name: "sticky-app-cookie",
    title: "Visitors stay with a member by the application's own cookie.",
    engines: HAPROXY,
    haproxy: "`cookie NAME prefix`",
    nginx: "it cannot mark a cookie with the member",
  },
  {
    name: "sticky-source",
    title: "Visitors stay with a member by their address, the same from every node.",
    engines: BOTH,
    haproxy: "`balance source`, `hash-type consistent`",
    nginx: "`hash $remote_addr consistent`",
  },
  {
    name: "checks",
    title: "Checks of members by connection or request.",
    engines: BOTH,
    haproxy: "its own, each node for itself",
    nginx: "the daemon checks, and tells the engine by one reload for all changes",
  },
  {
    name: "check-text",
    title: "Checks that look for a text in the answer.",
    engines: BOTH,
    haproxy: "`http-check expect string`",
    nginx: "the daemon looks",
  },
  {
    name: "check-port",
    title: "Checks on another port.",
    engines: BOTH,
    haproxy: "`check port`",
    nginx: "the daemon asks there",
  },
  {
    name: "panic",
    title: "Serves all members when too many fail their checks at once.",
    engines: BOTH,
    haproxy: "a second backend with the same members and no checks",
    nginx: "the daemon leaves all members in",
  },
  {
    name: "runtime-drain",
    title: "Drains members: requests under way end, new visitors go elsewhere.",
    engines: BOTH,
    haproxy: "over its socket, without a reload; visitors with a cookie stay",
    nginx: "by one reload",
  },
  {
    name: "runtime-weight",
    title: "Changes weights while it runs.",
    engines: BOTH,
    haproxy: "over its socket, without a reload",
    nginx: "by one reload",
  },
  {
    name: "hitless-reload",
    title: "Takes a new config over without losing a connection.",
    engines: BOTH,
    haproxy: "listening sockets are handed to the new workers",
    nginx: "new workers inherit the listening sockets",
  },
  {
    name: "nginx-buffers",
    title: "Sizes of nginx' buffers.",
    engines: NGINX,
    haproxy: "these buffers are nginx' own",
    nginx: "`client_body_buffer_size`, `proxy_buffers` and others",
  },
] as const satisfies readonly CapabilityRow[];

/** The word for a capability. */
export type Capability = (typeof CAPABILITIES)[number]["name"];

/** Something that a config asks of its engine, and where: the path below `balancer` in the cluster file. */
export interface Need {
  readonly capability: Capability;
  readonly path: readonly string[];
  /** What exactly, when the place alone does not say it. */
  readonly what?: string;
}

const BY_NAME: ReadonlyMap<string, CapabilityRow> = new Map(CAPABILITIES.map((row) => [row.name, row]));

/** The row of a word. */
export function capabilityOf(name: Capability): CapabilityRow {
  const row = BY_NAME.get(name);
  if (row === undefined) throw new Error(`no capability has the name ${name}`);
  return row;
}

/** Everything that a config asks for and that not every engine can, in the file's order. */
export function specialNeeds(config: BalancerConfig): Need[] {
  const needs: Need[] = [];
  const need: Tell = (capability, path, what) => needs.push({ capability, path, ...(what !== undefined && { what }) });
  if (config.accessLog.kind === "file") need("access-log-file", ["access-log", "file"]);
  if (config.stats !== undefined) need("stats-page", ["stats"]);
  if (config.nginx !== undefined) need("nginx-buffers", ["nginx"]);
  for (const site of config.sites) siteNeeds(site, need);
  neighbourNeeds(config, need);
  for (const pool of config.pools) poolNeeds(pool, need);
  return needs;
}

/** Those that the config's own engine cannot fulfil. */
export function lackingNeeds(config: BalancerConfig): Need[] {
  return specialNeeds(config).filter(({ capability }) => !capabilityOf(capability).engines.includes(config.engine));
}

type Tell = (capability: Capability, path: Need["path"], what?: string) => void;

function siteNeeds(site: SiteConfig, need: Tell): void {
  const path = ["sites", site.name];
  if (site.static !== undefined) need("static-files", [...path, "static"]);
  if (site.compression !== undefined && site.compression.minBytes > 0)
    need("compression-min-size", [...path, "compression", "min-size"]);
  const { rateLimit } = site;
  if (rateLimit !== undefined && nginxRate(rateLimit) === undefined)
    need("rate-limit-any", [...path, "rate-limit"], `${rateLimit.requests} in ${rateLimit.periodMs}ms`);
  for (const { name } of site.responseHeaders) {
    if (["server", "date"].includes(name.toLowerCase())) need("server-header", [...path, "response-headers", name]);
  }
}

/** A limit in nginx' own units, or undefined when it has none for it. */
export function nginxRate(limit: RateLimitConfig): { readonly count: number; readonly per: "s" | "m" } | undefined {
  const perSecond = (limit.requests * 1_000) / limit.periodMs;
  if (Number.isInteger(perSecond)) return { count: perSecond, per: "s" };
  const perMinute = (limit.requests * 60_000) / limit.periodMs;
  return Number.isInteger(perMinute) ? { count: perMinute, per: "m" } : undefined;
}

function poolNeeds(pool: PoolConfig, need: Tell): void {
  const path = ["pools", pool.name];
  if (pool.sticky?.kind === "cookie") need("sticky-cookie", [...path, "sticky"]);
  if (pool.sticky?.kind === "app-cookie") need("sticky-app-cookie", [...path, "sticky"]);
  if (pool.slowStartMs > 0) need("slow-start", [...path, "slow-start"]);
  if (pool.maxQueue !== undefined) need("queue", [...path, "max-queue"]);
  const isHashed = pool.sticky?.kind === "source" || pool.balance === "source" || pool.balance === "uri";
  if (!isHashed) return;
  for (const member of pool.members)
    if (member.backup) need("backup-with-hash", [...path, "members", member.name, "backup"]);
}

/** Settings that an engine may keep for a port or a pool, where sites that share one disagree. */
function neighbourNeeds(config: BalancerConfig, need: Tell): void {
  const firstAt = new Map<string, SiteConfig>();
  for (const site of config.sites) {
    const path = ["sites", site.name];
    const ports = site.listen.flatMap(({ addresses, port }) => addresses.map((address) => `${address} ${port}`));
    const pools = poolsOf(site).map((pool) => `pool ${pool}`);
    const first = (keys: readonly string[], differs: (other: SiteConfig) => boolean) =>
      keys.map((key) => firstAt.get(key)).find((other) => other !== undefined && differs(other));
    const client = site.timeouts.clientMs;
    const slower = first(ports, (other) => other.timeouts.clientMs !== client);
    if (slower !== undefined)
      need(
        "client-timeout-apart",
        [...path, "timeouts", "client"],
        `${client}ms, and ${slower.timeouts.clientMs}ms in ${slower.name}`,
      );
    const pages = pagesText(site);
    const other = first([...ports, ...pools], (candidate) => pagesText(candidate) !== pages);
    if (other !== undefined) need("error-pages-apart", [...path, "error-pages"], `they differ from ${other.name}`);
    const types = typesText(site);
    const unlike = first(pools, (candidate) => typesText(candidate) !== types);
    if (unlike !== undefined) need("compression-apart", [...path, "compression"], `it differs from ${unlike.name}`);
    for (const key of [...ports, ...pools]) if (!firstAt.has(key)) firstAt.set(key, site);
  }
}

function typesText({ compression }: SiteConfig): string {
  return [...(compression?.types ?? [])].sort().join("\n");
}

function poolsOf(site: SiteConfig): readonly string[] {
  return [site.pool, ...site.paths.map(({ pool }) => pool)];
}

function pagesText(site: SiteConfig): string {
  return site.errorPages.map(({ status, path }) => `${status} ${path}`).join("\n");
}
