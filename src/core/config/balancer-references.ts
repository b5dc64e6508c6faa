/**
 * From the balancer's part of the file to its config: pools, sites and their listeners put together, everything that
 * must exist or differ elsewhere checked, and the engine asked whether it can do all of it.
 */

import { capabilityOf, lackingNeeds } from "../balancer/capabilities.ts";
import type { Need } from "../balancer/capabilities.ts";
import { MAX_POOLS, MAX_SITES } from "../base/limits.ts";
import type { AccessLogConfig, BalancerConfig, NginxBuffers, StatsConfig } from "./balancer.ts";
import { BalancerHeadFile } from "./balancer-schema.ts";
import type { BalancerHeadValue } from "./balancer-schema.ts";
import type { ClusterConfig, GroupConfig, MonitorConfig, NodeConfig } from "./cluster.ts";
import { Listeners } from "./listeners.ts";
import { entriesOf, isMapping, member, read } from "./parts.ts";
import { resolvePools } from "./pool-references.ts";
import type { Reporter } from "./reporter.ts";
import { formatSize } from "./size.ts";
import { resolveSites } from "./site-references.ts";

/** The monitor that every group with a VIP of a site requires without being told. */
export const BALANCER_MONITOR = "balancer";

/** What the balancer needs to know of the rest of the file. */
export interface Surroundings {
  readonly nodes: readonly NodeConfig[];
  readonly groups: readonly GroupConfig[];
  readonly heartbeatPort: number;
}

/** The balancer's config as far as it could be made; undefined when the file has none or its head is malformed. */
export function resolveBalancer(value: unknown, around: Surroundings, reporter: Reporter): BalancerConfig | undefined {
  if (!isMapping(value)) return undefined;
  const siteEntries = entriesOf(member(value, "sites"));
  const poolEntries = entriesOf(member(value, "pools"));
  if (isMapping(value["sites"]))
    reporter.count(["balancer", "sites"], siteEntries.length, { least: 1, most: MAX_SITES, what: "site" });
  if (isMapping(value["pools"]))
    reporter.count(["balancer", "pools"], poolEntries.length, { least: 1, most: MAX_POOLS, what: "pool" });
  const head = read(BalancerHeadFile, value);
  const listeners = new Listeners(around, reporter);
  const sites = resolveSites(siteEntries.slice(0, MAX_SITES), {
    poolNames: new Set(poolEntries.map(([name]) => name)),
    listeners,
    reporter,
  });
  const stats = head?.stats && statsOf(head.stats);
  if (stats !== undefined) listeners.takeForStats(stats);
  const pools = resolvePools(poolEntries.slice(0, MAX_POOLS), { nodes: around.nodes, sites, listeners, reporter });
  if (head === undefined) return undefined;
  const config: BalancerConfig = {
    engine: head.engine,
    maxConnections: head["max-connections"],
    accessLog: accessLogOf(head),
    stats,
    trusted: head.trusted,
    oldWorkersMs: head["old-workers"],
    nginx: buffersOf(head),
    sites,
    pools,
  };
  reporter.distinct(["balancer", "trusted"], head.trusted);
  checkBuffers(config.nginx, reporter);
  refuseWhatTheEngineLacks(config, isMapping(value["nginx"]), reporter);
  return config;
}

/** A cluster with its balancer, and with the monitor that tells whether a node's engine runs. */
export function withBalancer(config: ClusterConfig, balancer: BalancerConfig): ClusterConfig {
  const monitor: MonitorConfig = {
    name: BALANCER_MONITOR,
    check: { kind: "balancer" },
    everyMs: 1_000,
    timeoutMs: 1_000,
    fall: 1,
    rise: 1,
  };
  const served = new Set(balancer.sites.flatMap(({ listen }) => listen.flatMap(({ addresses }) => addresses)));
  const isServed = (group: GroupConfig) =>
    group.resources.some(
      (resource) =>
        resource.kind === "vip" &&
        (served.has(resource.address) || served.has(resource.family === 4 ? "0.0.0.0" : "::")),
    );
  const groups = config.groups.map((group) =>
    group.requires.includes(BALANCER_MONITOR) || !isServed(group)
      ? group
      : { ...group, requires: [...group.requires, BALANCER_MONITOR] },
  );
  return { ...config, groups, monitors: [...config.monitors, monitor], balancer };
}

