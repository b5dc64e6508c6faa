/**
 * The access log: a line as web servers write it (client's address first, referer and user agent), then site, pool and
 * member, the times that the request waited and took, and how it ended. Other engines' lines begin alike, so that one
 * reader of logs fits all.
 */

import type { AccessLogConfig, PoolConfig } from "../config/balancer.ts";
import { patterns, poolsOf, rule, siteIs, type Front } from "./haproxy-front.ts";
import { word } from "./haproxy-words.ts";

/** Where access logs go, for the global section. */
export function logTargets(accessLog: AccessLogConfig): readonly string[] {
  switch (accessLog.kind) {
    case "none":
      return [];
    case "syslog":
      return ["log /dev/log len 4096 local0 info"];
    case "file":
      // Standard output is the file: HAProxy opens none itself.
      return ["log stdout len 4096 format raw local0 info"];
  }
}

const REFERER_LENGTH = 512;
const AGENT_LENGTH = 512;

export function logRules(front: Front): readonly string[] {
  const { config, listener } = front;
  if (config.accessLog.kind === "none" || listener.sites.every(({ accessLog }) => !accessLog)) return [];
  return [
    "log global",
    `capture request header Referer len ${REFERER_LENGTH}`,
    `capture request header User-Agent len ${AGENT_LENGTH}`,
    `log-format ${word(logFormat(front))}`,
  ];
}

function logFormat(front: Front): string {
  const [only] = front.listener.sites;
  const site = front.hasSiteVariable ? "%[var(txn.site)]" : (only?.name ?? "-");
  return [
    "%ci - - [%trl]",
    '"%HM %HPO%HQ %HV" %ST %B',
    "%{+Q,+E}[capture.req.hdr(0)] %{+Q,+E}[capture.req.hdr(1)]",
    `${site} %b/%s %TR/%Tw/%Tc/%Tr/%Ta %tsc`,
  ].join(" ");
}

/** Rules for requests that are not logged: of sites without a log, and cluster nodes' own health checks. */
export function quietRules(front: Front): readonly string[] {
  const { config, listener } = front;
  const silent = listener.sites.filter(({ accessLog }) => !accessLog);
  if (config.accessLog.kind === "none" || silent.length === listener.sites.length) return [];
  const quiet = "http-request set-log-level silent";
  return silent.length === 0 ? [] : [rule(quiet, siteIs(front, silent))];
}

/** Health checks that come through us, told by their path and by who asks. Before `src` is changed. */
export function quietCheckRules(front: Front): readonly string[] {
  const { config, listener, files } = front;
  if (config.accessLog.kind === "none") return [];
  const reached = new Set(listener.sites.flatMap(poolsOf));
  const paths = new Set<string>();
  const askers = new Set(["127.0.0.0/8", "::1"]);
  for (const pool of config.pools) {
    const path = reached.has(pool.name) ? checkPath(pool) : undefined;
    if (path === undefined) continue;
    paths.add(path);
    for (const { node, address } of pool.members) if (node !== undefined) askers.add(address);
  }
  // Everybody asks for the start page; only a page for checks can be told apart.
  paths.delete("/");
  if (paths.size === 0) return [];
  const isCheck = `{ path -m str ${patterns(files, [...paths])} }`;
  return [rule("http-request set-log-level silent", [[isCheck, `{ src ${patterns(files, [...askers])} }`]])];
}

function checkPath({ check }: PoolConfig): string | undefined {
  return check?.probe.kind === "http" ? check.probe.path.replace(/\?.*$/, "") : undefined;
}
