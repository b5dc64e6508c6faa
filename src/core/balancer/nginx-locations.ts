/**
 * A site's paths. nginx prefers exact locations to patterns and patterns to prefixes, whatever their order, while here
 * the first rule that fits decides. So rules are patterns in their order; an exact one is an exact location when no
 * earlier rule fits its path, and is left out otherwise: it could never decide.
 */

import type { BalancerConfig, PathMatch, PoolConfig, RedirectConfig, SiteConfig } from "../config/balancer.ts";
import { siteLog } from "./nginx-log.ts";
import { block, escapePattern, map, quote, time, word } from "./nginx-words.ts";

/** What the locations of a site are made of. */
export interface SiteView {
  readonly site: SiteConfig;
  readonly config: BalancerConfig;
  readonly pools: ReadonlyMap<string, PoolConfig>;
  readonly upstreams: ReadonlyMap<string, string>;
  readonly directory: string;
  /** `if=…` of the access log. */
  readonly ifWord: string;
  /** While this file is there, connections are closed after their answer. */
  readonly closingFile: string;
}

/** What a location fits; several endings with one answer are one pattern. */
type Match = PathMatch | { readonly kind: "suffixes"; readonly texts: readonly string[] };

interface Rule {
  readonly match: Match;
  readonly lines: readonly string[];
}

/** All locations of a site. */
export function locations(view: SiteView): readonly string[] {
  const { site } = view;
  const { match = [] } = site.static ?? {};
  const rules: readonly Rule[] = [
    ...site.redirects.map((redirect) => ({ match: redirect.match, lines: redirectLines(redirect) })),
    ...joinSuffixes(match).map((one) => ({ match: one, lines: staticLines(view, one) })),
    ...site.paths.map((path) => ({ match: path.match, lines: pathLines(view, path.pool) })),
  ];
  const rest = isAllStatic(site) ? wholeTreeLines(view, site.pool) : poolLines(view, site.pool);
  return [...ruleLocations(rules), ...block("location /", rest), ...namedLocations(view)];
}

/** For the http block, where a site has a tree: paths that are never served from one. */
export const HIDDEN_LINES: readonly string[] = [
  ...map("$uri", "$is_hidden", [
    ["default", '""'],
    // What begins with a dot is for tools (.git, .env, .htpasswd); but not what is well known (RFC 8615).
    [quote("~/\\.(?!well-known(?:/|\\z))"), "1"],
  ]),
  ...map("$uri", "$is_source", [
    ["default", "$is_hidden"],
    [quote("~*(?:\\.(?:php[0-9]?|phtml|phps|phar|py|rb|pl|cgi|jsp|aspx?|inc|sql|bak|orig|swp)|~)\\z"), "1"],
  ]),
];

/** Whether every request is looked up in the tree. */
function isAllStatic(site: SiteConfig): boolean {
  return site.static !== undefined && site.static.match.length === 0;
}

function hasSuffixesOnly(site: SiteConfig): boolean {
  return !isAllStatic(site) && site.static?.match.every(({ kind }) => kind === "suffix") === true;
}

function pathLines(view: SiteView, pool: string): readonly string[] {
  const isLookedUp = isAllStatic(view.site) && view.site.static?.fallback === true;
  return isLookedUp ? wholeTreeLines(view, pool) : poolLines(view, pool);
}

function ruleLocations(rules: readonly Rule[]): readonly string[] {
  return rules.flatMap(({ match, lines }, index) => {
    if (match.kind !== "exact") return block(`location ${pattern(match)}`, lines);
    const isDecided = rules.slice(0, index).some((earlier) => fits(earlier.match, match.text));
    return isDecided ? [] : block(`location = ${word(match.text)}`, lines);
  });
}

function joinSuffixes(matches: readonly PathMatch[]): readonly Match[] {
  const texts = matches.filter(({ kind }) => kind === "suffix").map(({ text }) => text);
  const others = matches.filter(({ kind }) => kind !== "suffix");
  return texts.length === 0 ? others : [...others, { kind: "suffixes", texts }];
}

/** The same answer as the cluster file's own reading of rules. */
function fits(match: Match, path: string): boolean {
  switch (match.kind) {
    case "suffixes":
      return match.texts.some((text) => path.toLowerCase().endsWith(text.toLowerCase()));
    case "exact":
      return path === match.text;
    case "suffix":
      return path.toLowerCase().endsWith(match.text.toLowerCase());
    case "prefix":
      return path === match.text || path.startsWith(match.text.endsWith("/") ? match.text : `${match.text}/`);
  }
}

