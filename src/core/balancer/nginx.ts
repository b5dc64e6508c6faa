/**
 * The whole nginx config for what an engine should carry. Order follows the cluster file, so the same wishes give the
 * same text. Certificates are named relative to the config's own folder, so that a candidate can be checked where it is;
 * everything else is absolute. Nothing secret is in it.
 */

import type { BalancerConfig, NginxBuffers, SiteConfig } from "../config/balancer.ts";
import { listenersOf } from "./listeners.ts";
import { fileFinder, neededFiles } from "./needed-files.ts";
import { clientLines } from "./nginx-headers.ts";
import { HIDDEN_LINES, type SiteView } from "./nginx-locations.ts";
import { logLines, quietChecks } from "./nginx-log.ts";
import { MEDIA_TYPES } from "./nginx-media-types.ts";
import { listenerServers, rateZones, TLS_DEFAULTS } from "./nginx-sites.ts";
import { upstream, upstreamNames } from "./nginx-upstreams.ts";
import { block, size, time, word } from "./nginx-words.ts";
import { memberId, type EnginePlace, type RenderedFile, type Wanted } from "./wanted.ts";

/** The config's own name. */
export const CONFIG_FILE = "nginx.conf";

/** What the machine has that the config needs to know. */
export interface NginxMachine {
  /** Whom workers run as; undefined: as who starts them. */
  readonly account: { readonly user: string; readonly group: string } | undefined;
  /** A word that workers answer on the status socket, so that it can be seen which config they run with. */
  readonly generation: string;
  /** Folder for bodies and answers that are larger than the buffers. */
  readonly temporaryFolder: string;
  /** Names in a certificate by its path in the engine's directory, as far as they are known. */
  readonly certificateNames?: ReadonlyMap<string, readonly string[]>;
}

/** Socket on which the figures are asked for; in a folder that is closed to the workers' account. */
export function statusSocket({ directory }: EnginePlace): string {
  return `${directory}/private/status.sock`;
}

/** nginx' own words, and the number of its master process. */
export function wordsFile({ directory }: EnginePlace): string {
  return `${directory}/nginx.log`;
}

export function pidFile({ directory }: EnginePlace): string {
  return `${directory}/nginx.pid`;
}

/** Workers of this generation close connections after their answers while this file is there; a second later at most. */
export function closingFile({ directory }: EnginePlace, generation: string): string {
  return `${directory}/closing-${generation}`;
}

/** Renders the one file; certificates and error pages are the host's. */
export function renderNginx(wanted: Wanted, place: EnginePlace, machine: NginxMachine): readonly RenderedFile[] {
  const lines = [
    "# Made from the cluster file; changes here are lost.",
    ...globalLines(wanted.config, place, machine),
    ...block("http", httpLines(wanted, place, machine)),
    "",
  ];
  return [{ path: CONFIG_FILE, content: lines.join("\n") }];
}

/** A request takes a connection of the client and one of a member, a reload doubles the listening sockets. */
function globalLines(config: BalancerConfig, place: EnginePlace, { account }: NginxMachine): readonly string[] {
  const connections = 2 * config.maxConnections + 128;
  return [
    ...(account === undefined ? [] : [`user ${word(account.user)} ${word(account.group)};`]),
    "worker_processes auto;",
    `worker_rlimit_nofile ${connections + 1_024};`,
    `worker_shutdown_timeout ${time(config.oldWorkersMs)};`,
    `pid ${word(pidFile(place))};`,
    `error_log ${word(wordsFile(place))} notice;`,
    "pcre_jit on;",
    ...block("events", [`worker_connections ${connections};`]),
  ];
}