function accessLogOf(head: BalancerHeadValue): AccessLogConfig {
  const log = head["access-log"];
  return typeof log === "string" ? { kind: log } : { kind: "file", path: log.file };
}

function statsOf(file: NonNullable<BalancerHeadValue["stats"]>): StatsConfig {
  const { listen, path, user } = file;
  const at = typeof listen === "number" ? { address: "127.0.0.1", port: listen } : listen;
  return {
    address: at.address ?? "127.0.0.1",
    port: at.port ?? 0,
    path,
    user,
    passwordFile: file["password-file"],
  };
}

/** The defaults also stand when the file has no `nginx`. */
const DEFAULT_BUFFERS: NginxBuffers = {
  bodyBufferBytes: 131_072,
  headerBufferBytes: 8_192,
  buffers: { count: 4, sizeBytes: 32_768 },
  busyBytes: 65_536,
  temporaryWriteBytes: 65_536,
};

function buffersOf(head: BalancerHeadValue): NginxBuffers | undefined {
  if (head.engine !== "nginx") return undefined;
  const { nginx } = head;
  if (nginx === undefined) return DEFAULT_BUFFERS;
  return {
    bodyBufferBytes: nginx["body-buffer"],
    headerBufferBytes: nginx["header-buffer"],
    buffers: { count: nginx.buffers.count, sizeBytes: nginx.buffers.size },
    busyBytes: nginx.busy,
    temporaryWriteBytes: nginx["temporary-write"],
  };
}

/** What nginx itself would refuse (ngx_http_upstream, "proxy_busy_buffers_size must be …"). */
function checkBuffers(nginx: NginxBuffers | undefined, reporter: Reporter): void {
  if (nginx === undefined) return;
  const { count, sizeBytes } = nginx.buffers;
  const least = Math.max(sizeBytes, nginx.headerBufferBytes);
  const most = (count - 1) * sizeBytes;
  const path = ["balancer", "nginx"];
  if (nginx.busyBytes < least || nginx.busyBytes >= most) {
    const isPossible = least < most;
    reporter.report("CONFIG_OUT_OF_RANGE", [...path, "busy"], `is ${formatSize(nginx.busyBytes)}`, {
      expected: isPossible
        ? `from ${formatSize(least)} (the largest single buffer) to less than ${formatSize(most)} (all buffers but one)`
        : `buffers that together, but for one, exceed ${formatSize(least)}`,
      next: isPossible ? `write busy: ${formatSize(least)}` : "raise buffers.count",
    });
  }
  if (nginx.temporaryWriteBytes < least)
    reporter.report(
      "CONFIG_OUT_OF_RANGE",
      [...path, "temporary-write"],
      `is ${formatSize(nginx.temporaryWriteBytes)}`,
      { expected: `at least ${formatSize(least)}, the largest single buffer` },
    );
}

/** Every setting that the engine cannot keep is an error where it stands, and names the engine that can. */
function refuseWhatTheEngineLacks(config: BalancerConfig, hasNginxPart: boolean, reporter: Reporter): void {
  const { engine } = config;
  const own: Need[] = hasNginxPart && engine !== "nginx" ? [{ capability: "nginx-buffers", path: ["nginx"] }] : [];
  for (const { capability, path, what } of [...own, ...lackingNeeds(config)]) {
    const row = capabilityOf(capability);
    const message = `${engine} cannot do this${what === undefined ? "" : ` (${what})`}: ${row[engine]}`;
    const [other] = row.engines;
    reporter.report("CONFIG_ENGINE_LACKS", ["balancer", ...path], message, {
      expected: `engine: ${row.engines.join(" or ")}`,
      next: `write \`engine: ${other}\`, or ${capability.endsWith("-apart") ? "the same in both sites" : "leave this out"}`,
    });
  }
}
