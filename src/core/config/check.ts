/**
 * Is a legal config also wise? Errors are settings that would break a promise; warnings are risks that somebody
 * may take knowingly. Pure: it looks at the config alone, never at the machine.
 */

import { RESTART_MS } from "../base/timing.ts";
import type { Problem, Severity } from "../base/report.ts";
import { balancerRisks } from "./balancer-risks.ts";
import type { Report } from "./balancer-risks.ts";
import type { ClusterConfig, GroupConfig, MonitorConfig, ServiceConfig, VipConfig } from "./cluster.ts";
import { formatDuration } from "./duration.ts";
import { timingOf } from "./explain.ts";
import { kindOfAddress, networkContains, parseIpAddress } from "./ip-address.ts";
import type { ConfigPath, Positions } from "./source.ts";

/** Slack that a healthy gate needs between two proofs, for timers and transit. */
const LEAST_SLACK_MS = 20;
/** A required monitor that needs longer than this to see a failure is told about. */
const SLOW_MONITOR_MS = 30_000;

/** Judges a config; `positions` (from parsing) lets the problems say where. Errors come first. */
export function checkCluster(config: ClusterConfig, positions?: Positions): Problem[] {
  const report = reporter(positions);
  const found = [
    ...checkTiming(config, report),
    ...checkNodes(config, report),
    ...checkSharedNetworks(config, report),
    ...checkGateways(config, report),
    ...config.groups.flatMap((group) => checkGroup(config, group, report)),
    ...config.monitors.flatMap((monitor) => checkMonitor(config, monitor, report)),
    ...config.everywhere.flatMap((service) => checkService(service, ["everywhere"], report)),
    ...(config.balancer === undefined ? [] : balancerRisks(config, config.balancer, report)),
  ];
  const rank: Record<Severity, number> = { error: 0, warning: 1, info: 2 };
  return found.sort((a, b) => rank[a.severity] - rank[b.severity]);
}

/** Makes problems that point at the first of the paths that stands in the file. */
function reporter(positions: Positions | undefined): Report {
  return (severity, code, paths, text) => {
    const at = paths.map((path) => positions?.find(path)).find((position) => position !== undefined);
    return { code, severity, ...text, ...(at && { at }) };
  };
}

const INTERVAL: ConfigPath = ["heartbeat", "interval"];
const EVIDENCE: ConfigPath = ["lease", "evidence"];

function checkTiming(config: ClusterConfig, report: Report): Problem[] {
  const { intervalMs, initialWaitMs } = config.heartbeat;
  const { evidenceMs } = config.lease;
  const found: Problem[] = [];
  const least = intervalMs + LEAST_SLACK_MS;
  if (evidenceMs < least) {
    found.push(
      report("error", "TIMING_EVIDENCE_TOO_SHORT", [EVIDENCE, INTERVAL], {
        message: `a proof lasts ${evidenceMs}ms (lease.evidence) and the next is due after ${intervalMs}ms (heartbeat.interval): healthy nodes would close their gates`,
        expected: `evidence >= interval + ${LEAST_SLACK_MS}ms = ${least}ms`,
        next: `set lease.evidence to ${formatDuration(intervalMs + 30)} or more, or shorten the interval`,
      }),
    );
  }
  if (intervalMs < 50) {
    found.push(
      report("warning", "RISK_SHORT_INTERVAL", [INTERVAL], {
        message: `a heartbeat every ${intervalMs}ms leaves little room for a busy machine or a slow switch`,
        next: "set heartbeat.interval to 50ms or more unless these servers have processor time to spare",
      }),
    );
  }
  const { takerWaitsMs } = timingOf(config);
  const enough = Math.max(5_000, 4 * takerWaitsMs);
  if (initialWaitMs < RESTART_MS + takerWaitsMs) {
    found.push(
      report("error", "INITIAL_WAIT_TOO_SHORT", [["heartbeat", "initial-wait"]], {
        message: `a node that starts waits only ${formatDuration(initialWaitMs)} for the others, but one that restarts its daemon may be silent for ${formatDuration(RESTART_MS)} and still serve`,
        next: `set heartbeat.initial-wait to ${formatDuration(enough)} or more`,
      }),
    );
  } else if (initialWaitMs < enough) {
    found.push(
      report("warning", "RISK_SHORT_INITIAL_WAIT", [["heartbeat", "initial-wait"]], {
        message: `a node that starts waits only ${formatDuration(initialWaitMs)} for the others: links often need longer to come up`,
        next: `set heartbeat.initial-wait to ${formatDuration(enough)} or more`,
      }),
    );
  }
  if (takerWaitsMs > 3_000) {
    found.push(
      report("warning", "RISK_SLOW_TAKEOVER", [EVIDENCE, INTERVAL], {
        message: `after a power failure nobody serves for at least ${takerWaitsMs}ms`,
        next: "shorten heartbeat.interval and lease.evidence",
      }),
    );
  }
  return found;
}

