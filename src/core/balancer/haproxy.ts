/**
 * The whole HAProxy config for what an engine should carry. Order follows the cluster file, so the same wishes give the
 * same text, and a small change of the one is a small change of the other. Files are named relative to the config's own
 * folder; only sockets and the file of states are absolute. Nothing secret is in it.
 */

import type { BalancerConfig, StatsConfig } from "../config/balancer.ts";
import { RenderedFiles } from "./haproxy-front.ts";
import { rateSections, rateTables } from "./haproxy-limits.ts";
import { logTargets } from "./haproxy-log.ts";
import {
  CONFIG_FILE,
  PANIC_MAP,
  PANIC_VALUE,
  RING,
  runtimeSocket,
  stateFile,
  STATS_PROXY,
  STATS_USERS,
} from "./haproxy-names.ts";
import { KEEPALIVE_LINES, poolSections } from "./haproxy-pools.ts";
import { siteSections } from "./haproxy-sites.ts";
import { endpoint, section, time, word } from "./haproxy-words.ts";
import { fileFinder, neededFiles } from "./needed-files.ts";
import { memberId, type EnginePlace, type RenderedFile, type Wanted } from "./wanted.ts";

/** What the machine has that the config needs to know. */
export interface HaproxyMachine {
  /** Whom workers run as; undefined: as who starts them. */
  readonly account: { readonly user: string; readonly group: string } | undefined;
}

/** The config file first, then the files that it names; certificates, error pages and the login are the host's. */
export function renderHaproxy(wanted: Wanted, place: EnginePlace, machine: HaproxyMachine): readonly RenderedFile[] {
  const { config } = wanted;
  const files = new RenderedFiles();
  const needed = fileFinder(neededFiles(config));
  const tables = rateTables(config.sites);
  const wants = new Map(wanted.members.map((want) => [memberId(want), want]));
  files.add(
    PANIC_MAP,
    wanted.servingAll.map((pool) => `${pool} ${PANIC_VALUE}`),
  );
  const sections = [
    globalSection(config, place, machine),
    section(`ring ${RING}`, ["format timed", "maxlen 1200", "size 262144"]),
    defaultsSection(config),
    ...(config.stats === undefined ? [] : [statsSection(config.stats)]),
    ...rateSections(tables),
    ...siteSections({ config, files, needed, tables }),
    ...poolSections({ config, wants, needed, files }),
  ];
  const content = ["# Made from the cluster file; changes here are lost.", "", ...sections].join("\n");
  return [{ path: CONFIG_FILE, content }, ...files.all()];
}

/** Mozilla's intermediate configuration for servers (version 5.7), without DHE, which needs parameters of its own. */
const CIPHERS = [
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
];
const CIPHERSUITES = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];
const CURVES = ["X25519", "prime256v1", "secp384r1"];

/** Reloads that an old worker may outlive; how long it may is said by time. */
const MAX_RELOADS = 200;

function globalSection(config: BalancerConfig, place: EnginePlace, { account }: HaproxyMachine): string {
  return section("global", [
    "default-path config",
    "master-worker",
    `mworker-max-reloads ${MAX_RELOADS}`,
    `hard-stop-after ${time(config.oldWorkersMs)}`,
    `maxconn ${config.maxConnections}`,
    ...(account === undefined ? [] : [`user ${word(account.user)}`, `group ${word(account.group)}`]),
    `stats socket ${word(runtimeSocket(place))} mode 600 level admin expose-fd listeners`,
    "stats timeout 1d",
    `server-state-file ${word(stateFile(place))}`,
    ...logTargets(config.accessLog),
    `ssl-default-bind-curves ${CURVES.join(":")}`,
    `ssl-default-bind-ciphers ${CIPHERS.join(":")}`,
    `ssl-default-bind-ciphersuites ${CIPHERSUITES.join(":")}`,
    "ssl-default-bind-options prefer-client-ciphers no-tls-tickets",
  ]);
}

function defaultsSection({ maxConnections }: BalancerConfig): string {
  return section("defaults", [
    "mode http",
    `maxconn ${maxConnections}`,
    "load-server-state-from-file global",
    "option dontlognull",
    "option http-ignore-probes",
    // A client that sends into a connection which a reload closes would lose its request.
    "option idle-close-on-response",
    ...KEEPALIVE_LINES,
  ]);
}

/** Connections at a time to the page with figures. */
const MAX_READERS = 20;

function statsSection({ address, port, path }: StatsConfig): string {
  return section(`listen ${STATS_PROXY}`, [
    `bind ${endpoint(address, port)}`,
    `maxconn ${MAX_READERS}`,
    "timeout client 30s",
    "timeout server 30s",
    "timeout connect 5s",
    // Everything else is nobody's; without this it would be a pool without members.
    `http-request return status 404 unless { url -m beg -- ${word(path)} }`,
    "stats enable",
    `stats uri ${word(path)}`,
    `stats http-request auth realm Figures unless { http_auth(${STATS_USERS}) }`,
  ]);
}

/** The file with the login of the page with figures; without one it says nothing, so that it can always be there. */
export function statsUsers(login: { readonly user: string; readonly password: string } | undefined): string {
  if (login === undefined) return "# There is no page with figures.\n";
  return section(`userlist ${STATS_USERS}`, [`user ${word(login.user)} insecure-password ${word(login.password)}`]);
}

/** Longest error page with its head: HAProxy sends it from one buffer (16 kB), part of which is kept for headers. */
export const MAX_ERROR_PAGE_BYTES = 15_000;

const REASONS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  410: "Gone",
  413: "Content Too Large",
  425: "Too Early",
  429: "Too Many Requests",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

/** What stands before `bytes` bytes of HTML in a file with an answer of HAProxy's own. */
export function errorHead(status: number, bytes: number): string {
  return [
    `HTTP/1.1 ${status} ${REASONS[status] ?? "Error"}`,
    "Content-Type: text/html; charset=utf-8",
    "Cache-Control: no-cache",
    `Content-Length: ${bytes}`,
    "",
    "",
  ].join("\r\n");
}
