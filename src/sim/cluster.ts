/** Draws a cluster file from a seed: nodes, links, groups and policies, as `parse.ts` would have made it. */

import { unreachable } from "../core/base/assert.ts";
import type { Random } from "../core/base/random.ts";
import type { ClusterConfig, FailbackConfig, GroupConfig, ResourceConfig } from "../core/config/cluster.ts";
import type { Change } from "./faults/machine-actions.ts";

/** What a run wants of its cluster; the rest is drawn. */
export interface ClusterWish {
  readonly nodes: number;
  /** True: nothing in the file may move a group by itself. */
  readonly still: boolean;
  /** Number of links; undefined lets the seed decide. */
  readonly links: number | undefined;
}

/** Address of a node (counted from 0) on a link. */
export function nodeAddress(link: number, index: number): string {
  return `10.${link}.0.${11 + index}`;
}

/** Address of the gateway host on a link. */
export function gatewayAddress(link: number, family: 4 | 6 = 4): string {
  return family === 4 ? `10.${link}.0.1` : `fd00:0:0:${link}::1`;
}

/** Address of a second router that is no partner of the first. */
export function secondGatewayAddress(link: number, family: 4 | 6 = 4): string {
  return family === 4 ? `10.${link}.0.2` : `fd00:0:0:${link}::2`;
}

/** Hardware address of a host's port. */
export function portMac(link: number, index: number): string {
  return `02:00:00:00:${link.toString(16).padStart(2, "0")}:${(16 + index).toString(16)}`;
}

/** Draws the whole file. Link 0 carries most VIPs, as a server's public network does. */
export function drawCluster(random: Random, wish: ClusterWish): ClusterConfig {
  const names = Array.from({ length: wish.nodes }, (_, index) => `srv${index + 1}`);
  const links = wish.links ?? (random.chance(0.2) ? 1 : random.chance(0.8) ? 2 : 3);
  const groups = Array.from({ length: random.chance(0.7) ? 1 : random.integer(2, 3) }, (_, index) =>
    drawGroup(random, {
      names,
      index,
      still: wish.still,
      link: links > 1 && !wish.still && random.chance(0.15) ? 1 : 0,
    }),
  );
  return {
    cluster: "simulated",
    keyFile: "/etc/understudy/cluster.key",
    nodes: names.map((name, index) => ({
      name,
      addresses: Array.from({ length: links }, (_, link) => nodeAddress(link, index)),
    })),
    heartbeat: { intervalMs: 100, initialWaitMs: random.pick([1_000, 2_000]), port: 694 },
    lease: { evidenceMs: 120, marginMs: 30 },
    arbiter: { kind: "segment" },
    gateways: [],
    groups,
    everywhere: [],
    monitors: [
      {
        name: "web",
        check: { kind: "http", url: "http://{address}/" },
        everyMs: 500,
        timeoutMs: 200,
        fall: 2,
        rise: 2,
      },
    ],
  };
}

function drawGroup(
  random: Random,
  options: { names: string[]; index: number; still: boolean; link: number },
): GroupConfig {
  const name = ["www", "mail", "db"][options.index] ?? `g${options.index}`;
  const prefer = rotate(options.names, random.integer(0, options.names.length - 1));
  const family = random.chance(0.2) ? 6 : 4;
  const resources: ResourceConfig[] = [drawVip(name, options.link, { host: 100 + 10 * options.index, family })];
  if (random.chance(0.2)) {
    const second = { host: 101 + 10 * options.index, family: random.pick([4, 6] as const) };
    resources.push(drawVip(name, random.chance(0.8) ? options.link : 0, second));
  }
  // Now and then a later group has no address, only what must run in one place.
  const isBare = options.index > 0 && random.chance(0.3);
  if (isBare) resources.length = 0;
  if (isBare || random.chance(0.4)) resources.push(drawService(name));
  return {
    name,
    prefer,
    failback: options.still ? { kind: "never" } : drawFailback(random),
    requires: random.chance(0.4) ? ["web"] : [],
    resources,
  };
}

function drawVip(group: string, link: number, vip: { host: number; family: 4 | 6 }): ResourceConfig {
  const { host, family } = vip;
  const address = family === 4 ? `10.${link}.0.${host}` : `fd00:0:0:${link}::${host}`;
  const gateways = [gatewayAddress(link, family)];
  return {
    kind: "vip",
    id: `${group}/${address}`,
    address,
    family,
    prefixLength: family === 4 ? 24 : 64,
    link,
    device: undefined,
    gateways,
  };
}

function drawService(group: string): ResourceConfig {
  const command = (action: string) => ({ argv: ["/usr/bin/app", action], timeoutMs: 1_000 });
  return {
    kind: "service",
    id: `${group}/app`,
    name: "app",
    start: command("start"),
    stop: command("stop"),
    status: command("status"),
    everyMs: 1_000,
    attempts: 3,
  };
}

function drawFailback(random: Random): FailbackConfig {
  const drawn = random.fraction();
  if (drawn < 0.6) return { kind: "never" };
  return drawn < 0.8 ? { kind: "auto" } : { kind: "after", ms: 1_000 };
}

function rotate<T>(list: readonly T[], by: number): T[] {
  return [...list.slice(by), ...list.slice(0, by)];
}

/** The file without its last nodes. */
export function withoutNodes(config: ClusterConfig, count: number): ClusterConfig {
  const nodes = config.nodes.slice(0, Math.max(2, config.nodes.length - count));
  const names = new Set(nodes.map((node) => node.name));
  const groups = config.groups.map((group) => ({ ...group, prefer: group.prefer.filter((name) => names.has(name)) }));
  return { ...config, nodes, groups };
}

/** The file with one thing changed, as an operator might. */
export function changedFile(config: ClusterConfig, change: Change): ClusterConfig {
  const [first, ...rest] = config.groups;
  if (first === undefined) return config;
  const names = config.nodes.map((node) => node.name);
  switch (change) {
    case "prefer":
      return { ...config, groups: config.groups.map((group) => ({ ...group, prefer: group.prefer.toReversed() })) };
    case "failback":
      return { ...config, groups: config.groups.map((group) => ({ ...group, failback: otherFailback(group) })) };
    case "address": {
      const resources = [...first.resources, addedVip(first.name, 199)];
      return { ...config, groups: [{ ...first, resources }, ...rest] };
    }
    case "group": {
      const added = { name: "added", prefer: names, failback: { kind: "never" as const }, requires: [] };
      return { ...config, groups: [...config.groups, { ...added, resources: [addedVip("added", 198)] }] };
    }
    default:
      return unreachable(change);
  }
}

function otherFailback({ failback }: GroupConfig): FailbackConfig {
  return failback.kind === "never" ? { kind: "auto" } : { kind: "never" };
}

function addedVip(group: string, host: number): ResourceConfig {
  const address = `10.0.0.${host}`;
  const where = { link: 0, device: undefined, gateways: [gatewayAddress(0)] };
  return { kind: "vip", id: `${group}/${address}`, address, family: 4, prefixLength: 24, ...where };
}
