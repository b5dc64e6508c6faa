/**
 * Listeners as frontends: where they listen, and what happens to a request in which order. First who asks and for what
 * (so that everything after knows it), then what refuses or redirects, then what members are told, last the pool.
 */

import type { BalancerConfig } from "../config/balancer.ts";
import {
  both,
  fileStem,
  pathFits,
  patterns,
  poolsOf,
  rule,
  siteIs,
  sitesBy,
  type Front,
  type RenderedFiles,
} from "./haproxy-front.ts";
import {
  clientRules,
  forwardRules,
  requestHeaderRules,
  responseHeaderRules,
  strangerRules,
} from "./haproxy-headers.ts";
import { hostRules } from "./haproxy-hosts.ts";
import { lookUp, MAX_RULES_IN_LINE } from "./haproxy-lookup.ts";
import { bodyRules, rateRules, type RateTable } from "./haproxy-limits.ts";
import { logRules, quietCheckRules, quietRules } from "./haproxy-log.ts";
import { fallbackName, PANIC_MAP } from "./haproxy-names.ts";
import { errorPageLines } from "./haproxy-pools.ts";
import { redirectRules } from "./haproxy-redirects.ts";
import { endpoint, section, time, word } from "./haproxy-words.ts";
import { listenersOf, type Listener } from "./listeners.ts";
import type { FileFinder } from "./needed-files.ts";

export interface SiteRoom {
  readonly config: BalancerConfig;
  readonly files: RenderedFiles;
  readonly needed: FileFinder;
  readonly tables: readonly RateTable[];
}

/** All frontends of the config's sites. */
export function siteSections({ config, files, needed, tables }: SiteRoom): readonly string[] {
  const named = new Map<string, number>();
  return listenersOf(config).map((listener) => {
    const stem = `${listener.tls ? "https" : "http"}:${listener.port}`;
    const count = (named.get(stem) ?? 0) + 1;
    named.set(stem, count);
    const name = count === 1 ? stem : `${stem}.${count}`;
    const front: Front = { name, listener, config, files, needed, hasSiteVariable: config.sites.length > 1 };
    return section(`frontend ${name}`, frontLines(front, tables));
  });
}

function frontLines(front: Front, tables: readonly RateTable[]): readonly string[] {
  const { sites } = front.listener;
  const clientMs = sites[0]?.timeouts.clientMs ?? 0;
  return [
    ...bindLines(front),
    ...["client", "http-request", "http-keep-alive"].map((name) => `timeout ${name} ${time(clientMs)}`),
    ...logRules(front),
    ...errorPageLines(front.needed, sites),
    ...untilFinal([
      ...quietCheckRules(front),
      ...clientRules(front),
      ...hostRules(front),
      ...quietRules(front),
      ...rateRules(front, tables),
      ...redirectRules(front),
      ...bodyRules(front),
      ...strangerRules(front),
      ...requestHeaderRules(front),
      ...forwardRules(front),
      ...choiceRules(front),
    ]),
    ...responseHeaderRules(front),
    ...poolLines(front),
  ];
}

/** The rules up to one that answers every request: HAProxy warns of those behind it. */
function untilFinal(rules: readonly string[]): readonly string[] {
  const last = rules.findIndex((line) => line.startsWith("http-request redirect ") && !line.includes(" if "));
  return last < 0 ? rules : rules.slice(0, last + 1);
}

function bindLines(front: Front): readonly string[] {
  const { addresses, port } = front.listener;
  const tls = front.listener.tls ? tlsWords(front) : [];
  return addresses.map((address) => {
    const words = [`bind ${endpoint(address, port)}`];
    if (address === "::") words.push("v6only");
    else if (isElsewhereMaybe(address)) words.push("transparent");
    return [...words, ...tls].join(" ");
  });
}

/** Whether the address can be on another machine now; then it is bound all the same. */
function isElsewhereMaybe(address: string): boolean {
  return address !== "0.0.0.0" && address !== "::1" && !address.startsWith("127.");
}

function tlsWords(front: Front): readonly string[] {
  const { listener, files } = front;
  const { http2, minVersion } = listener.sites[0]?.tls ?? { http2: true, minVersion: "1.2" };
  return [
    "ssl",
    ...certificateWords(front, listener, files),
    `alpn ${http2 ? "h2,http/1.1" : "http/1.1"}`,
    `ssl-min-ver TLSv${minVersion}`,
  ];
}

/**
 * A site's first certificate is shown for all names of the site; its others for the names that they hold themselves, and
 * they stand first, so that they win for those. Clients that name nobody get the first of the site that catches all.
 */