function pattern(match: Match): string {
  // `$` would also fit before a line's end, and a path may hold one in its encoded form.
  if (match.kind === "suffixes") return `~* ${quote(`(?:${match.texts.map(escapePattern).join("|")})\\z`)}`;
  const { kind, text } = match;
  if (kind === "suffix") return `~* ${quote(`${escapePattern(text)}\\z`)}`;
  return `~ ${quote(text.endsWith("/") ? `^${escapePattern(text)}` : `^${escapePattern(text)}(?:/|\\z)`)}`;
}

/**
 * Proxies to a pool. Two kinds of requests go a way of their own: upgraded connections, because they may be silent
 * longer; and all requests shortly before a reload, whose connections are closed with their answer. Old workers close
 * idle connections without a word, and a request that is just on its way would be lost with them; so fewer are idle.
 */
function poolLines(view: SiteView, pool: string): readonly string[] {
  return [
    ...(isTunnelApart(view, pool) ? wayLines("$connection_wish", tunnelName(view, pool)) : []),
    ...wayLines(closing(view), closingName(view, pool)),
    ...proxyLines(view, pool, "requests"),
  ];
}

/** `error_page 418` of the server leads on to the named location. */
function wayLines(condition: string, name: string): readonly string[] {
  return [`if (${condition}) {`, `    set $way ${name};`, "    return 418;", "}"];
}

function closing({ closingFile }: SiteView): string {
  return `-f ${word(closingFile)}`;
}

function proxyLines(view: SiteView, pool: string, use: "requests" | "tunnel"): readonly string[] {
  const config = poolOf(view, pool);
  const { connectMs } = config.timeouts;
  const serverMs = serverTimeout(view, pool);
  const silenceMs = use === "tunnel" ? tunnelTimeout(view, pool) : serverMs;
  return [
    `proxy_pass http://${upstreamOf(view, pool)};`,
    `proxy_connect_timeout ${time(connectMs)};`,
    `proxy_send_timeout ${time(silenceMs)};`,
    `proxy_read_timeout ${time(silenceMs)};`,
    ...retryLines(config, serverMs),
  ];
}

/**
 * A member that was silent for the whole of its time may be dead, so another is asked, but only one: a page that is slow
 * everywhere would be made by all of them. Requests that change something (POST, PATCH, LOCK) are never sent twice.
 */
function retryLines({ retries, redispatch, timeouts }: PoolConfig, serverMs: number): readonly string[] {
  if (retries === 0 || !redispatch) return ["proxy_next_upstream off;"];
  const limitMs = Math.max(timeouts.connectMs * retries + 1, 1.5 * serverMs);
  return [
    "proxy_next_upstream error timeout;",
    `proxy_next_upstream_tries ${retries + 1};`,
    `proxy_next_upstream_timeout ${time(limitMs)};`,
  ];
}

function treeLines({ site, config, directory, ifWord }: SiteView): readonly string[] {
  if (site.static === undefined) return [];
  const { root, expiresMs, accessLog } = site.static;
  return [
    "open_file_cache off;",
    `root ${word(root)};`,
    ...(expiresMs === undefined ? [] : [`expires ${Math.round(expiresMs / 1_000)}s;`]),
    ...(accessLog === undefined
      ? []
      : siteLog(config.accessLog, { directory, ifWord, isLogged: site.accessLog, own: accessLog })),
  ];
}

/** For a location that all kinds of paths come to: sources of programs are not for visitors, and who runs them may be a member. */
function wholeTreeLines(view: SiteView, pool: string): readonly string[] {
  const { fallback = false } = view.site.static ?? {};
  const hidden = fallback
    ? wayLines("$is_source", fallbackName(view, pool))
    : ["if ($is_source) {", "    return 404;", "}"];
  if (!fallback) return [...hidden, ...treeLines(view), "index index.html;"];
  return [...hidden, ...closingLines(view), ...treeLines(view), `try_files $uri ${fallbackName(view, pool)};`];
}

function closingLines(view: SiteView): readonly string[] {
  return view.site.paths.length === 0 ? wayLines(closing(view), CLOSING_FILES) : [];
}

