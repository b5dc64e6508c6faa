/**
 * What the schema cannot see: names that must exist elsewhere, addresses that must differ, the link that each VIP
 * belongs to. Works on whatever parts of the file are well formed, so that one misspelled key does not hide an
 * unknown node further down.
 */

import type { z } from "zod";
import { MAX_GROUPS, MAX_LINKS, MAX_MONITORS, MAX_NODES, MAX_RESOURCES, MAX_VIPS } from "../base/limits.ts";
import type { Problem } from "../base/report.ts";
import type {
  ClusterConfig,
  CommandConfig,
  GroupConfig,
  MonitorConfig,
  NodeConfig,
  ResourceConfig,
  ServiceConfig,
  VipConfig,
} from "./cluster.ts";
import { BALANCER_MONITOR, resolveBalancer, withBalancer } from "./balancer-references.ts";
import { pathText } from "./findings.ts";
import { networkContains, parseIpAddress } from "./ip-address.ts";
import { nearestWord } from "./nearest.ts";
import { entriesOf, isMapping, member, read } from "./parts.ts";
import { Reporter } from "./reporter.ts";
import {
  EverywhereFile,
  FailbackFile,
  GatewaysFile,
  HeartbeatFile,
  MonitorFile,
  NodeFile,
  PreferFile,
  RequiresFile,
  ServiceResourceFile,
  VipResourceFile,
} from "./schema.ts";
import type { ClusterFileValue, MonitorFileValue, NodeFileValue, ServiceFileValue, VipFileValue } from "./schema.ts";
import type { ConfigPath, Positions } from "./source.ts";
import { unknownPlaceholder } from "./values.ts";

/** A config as far as it could be made, and everything that does not fit together. */
export interface Resolved {
  /** Undefined when a part of the file could not be read at all. */
  readonly config: ClusterConfig | undefined;
  readonly problems: readonly Problem[];
}

/**
 * Builds the config from the file's value, with all cross-references checked. `whole` is the value as the schema read
 * it, undefined when it is not well formed.
 */
export function resolveReferences(value: unknown, whole: ClusterFileValue | undefined, positions: Positions): Resolved {
  const reporter = new Reporter(positions);
  const resolver = new Resolver(reporter);
  const nodes = resolver.nodes(member(value, "nodes"));
  const gateways = read(GatewaysFile, member(value, "gateways")) ?? [];
  const balancerPart = member(value, "balancer");
  const monitors = resolver.monitors(member(value, "monitors"), balancerPart !== undefined);
  const groups = resolver.groups(member(value, "groups"), gateways);
  const everywhere = resolver.everywhere(member(value, "everywhere"));
  resolver.gateways(gateways);
  const heartbeatPort = read(HeartbeatFile, member(value, "heartbeat"))?.port ?? 694;
  const balancer = resolveBalancer(balancerPart, { nodes, groups, heartbeatPort }, reporter);
  const { problems } = reporter;
  if (whole === undefined) return { config: undefined, problems };
  const { cluster, key, heartbeat, lease, arbiter } = whole;
  const config: ClusterConfig = {
    cluster,
    keyFile: key,
    nodes,
    heartbeat: { intervalMs: heartbeat.interval, initialWaitMs: heartbeat["initial-wait"], port: heartbeat.port },
    lease: { evidenceMs: lease.evidence, marginMs: lease.margin },
    arbiter,
    gateways,
    groups,
    everywhere,
    monitors,
  };
  return { config: balancer === undefined ? config : withBalancer(config, balancer), problems };
}

/** Collects problems while it walks; knows the names met so far. */
class Resolver {
  private readonly reporter: Reporter;
  private nodeNames: readonly string[] = [];
  private nodeConfigs: readonly NodeConfig[] = [];
  private monitorNames: ReadonlySet<string> = new Set();
  /** Every address in use with the setting that uses it. */
  private readonly used = new Map<string, ConfigPath>();
  private vipCount = 0;

  constructor(reporter: Reporter) {
    this.reporter = reporter;
  }

  nodes(value: unknown): NodeConfig[] {
    const entries = entriesOf(value);
    this.nodeNames = entries.map(([name]) => name);
    if (isMapping(value)) this.reporter.count(["nodes"], entries.length, { least: 1, most: MAX_NODES, what: "node" });
    const wellFormed = entries.flatMap(([name, body]): [string, NodeFileValue][] => {
      const node = read(NodeFile, body);
      return node === undefined ? [] : [[name, node]];
    });
    for (const [name, node] of wellFormed) this.nodeAddresses(name, node);
    this.nodeConfigs = wellFormed.map(([name, node]) => ({ name, addresses: [node.address, ...node.links] }));
    this.sameLinks();
    return [...this.nodeConfigs];
  }