function httpLines(wanted: Wanted, place: EnginePlace, machine: NginxMachine): readonly string[] {
  const { config } = wanted;
  const quiet = quietChecks(config);
  const upstreams = upstreamNames(config.pools);
  const pools = new Map(config.pools.map((pool) => [pool.name, pool]));
  const wants = new Map(wanted.members.map((want) => [memberId(want), want]));
  const servesAll = new Set(wanted.servingAll);
  const viewOf = (site: SiteConfig): SiteView => ({
    site,
    config,
    pools,
    upstreams,
    directory: place.directory,
    ifWord: quiet.wordFor(site),
    closingFile: closingFile(place, machine.generation),
  });
  const servers = {
    needed: fileFinder(neededFiles(config)),
    viewOf,
    certificateNames: (bundle: string) => machine.certificateNames?.get(bundle),
  };
  return [
    // Less than notices here: where nobody reads syslog, nginx would warn of it with every request.
    `error_log ${word(wordsFile(place))} error;`,
    ...basicLines(config, machine.temporaryFolder),
    ...(config.sites.some((site) => site.static !== undefined)
      ? [...block("types", MEDIA_TYPES), ...HIDDEN_LINES]
      : []),
    "default_type application/octet-stream;",
    ...(config.sites.some(({ tls }) => tls !== undefined) ? TLS_DEFAULTS : []),
    ...nameHash(config.sites),
    ...clientLines(config),
    ...logLines(),
    ...quiet.lines,
    ...rateZones(config.sites),
    ...statusServer(place, machine.generation),
    ...config.pools.flatMap((pool) =>
      upstream(upstreams.get(pool.name) ?? pool.name, pool, { wants, servesAll: servesAll.has(pool.name) }),
    ),
    ...listenersOf(config).flatMap((listener) => listenerServers(listener, servers)),
  ];
}

function basicLines(config: BalancerConfig, temporaryFolder: string): readonly string[] {
  return [
    "access_log off;",
    "server_tokens off;",
    "sendfile on;",
    "tcp_nopush on;",
    "absolute_redirect off;",
    "log_not_found off;",
    "limit_req_status 429;",
    "limit_req_log_level info;",
    "map_hash_bucket_size 256;",
    "map_hash_max_size 16384;",
    "variables_hash_bucket_size 128;",
    "proxy_headers_hash_max_size 2048;",
    "proxy_headers_hash_bucket_size 128;",
    ...["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
      (use) => `${use}_temp_path ${word(`${temporaryFolder}/${use}`)};`,
    ),
    // Whether the marker of a reload is there is remembered, or each request would cost a system call; for a second,
    // which is the least. Files of visitors are looked up anew each time.
    "open_file_cache max=16 inactive=1h;",
    "open_file_cache_valid 1s;",
    "open_file_cache_errors on;",
    // Some requests come by a way of their own, and get the site's error pages none the less.
    "recursive_error_pages on;",
    "proxy_http_version 1.1;",
    "proxy_redirect off;",
    ...(config.nginx === undefined ? [] : bufferLines(config.nginx)),
  ];
}

function bufferLines(buffers: NginxBuffers): readonly string[] {
  const { count, sizeBytes } = buffers.buffers;
  return [
    `client_body_buffer_size ${size(buffers.bodyBufferBytes)};`,
    `proxy_buffer_size ${size(buffers.headerBufferBytes)};`,
    `proxy_buffers ${count} ${size(sizeBytes)};`,
    `proxy_busy_buffers_size ${size(buffers.busyBytes)};`,
    `proxy_temp_file_write_size ${size(buffers.temporaryWriteBytes)};`,
  ];
}

/** The tables of names must hold the longest one and all of them; nginx' own sizes fit a few dozen short ones. */
function nameHash(sites: readonly SiteConfig[]): readonly string[] {
  const names = sites.flatMap((site) => [site.name, ...site.names, ...site.wildcards]);
  const longest = Math.max(0, ...names.map((name) => name.length));
  return [
    `server_names_hash_bucket_size ${powerAtLeast(Math.max(128, 2 * longest + 64))};`,
    `server_names_hash_max_size ${powerAtLeast(Math.max(1_024, 4 * names.length))};`,
  ];
}

function powerAtLeast(value: number): number {
  return 2 ** Math.ceil(Math.log2(value));
}

function statusServer(place: EnginePlace, generation: string): readonly string[] {
  return block("server", [
    `listen unix:${statusSocket(place)};`,
    ...block("location = /status", ["stub_status;"]),
    ...block("location = /generation", [`return 200 ${word(generation)};`]),
    ...block("location /", ["return 404;"]),
  ]);
}
