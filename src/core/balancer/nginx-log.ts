/**
 * The access log: a line as web servers write it, the client's address first, then site, member, times. Cluster nodes'
 * requests for a check's path are not logged. Beside it, every answer of status 500 and above leaves four bytes in a
 * file of ours: its size is their number, which nginx itself does not count.
 */

import type { AccessLogConfig, BalancerConfig, PoolConfig, SiteConfig } from "../config/balancer.ts";
import { block, map, quote, word } from "./nginx-words.ts";

/** File of the failed answers, in the engine's directory, and what one leaves there. */
export const FAILURES_FILE = "failures.log";
export const FAILURE_BYTES = 4;

const FORMAT = [
  '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"',
  '$server_name "$upstream_addr" $upstream_connect_time/$upstream_header_time/$request_time',
].join(" ");

/** Which requests are checks: found once for the whole config. */
export interface Quiet {
  /** The word `if=…` for a site, or nothing. */
  wordFor(site: SiteConfig): string;
  /** For the http block. */
  readonly lines: readonly string[];
}

/** All that have a name, and those that well-known services in front of others invented. */
const FAILURES = [
  "500",
  "501",
  "502",
  "503",
  "504",
  "505",
  "506",
  "507",
  "508",
  "510",
  "511",
  "520",
  "521",
  "522",
  "523",
  "524",
];

/** For the http block. */
export function logLines(): readonly string[] {
  return [
    `log_format main ${`'${FORMAT}'`};`,
    "log_format failure $status;",
    ...map("$status", "$is_failure", [
      ["default", '""'],
      // No pattern, because every request is asked.
      ...FAILURES.map((status) => [status, "1"] as const),
    ]),
  ];
}

/** Variables that tell checks of the pools from visitors. Who asks is told by the connection, not by a header. */
export function quietChecks(config: BalancerConfig): Quiet {
  const pools = new Map(config.pools.map((pool) => [pool.name, pool]));
  const variables = new Map<string, { readonly name: string; readonly paths: readonly string[] }>();
  const bySite = new Map<SiteConfig, string>();
  for (const site of config.sites) {
    const reached = [site.pool, ...site.paths.map(({ pool }) => pool)];
    const paths = [...new Set(reached.flatMap((name) => checkPath(pools.get(name))))].sort();
    if (paths.length === 0) continue;
    const key = paths.join("\n");
    const known = variables.get(key) ?? { name: `$is_logged_${variables.size + 1}`, paths };
    variables.set(key, known);
    bySite.set(site, known.name);
  }
  const askers = new Set(
    config.pools.flatMap(({ members }) =>
      members.flatMap(({ node, address }) => (node === undefined ? [] : [address])),
    ),
  );
  const lines =
    variables.size === 0
      ? []
      : [
          ...block("geo $realip_remote_addr $is_node", [
            "default 0;",
            "127.0.0.0/8 1;",
            "::1 1;",
            ...[...askers].filter((address) => !/^127\.|^::1$/.test(address)).map((address) => `${address} 1;`),
          ]),
          ...[...variables.values()].flatMap(({ name, paths }) =>
            map("$is_node$uri", name, [["default", "1"], ...paths.map((path) => [word(`1${path}`), "0"] as const)]),
          ),
        ];
  return { lines, wordFor: (site) => (bySite.has(site) ? ` if=${bySite.get(site)}` : "") };
}

/** Everybody asks for the start page; only a page for checks can be told apart. */
function checkPath(pool: PoolConfig | undefined): readonly string[] {
  if (pool?.check?.probe.kind !== "http") return [];
  const path = pool.check.probe.path.replace(/\?.*$/, "");
  return path === "/" ? [] : [path];
}

/** For a server block, or for a location with a log of its own. */
export function siteLog(
  accessLog: AccessLogConfig,
  options: {
    readonly directory: string;
    readonly ifWord: string;
    readonly isLogged: boolean;
    readonly own?: string | undefined;
  },
): readonly string[] {
  const failures = `access_log ${word(`${options.directory}/${FAILURES_FILE}`)} failure if=$is_failure;`;
  const target = options.own === undefined ? targetOf(accessLog) : word(options.own);
  const isLogged = target !== undefined && (options.isLogged || options.own !== undefined);
  return isLogged ? [`access_log ${target} main${options.ifWord};`, failures] : [failures];
}

function targetOf(accessLog: AccessLogConfig): string | undefined {
  switch (accessLog.kind) {
    case "none":
      return undefined;
    case "syslog":
      return quote("syslog:server=unix:/dev/log,facility=local0,tag=nginx,nohostname");
    case "file":
      return word(accessLog.path);
  }
}