  private nodeAddresses(name: string, node: NodeFileValue): void {
    this.use(node.address, ["nodes", name, "address"]);
    for (const [index, link] of node.links.entries()) this.use(link, ["nodes", name, "links", index]);
    this.reporter.count(["nodes", name, "links"], node.links.length, { least: 0, most: MAX_LINKS - 1, what: "link" });
  }

  /** A link's number means the same network on every node, so all nodes have the same links. */
  private sameLinks(): void {
    const [first, ...others] = this.nodeConfigs;
    if (first === undefined) return;
    for (const node of others) {
      const path = ["nodes", node.name, "links"];
      if (node.addresses.length !== first.addresses.length) {
        const what = `has ${node.addresses.length - 1} links, and ${first.name} has ${first.addresses.length - 1}`;
        this.reporter.report("CONFIG_LINKS_DIFFER", path, `nodes.${node.name} ${what}`, {
          expected: "the same links in the same order on all nodes",
        });
        continue;
      }
      for (const [link, address] of node.addresses.entries()) {
        const other = first.addresses[link] ?? "";
        if (familyOf(address) === familyOf(other)) continue;
        const at = link === 0 ? ["nodes", node.name, "address"] : [...path, link - 1];
        this.reporter.report(
          "CONFIG_LINKS_DIFFER",
          at,
          `link ${link} is ${address} here and ${other} on ${first.name}`,
          {
            expected: "one address family on each link",
            next: "list IPv4 and IPv6 addresses as separate links, in the same order on all nodes",
          },
        );
      }
    }
  }

  gateways(gateways: readonly string[]): void {
    const seen = new Set<string>();
    for (const [index, gateway] of gateways.entries()) {
      const path = ["gateways", index];
      if (seen.has(gateway))
        this.reporter.report("CONFIG_DUPLICATE_ENTRY", path, `${gateway} is listed twice`, {
          next: "keep one of them",
        });
      seen.add(gateway);
      this.refuseUsedGateway(gateway, path);
    }
  }

  monitors(value: unknown, hasBalancer: boolean): MonitorConfig[] {
    const entries = entriesOf(value);
    this.monitorNames = new Set([...entries.map(([name]) => name), ...(hasBalancer ? [BALANCER_MONITOR] : [])]);
    if (entries.some(([name]) => name === BALANCER_MONITOR)) {
      const path = ["monitors", BALANCER_MONITOR];
      this.reporter.reportKey(
        "CONFIG_BAD_NAME",
        path,
        `the name "${BALANCER_MONITOR}" belongs to the balancer's own monitor`,
        {
          expected: "another name",
        },
      );
    }
    this.reporter.count(["monitors"], entries.length, { least: 0, most: MAX_MONITORS, what: "monitor" });
    return entries.flatMap(([name, body]) => {
      const monitor = read(MonitorFile, body);
      const config = monitor && this.monitor(name, monitor);
      return config === undefined ? [] : [config];
    });
  }

  private monitor(name: string, file: MonitorFileValue): MonitorConfig | undefined {
    const { http, command, every, timeout, fall, rise } = file;
    const path = ["monitors", name];
    if ((http === undefined) === (command === undefined)) {
      const what = http === undefined ? "has no check" : "has two checks";
      this.reporter.report("CONFIG_BAD_CHECK", path, `${pathText(path)} ${what}`, {
        expected: "exactly one of http and command",
      });
      return undefined;
    }
    for (const [index, argument] of (command ?? []).entries()) this.placeholder([...path, "command", index], argument);
    if (command !== undefined) this.program([...path, "command"], command);
    const check =
      http === undefined ? ({ kind: "command", argv: command ?? [] } as const) : ({ kind: "http", url: http } as const);
    return { name, check, everyMs: every, timeoutMs: timeout, fall, rise };
  }

  private placeholder(path: ConfigPath, argument: string): void {
    const unknown = unknownPlaceholder(argument);
    const nearest = unknown && nearestWord(unknown, ["node", "address"]);
    if (nearest)
      this.reporter.report("CONFIG_BAD_COMMAND", path, `holds "{${unknown}}"`, {
        expected: "{node} or {address}",
        nearest: `{${nearest}}`,
      });
  }