/** For what a rule of the tree fits. */
function staticLines(view: SiteView, match: Match): readonly string[] {
  const { site } = view;
  const fallback = site.static?.fallback === true;
  const shared = treeLines(view);
  if (match.kind === "exact") {
    // Nothing can stand within an exact location, and nothing needs to: the one path is known.
    const pool = site.paths.find((path) => fits(path.match, match.text))?.pool ?? site.pool;
    return fallback ? [...shared, `try_files $uri ${fallbackName(view, pool)};`] : [...shared, "index index.html;"];
  }
  const variable = match.kind === "prefix" ? "$is_source" : "$is_hidden";
  if (!fallback) return [`if (${variable}) {`, "    return 404;", "}", ...shared, "index index.html;"];
  const served = (pool: string): readonly string[] => [
    ...wayLines(variable, fallbackName(view, pool)),
    `try_files $uri ${fallbackName(view, pool)};`,
  ];
  // What is missing goes where the path would go without files.
  const nested = site.paths.flatMap(({ match: path, pool }) =>
    block(`location ${path.kind === "exact" ? exactPattern(path.text) : pattern(path)}`, served(pool)),
  );
  return [...closingLines(view), ...shared, ...served(site.pool), ...nested];
}

/** Patterns alone are looked for within a pattern. */
function exactPattern(text: string): string {
  return `~ ${quote(`^${escapePattern(text)}\\z`)}`;
}

function namedLocations(view: SiteView): readonly string[] {
  const { site } = view;
  const pools = [...new Set([site.pool, ...site.paths.map(({ pool }) => pool)])];
  const fallbacks = site.static?.fallback === true ? pools : [];
  const hasClosingFiles = fallbacks.length > 0 && site.paths.length === 0;
  return [
    ...pools.flatMap((pool) =>
      block(`location ${closingName(view, pool)}`, ["keepalive_timeout 0;", ...proxyLines(view, pool, "requests")]),
    ),
    ...(hasClosingFiles
      ? block(`location ${CLOSING_FILES}`, [
          "keepalive_timeout 0;",
          ...wayLines(hasSuffixesOnly(site) ? "$is_hidden" : "$is_source", closingName(view, site.pool)),
          ...treeLines(view),
          `try_files $uri ${closingName(view, site.pool)};`,
        ])
      : []),
    ...fallbacks.flatMap((pool) => block(`location ${fallbackName(view, pool)}`, poolLines(view, pool))),
    ...pools
      .filter((pool) => isTunnelApart(view, pool))
      .flatMap((pool) => block(`location ${tunnelName(view, pool)}`, proxyLines(view, pool, "tunnel"))),
  ];
}

function isTunnelApart(view: SiteView, pool: string): boolean {
  return tunnelTimeout(view, pool) !== serverTimeout(view, pool);
}

function serverTimeout(view: SiteView, pool: string): number {
  return view.site.timeouts.serverMs ?? poolOf(view, pool).timeouts.serverMs;
}

function tunnelTimeout(view: SiteView, pool: string): number {
  return view.site.timeouts.tunnelMs ?? poolOf(view, pool).timeouts.tunnelMs;
}

function poolOf({ pools }: SiteView, name: string): PoolConfig {
  const pool = pools.get(name);
  if (pool === undefined) throw new Error(`no pool has the name ${name}`);
  return pool;
}

function upstreamOf({ upstreams }: SiteView, pool: string): string {
  return upstreams.get(pool) ?? pool;
}

function fallbackName(view: SiteView, pool: string): string {
  return `@fallback:${upstreamOf(view, pool)}`;
}

const CLOSING_FILES = "@closing:";

function closingName(view: SiteView, pool: string): string {
  return `@closing:${upstreamOf(view, pool)}`;
}

function tunnelName(view: SiteView, pool: string): string {
  return `@tunnel:${upstreamOf(view, pool)}`;
}

/** The rest of the path is taken as it was sent: decoded, it could hold a line's end and write headers of its own. */
function redirectLines({ match, to, status, keepRest }: RedirectConfig): readonly string[] {
  if (!keepRest) return [answer(status, to)];
  const whole = to.includes("?")
    ? ["if ($args) {", `    ${answer(status, `${to}&$args`)}`, "}", answer(status, to)]
    : [answer(status, `${to}$is_args$args`)];
  if (match.kind !== "prefix" || to.includes("?")) return whole;
  const folder = match.text.replace(/\/+$/, "");
  const base = to.replace(/\/+$/, "");
  // One slash, however many were sent: a target that began with two would be another host.
  const rest = quote(`^${escapePattern(folder)}/[/\\\\]*(.*)\\z`);
  return [`if ($request_uri ~ ${rest}) {`, `    ${answer(status, `${base}/$1`)}`, "}", ...whole];
}

function answer(status: number, target: string): string {
  return `return ${status} ${quote(target)};`;
}