function certificateWords(front: Front, { sites }: Listener, files: RenderedFiles): readonly string[] {
  const first = sites.find(({ catchesAll }) => catchesAll) ?? sites[0];
  const usual = first === undefined ? undefined : front.needed.bundlesOf(first)[0];
  const words = usual === undefined ? [] : [`crt ${word(usual)}`];
  const others = new Set<string>();
  const named = new Map<string, string[]>();
  for (const site of sites) {
    const [own, ...further] = front.needed.bundlesOf(site);
    for (const path of further) others.add(path);
    if (own === undefined) continue;
    const names = named.get(own) ?? [];
    names.push(...site.names, ...site.wildcards);
    named.set(own, names);
  }
  if (others.size === 0 && named.size <= 1) return words;
  const lines = [...others, ...[...named].flatMap(([path, names]) => inLines(path, names))];
  return [...words, `crt-list ${files.add(`certificates/${fileStem(front)}.list`, lines)}`];
}

/** Names per line of a list of certificates. */
const NAMES_PER_LINE = 200;

function inLines(path: string, names: readonly string[]): readonly string[] {
  const lines: string[] = [];
  for (let start = 0; start < names.length; start += NAMES_PER_LINE)
    lines.push([path, ...names.slice(start, start + NAMES_PER_LINE)].join(" "));
  return lines;
}

/** That the pool's checks left nobody for new visitors, or cannot be believed. */
function isWithout(pool: string): string {
  return `{ nbsrv(${pool}) lt 1 } or { str(${pool}),map_str(${PANIC_MAP}) -m found }`;
}

/** All pools that requests of the listener can go to. */
function reachedPools(front: Front): readonly string[] {
  return [...new Set(front.listener.sites.flatMap(poolsOf))];
}

/** Rules that set `txn.pool`, where there is a choice. */
function choiceRules(front: Front): readonly string[] {
  const { sites } = front.listener;
  if (reachedPools(front).length === 1) return [];
  const usual = new Set(sites.map(({ pool }) => pool));
  const [same] = usual;
  if (usual.size === 1) return [`http-request set-var(txn.pool) str(${same})`, ...pathRules(front)];
  const entries = sites.map(({ name, pool }) => `${name} ${pool}`);
  const map = front.files.add(`maps/${fileStem(front)}-pools.map`, entries);
  return [`http-request set-var(txn.pool) var(txn.site),map_str(${map})`, ...pathRules(front)];
}

function poolLines(front: Front): readonly string[] {
  const reached = reachedPools(front);
  const unchecked = new Set(front.config.pools.filter(({ check }) => check === undefined).map(({ name }) => name));
  const [only] = reached;
  if (only !== undefined && reached.length === 1) {
    const fallback = unchecked.has(only) ? [] : [`use_backend ${fallbackName(only)} if ${isWithout(only)}`];
    return [...fallback, `default_backend ${only}`];
  }
  const hasNoFallback = reached.filter((pool) => unchecked.has(pool));
  const guard = hasNoFallback.length === 0 ? "" : `!{ var(txn.pool) -m str ${patterns(front.files, hasNoFallback)} } `;
  return [
    `use_backend %[var(txn.pool)]:all if ${guard}{ var(txn.pool),nbsrv lt 1 }`,
    `use_backend %[var(txn.pool)]:all if ${guard}{ var(txn.pool),map_str(${PANIC_MAP}) -m found }`,
    "use_backend %[var(txn.pool)]",
  ];
}

/** Rules that change `txn.pool` by the path. */
function pathRules(front: Front): readonly string[] {
  const { sites } = front.listener;
  const groups = sitesBy(sites, ({ paths }) => paths);
  const count = groups.reduce((sum, { value }) => sum + value.length, 0);
  if (count > MAX_RULES_IN_LINE && front.hasSiteVariable) {
    const rules = sites.map(({ name, paths }) => ({
      site: name,
      rules: paths.map(({ match, pool }) => ({ match, value: pool })),
    }));
    const { lines, numbered } = lookUp(front, "rule", { what: "paths", sites: rules });
    const entries = numbered.map(({ number, value }) => `${number} ${value}`);
    const map = front.files.add(`maps/${fileStem(front)}-paths-pools.map`, entries);
    return [...lines, `http-request set-var(txn.pool) var(txn.rule),map_str(${map})`];
  }
  // The last rule that fits decides, so those of the file stand in reverse.
  return groups.flatMap(({ value, sites: some }) =>
    value
      .toReversed()
      .map(({ match, pool }) =>
        rule(`http-request set-var(txn.pool) str(${pool})`, both(siteIs(front, some), pathFits(match))),
      ),
  );
}