  groups(value: unknown, gateways: readonly string[]): GroupConfig[] {
    const entries = entriesOf(value);
    this.reporter.count(["groups"], entries.length, { least: 0, most: MAX_GROUPS, what: "group" });
    const groups = entries.map(([name, body]) => this.group(name, body, gateways));
    if (this.vipCount > MAX_VIPS) {
      this.reporter.report("CONFIG_TOO_MANY", ["groups"], `the groups have ${this.vipCount} VIPs`, {
        expected: `at most ${MAX_VIPS}`,
      });
    }
    return groups;
  }

  private group(name: string, body: unknown, gateways: readonly string[]): GroupConfig {
    const path = ["groups", name];
    if (name === "everywhere") {
      this.reporter.report("CONFIG_BAD_NAME", path, 'no group can have the name "everywhere"', {
        expected: "another name",
      });
    }
    const prefer = read(PreferFile.optional(), member(body, "prefer"));
    for (const [index, node] of (prefer ?? []).entries())
      this.reporter.known("node", node, [...path, "prefer", index], new Set(this.nodeNames));
    const requires = read(RequiresFile, member(body, "requires")) ?? [];
    for (const [index, monitor] of requires.entries()) this.monitorIsKnown(monitor, [...path, "requires", index]);
    this.reporter.distinct([...path, "prefer"], prefer ?? []);
    this.reporter.distinct([...path, "requires"], requires);
    return {
      name,
      prefer: prefer ?? this.nodeNames,
      failback: failback(read(FailbackFile, member(body, "failback"))),
      requires,
      resources: this.resources([...path, "resources"], name, member(body, "resources"), gateways),
    };
  }

  private monitorIsKnown(monitor: string, path: ConfigPath): void {
    if (monitor === BALANCER_MONITOR && !this.monitorNames.has(monitor))
      this.reporter.report("CONFIG_UNKNOWN_MONITOR", path, "the file has no balancer", {
        next: "add `balancer: …`, or leave it out here",
      });
    else this.reporter.known("monitor", monitor, path, this.monitorNames);
  }

  private resources(path: ConfigPath, group: string, value: unknown, gateways: readonly string[]): ResourceConfig[] {
    const items = Array.isArray(value) ? (value as unknown[]) : [];
    this.reporter.count(path, items.length, { least: 0, most: MAX_RESOURCES, what: "resource" });
    const names = new Map<string, ConfigPath>();
    return items.flatMap((item, index): ResourceConfig[] => {
      const vip = read(VipResourceFile, item)?.vip;
      if (vip !== undefined) return [this.vip([...path, index, "vip"], group, vip, gateways)];
      const service = read(ServiceResourceFile, item)?.service;
      return service === undefined ? [] : [this.service([...path, index, "service"], group, service, names)];
    });
  }

  private vip(path: ConfigPath, group: string, file: VipFileValue, gateways: readonly string[]): VipConfig {
    this.vipCount++;
    const spec = "family" in file ? { address: file } : file;
    const { address, family, prefixLength } = spec.address;
    const place = "family" in file ? path : [...path, "address"];
    this.use(address, place);
    const own = spec.gateway === undefined ? undefined : [spec.gateway].flat();
    for (const [index, gateway] of (own ?? []).entries()) {
      const at = Array.isArray(spec.gateway) ? [...path, "gateway", index] : [...path, "gateway"];
      this.refuseUsedGateway(gateway, at);
      if (familyOf(gateway) !== family) {
        this.reporter.report(
          "CONFIG_VIP_NETWORK",
          at,
          `${gateway} is no IPv${family} address, and the VIP ${address} is one`,
          {
            expected: `an IPv${family} gateway`,
          },
        );
      }
    }
    return {
      kind: "vip",
      id: `${group}/${address}`,
      address,
      family,
      prefixLength,
      link: this.linkOfVip(path, place, spec, spec.address),
      device: spec.device,
      gateways: own ?? gateways.filter((gateway) => isOnNetwork(gateway, spec.address)),
    };
  }

  private linkOfVip(
    path: ConfigPath,
    place: ConfigPath,
    spec: { link?: number | undefined; device?: string | undefined },
    network: { address: string; prefixLength: number },
  ): number | undefined {
    const linkCount = Math.min(...this.nodeConfigs.map((node) => node.addresses.length));
    if (!Number.isFinite(linkCount)) return undefined;
    if (spec.link !== undefined) {
      if (spec.link >= linkCount) {
        this.reporter.report("CONFIG_UNKNOWN_LINK", [...path, "link"], `the nodes have no link ${spec.link}`, {
          expected: linkCount === 1 ? "0" : `0 to ${linkCount - 1}`,
        });
      }
      return spec.link;
    }
    for (let link = 0; link < linkCount; link++) {
      if (this.nodeConfigs.every((node) => isOnNetwork(node.addresses[link] ?? "", network))) return link;
    }
    if (spec.device === undefined) {
      this.reporter.report(
        "CONFIG_VIP_NETWORK",
        place,
        `on no link do all nodes have an address in the network of ${network.address}/${network.prefixLength}`,
        {
          expected: "a VIP in the network of a link",
          next: `correct the prefix length, or name the link: { address: ${network.address}/${network.prefixLength}, link: 0 }`,
        },
      );
    }
    return undefined;
  }