function checkNodes(config: ClusterConfig, report: Report): Problem[] {
  const { nodes } = config;
  const found: Problem[] = [];
  if (nodes.length === 1) {
    found.push(
      report("warning", "RISK_ONE_NODE", [["nodes"]], {
        message: "the cluster has one node: there is nobody to take over",
        next: "add a second node",
      }),
    );
  } else if (nodes.every((node) => node.addresses.length === 1)) {
    found.push(
      report("warning", "RISK_ONE_LINK", [["nodes"]], {
        message:
          "the nodes have one link: one cut cable looks like a dead node, and nodes that a switch keeps apart from each other, but not from their gateway, would both serve",
        next: "add a second network, best a direct cable or a switch of its own, as `links` of every node",
      }),
    );
  }
  for (const node of nodes) {
    const [link, address] = [...node.addresses.entries()].find(([, text]) => isHardToReach(text)) ?? [];
    if (link === undefined) continue;
    const path = link === 0 ? ["nodes", node.name, "address"] : ["nodes", node.name, "links", link - 1];
    found.push(
      report("warning", "RISK_LOCAL_ADDRESS", [path], {
        message: `${address} of ${node.name} is a loopback or link-local address: other nodes cannot reach it reliably`,
        next: "use an address that is routed or configured on the network between the nodes",
      }),
    );
  }
  return found;
}

function isHardToReach(text: string): boolean {
  const address = parseIpAddress(text);
  return address !== undefined && ["loopback", "link-local"].includes(kindOfAddress(address));
}

function checkGroup(config: ClusterConfig, group: GroupConfig, report: Report): Problem[] {
  const path = ["groups", group.name];
  const found: Problem[] = [];
  if (group.prefer.length === 1 && config.nodes.length > 1) {
    found.push(
      report("warning", "RISK_ONE_POSSIBLE_NODE", [[...path, "prefer"]], {
        message: `the group ${group.name} may run on ${group.prefer[0]} only: nobody takes it over`,
        next: "list a second node in prefer",
      }),
    );
  }
  if (!group.resources.some((resource) => resource.kind === "vip")) {
    found.push(
      report("warning", "RISK_NO_VIP", [path], {
        message: `the group ${group.name} has no vip: the kernel's lease guards addresses only, so nothing in the kernel stops its services on a node that was cut off`,
        next: "add a vip, or make sure that its services may run twice",
      }),
    );
  }
  for (const [index, resource] of group.resources.entries()) {
    const place = [...path, "resources", index, resource.kind];
    found.push(
      ...(resource.kind === "vip" ? checkVip(config, resource, place, report) : checkService(resource, place, report)),
    );
  }
  return found;
}

function checkVip(config: ClusterConfig, vip: VipConfig, path: ConfigPath, report: Report): Problem[] {
  const found: Problem[] = [];
  if (config.nodes.length === 2 && !hasGateway(config, vip)) {
    found.push(
      report("warning", "RISK_NO_GATEWAY", [path], {
        message: `no gateway is named in the network of ${vip.address}/${vip.prefixLength}: of two nodes, the one left alone cannot tell a dead peer from its own cut cable, and moves nothing unless its default route shows a gateway there`,
        next: "name the network's router under `gateways`",
      }),
    );
  }
  const { length } = config.nodes;
  if (length > 2 && length % 2 === 0 && !hasGateway(config, vip)) {
    found.push(
      report("warning", "RISK_EVEN_NODES", [path], {
        message: `no gateway is named in the network of ${vip.address}/${vip.prefixLength}, so nodes are counted when it falls apart: ${length / 2} of ${length} keep what they hold, and take nothing from the others, even when these lost their power`,
        next: "name the network's router under `gateways`, or use an odd number of nodes",
      }),
    );
  }
  if (vip.link === undefined) {
    found.push(
      report("warning", "RISK_LINK_UNKNOWN", [path], {
        message: `${vip.address} names a device and no link: what is known about link 0 is taken for this network`,
        next: "write `link: N` for the link that is on this device",
      }),
    );
  }
  return found;
}

