/**
 * What an operator should know about the cluster, made from the nodes' views: pure, so that every sentence
 * has a test. The worst comes first.
 */

import type { NodeStatus, NodeView, Problem } from "../api/types.ts";
import type { Severity } from "../core/base/report.ts";

const ORDER: readonly Severity[] = ["error", "warning", "info"];

/** The whole cluster's, whoever says so. */
const MAINTENANCE: Problem = {
  code: "MAINTENANCE",
  severity: "warning",
  message: "the cluster is in maintenance: nothing moves, not even after a failure",
  next: "end it with `understudy maintenance off`",
};

/** Findings of all nodes, each told once. */
export function findProblems(nodes: readonly NodeStatus[]): readonly Problem[] {
  const found = new Map<string, Problem>();
  const views = nodes.flatMap((status) => (status.view === undefined ? [] : [status.view]));
  const all = [
    ...(views.some((view) => view.maintenance) ? [MAINTENANCE] : []),
    ...nodes.flatMap((status) => contactProblems(status, views)),
    ...views.flatMap(nodeProblems),
    ...groupProblems(views),
  ];
  for (const problem of all) found.set(`${problem.code} ${problem.message}`, problem);
  return [...found.values()].toSorted(worstFirst);
}

/** For sorting: errors before warnings before what is only worth knowing. */
export function worstFirst(a: Problem, b: Problem): number {
  return ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity);
}

function contactProblems(status: NodeStatus, views: readonly NodeView[]): Problem[] {
  const { node } = status;
  if (status.contact === "here" && status.view === undefined) {
    const message = `the heart of ${node} does not answer the daemon`;
    return [
      {
        code: "HEART_SILENT",
        severity: "error",
        message,
        subject: { node },
        next: `look at ${node}'s load and journal`,
      },
    ];
  }
  if (status.contact !== "unreachable") return [];
  const states = new Set(
    views.flatMap((view) => view.peers.filter((peer) => peer.node === node).map((peer) => peer.state)),
  );
  const subject = { node };
  if (states.has("up") || states.has("late")) {
    return [
      {
        code: "CONTROL_CHANNEL_SILENT",
        severity: "warning",
        message: `${node} is alive but does not answer on the control channel`,
        subject,
        next: `allow TCP to the heartbeat port between the nodes, and compare the key files; then look at ${node}'s journal`,
      },
    ];
  }
  if (states.has("left")) {
    return [
      {
        code: "NODE_LEFT",
        severity: "info",
        message: `${node} said goodbye and holds nothing`,
        subject,
        next: `start the daemon on ${node}`,
      },
    ];
  }
  return [
    {
      code: "NODE_DEAD",
      severity: "error",
      message: `${node} is not heard on any link`,
      subject,
      next: `look after ${node}: power, cables, and \`systemctl status understudy\` there`,
    },
  ];
}

function nodeProblems(view: NodeView): Problem[] {
  const found: Problem[] = [
    ...stateProblems(view),
    ...frameProblems(view),
    ...linkProblems(view),
    ...peerProblems(view),
    ...monitorProblems(view),
  ];
  return found.map((problem) => ({ ...problem, subject: { node: view.node } }));
}

function stateProblems({ node, stalled, mode }: NodeView): Problem[] {
  const problems: Problem[] = [];
  if (stalled) {
    const message = `${node}'s main thread hangs: its gates are closed`;
    problems.push({ severity: "error", code: "NODE_STALLED", message, next: `look at ${node}'s load and journal` });
  }
  if (mode === "standby") {
    const next = `let it hold groups again with \`understudy online ${node}\``;
    problems.push({ severity: "info", code: "NODE_STANDBY", message: `${node} is in standby`, next });
  }
  return problems;
}

function frameProblems({ node, counters }: NodeView): Problem[] {
  const problems: Problem[] = [];
  const wrongKey = counters.rejected["wrong-key"];
  if (wrongKey > 0) {
    const message = `${node} refused ${wrongKey} heartbeats signed with another key since its start`;
    problems.push({ severity: "warning", code: "WRONG_KEY_SEEN", message, next: "compare the key files of all nodes" });
  }
  const foreign = counters.rejected["foreign-cluster"];
  if (foreign > 0) {
    const message = `${node} hears another cluster on its port (${foreign} frames)`;
    problems.push({
      severity: "info",
      code: "FOREIGN_CLUSTER_SEEN",
      message,
      next: "give one of the clusters another port",
    });
  }
  return problems;
}