  everywhere(value: unknown): ServiceConfig[] {
    const items = Array.isArray(value) ? (value as unknown[]) : [];
    const names = new Map<string, ConfigPath>();
    this.reporter.count(["everywhere"], items.length, { least: 0, most: MAX_RESOURCES, what: "service" });
    return items.flatMap((item, index) => {
      const service = read(EverywhereFile, [item])?.[0]?.service;
      return service === undefined
        ? []
        : [this.service(["everywhere", index, "service"], "everywhere", service, names)];
    });
  }

  private service(
    path: ConfigPath,
    owner: string,
    file: ServiceFileValue,
    names: Map<string, ConfigPath>,
  ): ServiceConfig {
    const twin = names.get(file.name);
    if (twin !== undefined) {
      this.reporter.report(
        "CONFIG_DUPLICATE_ENTRY",
        [...path, "name"],
        `the service ${file.name} is there twice, first at ${pathText(twin)}`,
        {
          expected: "a name of its own for each service of a group",
        },
      );
    }
    names.set(file.name, path);
    const command = (key: "start" | "stop" | "status"): CommandConfig | undefined => {
      const value = file[key];
      if (value === undefined) return undefined;
      const argv = Array.isArray(value) ? value : value.command;
      this.program(Array.isArray(value) ? [...path, key] : [...path, key, "command"], argv);
      return { argv, timeoutMs: Array.isArray(value) ? DEFAULT_COMMAND_TIMEOUT_MS : value.timeout };
    };
    const none: CommandConfig = { argv: [], timeoutMs: 0 };
    return {
      kind: "service",
      id: `${owner}/${file.name}`,
      name: file.name,
      start: command("start") ?? none,
      stop: command("stop") ?? none,
      status: command("status"),
      everyMs: file.every,
      attempts: file.attempts,
    };
  }

  private program(path: ConfigPath, argv: readonly string[]): void {
    const [program = ""] = argv;
    const next = program.includes(" ")
      ? "make each word an entry of its own; no shell takes part"
      : "write the absolute path";
    const isFine = program.startsWith("/") ? true : program !== "" && !program.includes("/") && !program.includes(" ");
    if (isFine) return;
    this.reporter.report("CONFIG_BAD_COMMAND", [...path, 0], `"${program}" cannot be run`, {
      expected: "an absolute path, or a program's bare name",
      next,
    });
  }

  private use(address: string, path: ConfigPath): void {
    const first = this.used.get(address);
    if (first === undefined) this.used.set(address, path);
    else {
      this.reporter.report("CONFIG_DUPLICATE_ADDRESS", path, `${address} is already used by ${pathText(first)}`, {
        next: "give every node, link and VIP an address of its own",
      });
    }
  }

  private refuseUsedGateway(gateway: string, path: ConfigPath): void {
    const user = this.used.get(gateway);
    if (user === undefined) return;
    this.reporter.report(
      "CONFIG_DUPLICATE_ADDRESS",
      path,
      `the gateway ${gateway} is the address of ${pathText(user)}`,
      {
        next: "name a router that is no node of the cluster",
      },
    );
  }
}

/** For commands written as a plain list; the mapping form has its default in the schema. */
const DEFAULT_COMMAND_TIMEOUT_MS = 20_000;

function failback(value: z.output<typeof FailbackFile> | undefined): GroupConfig["failback"] {
  if (value === undefined) return { kind: "never" };
  return "after" in value ? { kind: "after", ms: value.after } : { kind: value.kind };
}

/** Is the address in the network? A link-local router is on every IPv6 network. */
function isOnNetwork(text: string, network: { address: string; prefixLength: number }): boolean {
  const address = parseIpAddress(text);
  const base = parseIpAddress(network.address);
  if (address === undefined || base === undefined) return false;
  if (base.family === 6 && address.family === 6 && address.value >> 118n === 0x3fan) return true;
  return networkContains({ address: base, prefixLength: network.prefixLength }, address);
}

function familyOf(address: string): 4 | 6 {
  return address.includes(":") ? 6 : 4;
}
