/** The cluster on one screen: nodes, groups, and what an operator should know. */

import { sentenceOf } from "../api/sentence.ts";
import type { ClusterStatus, NodeStatus, NodeView } from "../api/types.ts";
import { showProblems } from "./print-problems.ts";
import { showBalancer } from "./show-balancer.ts";
import { clockTime, duration, harmless, heading, paint, table } from "./terminal.ts";

/** The whole `status`, ready to print. */
export function showStatus(status: ClusterStatus): string {
  const title = `${paint("bold", harmless(status.cluster))}  ${paint("dim", `as ${status.answeredBy} sees it at ${clockTime(status.time)}`)}`;
  const parts = [title, showNodes(status), showGroups(status), ...showBalancer(status)];
  if (status.problems.length > 0) parts.push(showProblems(status.problems));
  return parts.join("\n\n");
}

function showNodes(status: ClusterStatus): string {
  const rows = status.nodes.map((node) => [
    harmless(node.node),
    nodeState(node, status),
    node.contact === "unreachable" ? paint("dim", "no answer") : node.contact,
    String(node.pid ?? ""),
    harmless(node.version ?? ""),
    node.view === undefined ? "" : harmless(node.view.config.slice(0, 8)),
    node.view === undefined ? "" : links(node.view),
  ]);
  return table([heading("NODE", "STATE", "CONTACT", "PID", "VERSION", "CONFIG", "LINKS"), ...rows]);
}

/** A node's own word, or what the others think of it. */
function nodeState(status: NodeStatus, cluster: ClusterStatus): string {
  const { view } = status;
  if (view !== undefined) {
    const words = [view.mode, ...(view.maintenance ? ["maintenance"] : []), ...(view.stalled ? ["stalled"] : [])].join(
      ", ",
    );
    return paint(view.mode === "online" && !view.stalled ? "green" : "yellow", words);
  }
  const states = cluster.nodes.flatMap(
    (other) => other.view?.peers.filter((peer) => peer.node === status.node).map((peer) => peer.state) ?? [],
  );
  const word = [...new Set(states)].join("/") || "unknown";
  return paint(word === "left" || word === "up" ? "yellow" : "red", word);
}

const REACH = ["alone", "peers", "gateway"] as const;

function links(view: NodeView): string {
  return view.links
    .map((link) => {
      const reach = link.up ? (REACH[link.reach] ?? "?") : "down";
      const colour = !link.up || link.reach === 0 ? "red" : "green";
      return `${harmless(link.device ?? "?")} ${harmless(link.address)} ${paint(colour, reach)}`;
    })
    .join(paint("dim", " · "));
}

function showGroups(status: ClusterStatus): string {
  const views = status.nodes.flatMap(({ view }) => (view === undefined ? [] : [view]));
  const names = [...new Set(views.flatMap((view) => view.groups.map(({ name }) => name)))];
  const rows = names.map((name) => groupRow(name, views));
  return table([heading("GROUP", "HOLDER", "STATE", "EPOCH", "LEASE", "LATEST DECISION"), ...rows]);
}

function groupRow(name: string, views: readonly NodeView[]): string[] {
  const seen = views.flatMap((view) =>
    view.groups.filter((group) => group.name === name).map((group) => ({ node: view.node, group })),
  );
  const acting =
    seen.find(({ node, group }) => group.role !== "idle" && group.holder === node) ??
    seen.find(({ group }) => group.role !== "idle");
  const newest = seen.toSorted((a, b) => b.group.epoch - a.group.epoch)[0];
  const told = acting ?? newest;
  const role = acting?.group.role;
  const state = role === undefined ? paint("red", "not served") : paint(role === "holding" ? "green" : "yellow", role);
  const decision = told?.group.decision;
  return [
    harmless(name),
    harmless(acting?.node ?? newest?.group.holder ?? "nobody"),
    state,
    String(newest?.group.epoch ?? 0),
    acting?.group.leaseMs === undefined ? "" : duration(acting.group.leaseMs),
    decision === undefined ? "" : harmless(sentenceOf(decision)),
  ];
}