function linkProblems({ node, links }: NodeView): Problem[] {
  return links.flatMap((link): Problem[] => {
    const name = `link ${link.link} (${link.address}) of ${node}`;
    if (!link.up) {
      const message = `${name} has no carrier or no address`;
      return [{ severity: "warning", code: "LINK_DOWN", message, next: "look at the cable and the device" }];
    }
    if (link.gateways.length === 0 || link.reach >= 2) return [];
    const next = `check that ${link.gateways.join(", ")} is alive and answers ARP/NDP`;
    return [{ severity: "warning", code: "NO_GATEWAY", message: `no gateway answers on ${name}`, next }];
  });
}

function peerProblems({ node, peers }: NodeView): Problem[] {
  return peers.flatMap((peer): Problem[] => {
    const differs: Problem = {
      severity: "warning",
      code: "CONFIG_DIFFERS",
      message: `${node} and ${peer.node} run different cluster files`,
      next: "copy one file to all nodes, then `understudy restart`",
    };
    const silent = peer.state === "up" ? peer.links.filter((link) => !link.up) : [];
    const paths = silent.map(
      (link): Problem => ({
        severity: "warning",
        code: "PATH_DOWN",
        message: `${node} does not hear ${peer.node} on link ${link.link} (${link.address})`,
        next: "look at the cables and firewalls of that link",
      }),
    );
    return [...(peer.configDiffers ? [differs] : []), ...paths];
  });
}

function monitorProblems({ node, monitors }: NodeView): Problem[] {
  return monitors
    .filter(({ verdict }) => verdict !== "up")
    .map(({ name, verdict, detail }) => ({
      severity: verdict === "down" ? "warning" : "info",
      code: "MONITOR_NOT_UP",
      message: `monitor ${name} is ${verdict} on ${node}: ${detail}`,
      next: `look after it on ${node}`,
    }));
}

function groupProblems(views: readonly NodeView[]): Problem[] {
  const names = new Set(views.flatMap((view) => view.groups.map((group) => group.name)));
  return [...names].flatMap((name) => problemsOf(name, views));
}

function problemsOf(name: string, views: readonly NodeView[]): Problem[] {
  const problems: Problem[] = [];
  const subject = { group: name };
  const next = `\`understudy why ${name}\` tells the reason`;
  const roles = views.flatMap((view) =>
    view.groups.filter((group) => group.name === name).map((group) => ({ node: view.node, group })),
  );
  for (const { node, group } of roles) {
    if (group.role === "stuck") {
      problems.push({
        code: "GROUP_STUCK",
        severity: "error",
        message: `${name} is stuck on ${node}: a resource did not stop`,
        subject,
        next: `stop it by hand on ${node}, then \`understudy clear ${name}\``,
      });
    }
    if (group.role === "lapsed") {
      problems.push({
        code: "GROUP_LAPSED",
        severity: "error",
        message: `${node}'s lease on ${name} ended: its gate is closed`,
        subject,
        next,
      });
    }
  }
  const serving = roles.filter(({ group }) => group.role === "holding");
  if (serving.length === 0 && roles.length > 0) {
    problems.push({
      code: "GROUP_NOT_SERVED",
      severity: "error",
      message: `no reachable node serves ${name}`,
      subject,
      next,
    });
  }
  // The holder knows best who could follow it.
  const judge = serving[0] ?? roles[0];
  const barred = (judge?.group.candidates ?? []).filter(
    // That a node is away or in standby is told once for the node, not again for every group.
    ({ node, eligible }) => !eligible && views.some((view) => view.node === node && view.mode !== "standby"),
  );
  for (const candidate of barred) {
    problems.push({
      code: "NODE_NOT_ELIGIBLE",
      severity: "warning",
      message: `${candidate.node} could not take ${name}: ${candidate.because}`,
      subject,
      next,
    });
  }
  return problems;
}