/** When a segment falls apart, the part with the gateway serves: there should not be one in each. Told once for each set. */
function checkGateways(config: ClusterConfig, report: Report): Problem[] {
  const found = new Map<string, Problem>();
  for (const group of config.groups) {
    for (const [index, resource] of group.resources.entries()) {
      if (resource.kind !== "vip") continue;
      const several = severalRouters(resource.gateways);
      const [first = "", second = ""] = several;
      const names = several.join(" and ");
      if (several.length < 2 || found.has(names)) continue;
      const own = ["groups", group.name, "resources", index, "vip", "gateway", resource.gateways.indexOf(second)];
      const paths = [own, ["gateways", config.gateways.indexOf(second)], ["gateways"]];
      const problem = report("warning", "RISK_GATEWAYS_APART", paths, {
        message: `the network of ${resource.address}/${resource.prefixLength} has the gateways ${names}: should it fall apart with one in each part, and no other link, both parts serve`,
        next: `name only ${first} if it stands where most clients are, or make sure that a second link of the nodes shares no switch with this network`,
      });
      found.set(names, problem);
    }
  }
  return [...found.values()];
}

/** The gateways of one family, when they are more than one: one router has an address in each. */
function severalRouters(gateways: readonly string[]): readonly string[] {
  const families = [false, true].map((isSix) => gateways.filter((gateway) => gateway.includes(":") === isSix));
  return families.find((list) => list.length > 1) ?? [];
}

/** Is a gateway named for the VIP's segment? One of the other family on the same link tells as much. */
function hasGateway(config: ClusterConfig, vip: VipConfig): boolean {
  return vipsOf(config).some((other) => other.gateways.length > 0 && (other === vip || other.link === vip.link));
}

function vipsOf(config: ClusterConfig): VipConfig[] {
  return config.groups.flatMap((group) => group.resources.filter((resource) => resource.kind === "vip"));
}

function checkSharedNetworks(config: ClusterConfig, report: Report): Problem[] {
  const found = new Map<string, Problem>();
  for (const vip of vipsOf(config)) {
    const twins = linksIn(config, vip).join(" and ");
    if (!twins.includes("and") || found.has(twins)) continue;
    const problem = report("warning", "RISK_LINKS_SHARE_NETWORK", [["nodes"]], {
      message: `links ${twins} are both in the network of ${vip.address}/${vip.prefixLength}: they fail together, and Linux answers for both on either device`,
      next: "give each link a network of its own",
    });
    found.set(twins, problem);
  }
  return [...found.values()];
}

/** Links of which every node has an address in the VIP's network. */
function linksIn(config: ClusterConfig, vip: VipConfig): number[] {
  const address = parseIpAddress(vip.address);
  if (address === undefined) return [];
  const network = { address, prefixLength: vip.prefixLength };
  const links = config.nodes[0]?.addresses.map((_, link) => link) ?? [];
  return links.filter((link) =>
    config.nodes.every((node) => {
      const own = parseIpAddress(node.addresses[link] ?? "");
      return own !== undefined && networkContains(network, own);
    }),
  );
}

function checkService(service: ServiceConfig, path: ConfigPath, report: Report): Problem[] {
  if (service.status !== undefined) return [];
  return [
    report("info", "RISK_NO_STATUS", [path], {
      message: `the service ${service.id} has no status command: nobody notices when it dies later`,
      next: "add `status`",
    }),
  ];
}

function checkMonitor(config: ClusterConfig, monitor: MonitorConfig, report: Report): Problem[] {
  if (monitor.check.kind === "balancer") return [];
  const path = ["monitors", monitor.name];
  const found: Problem[] = [];
  const isRequired = config.groups.some((group) => group.requires.includes(monitor.name));
  const slowestMs = monitor.everyMs * monitor.fall + monitor.timeoutMs;
  if (isRequired && slowestMs > SLOW_MONITOR_MS) {
    found.push(
      report("warning", "RISK_SLOW_MONITOR", [[...path, "every"], path], {
        message: `monitor ${monitor.name} needs up to ${formatDuration(slowestMs)} (every × fall + timeout) to see a failure, and a group waits for it`,
        next: "shorten every, or lower fall",
      }),
    );
  }
  if (monitor.timeoutMs > monitor.everyMs) {
    found.push(
      report("warning", "RISK_LONG_TIMEOUT", [[...path, "timeout"], [...path, "every"], path], {
        message: `monitor ${monitor.name} may take ${formatDuration(monitor.timeoutMs)} and is due every ${formatDuration(monitor.everyMs)}: a hanging server is seen late`,
        next: "make timeout shorter than every",
      }),
    );
  }
  if (!isRequired) {
    found.push(
      report("info", "RISK_MONITOR_UNUSED", [path], {
        message: `no group requires monitor ${monitor.name}: it moves nothing`,
        next: "name it in a group's `requires`",
      }),
    );
  }
  return found;
}
