/**
 * What an operator should know about the cluster, made from the nodes' views: pure, so that every sentence
 * has a test. The worst comes first.
 */

import type { NodeStatus, NodeView, Problem } from "../api/types.ts";
import type { Severity } from "../core/base/report.ts";

const ORDER: readonly Severity[] = ["error", "warning", "info"];

/** Findings of all nodes, each told once. */
export function findProblems(nodes: readonly NodeStatus[]): readonly Problem[] {
  const found = new Map<string, Problem>();
  const views = nodes.flatMap((status) => (status.view === undefined ? [] : [status.view]));
  const all = [
    ...nodes.flatMap((status) => contactProblems(status, views)),
    ...views.flatMap(nodeProblems),
    ...groupProblems(views),
  ];
  for (const problem of all) found.set(`${problem.code} ${problem.message}`, problem);
  return [...found.values()].toSorted((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity));
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
  const { node } = view;
  const problems: Problem[] = [];
  const add = (severity: Severity, code: string, message: string, next: string): void => {
    problems.push({ severity, code, message, subject: { node }, next });
  };
  if (view.stalled)
    add(
      "error",
      "NODE_STALLED",
      `${node}'s main thread hangs: its gates are closed`,
      `look at ${node}'s load and journal`,
    );
  if (view.maintenance)
    add(
      "warning",
      "MAINTENANCE",
      "maintenance: nothing moves, not even after a failure",
      "end it with `understudy maintenance off`",
    );
  if (view.mode === "standby")
    add("info", "NODE_STANDBY", `${node} is in standby`, `let it hold groups again with \`understudy online ${node}\``);
  const wrongKey = view.counters.rejected["wrong-key"];
  if (wrongKey > 0) {
    add(
      "warning",
      "WRONG_KEY_SEEN",
      `${node} refused ${wrongKey} heartbeats signed with another key since its start`,
      "compare the key files of all nodes",
    );
  }
  const foreign = view.counters.rejected["foreign-cluster"];
  if (foreign > 0) {
    add(
      "info",
      "FOREIGN_CLUSTER_SEEN",
      `${node} hears another cluster on its port (${foreign} frames)`,
      "give one of the clusters another port",
    );
  }
  for (const link of view.links) {
    const name = `link ${link.link} (${link.address}) of ${node}`;
    if (!link.up)
      add("warning", "LINK_DOWN", `${name} has no carrier or no address`, "look at the cable and the device");
    else if (link.gateways.length > 0 && link.reach < 2) {
      add(
        "warning",
        "NO_GATEWAY",
        `no gateway answers on ${name}`,
        `check that ${link.gateways.join(", ")} is alive and answers ARP/NDP`,
      );
    }
  }
  for (const peer of view.peers) {
    if (peer.configDiffers) {
      add(
        "warning",
        "CONFIG_DIFFERS",
        `${node} and ${peer.node} run different cluster files`,
        "copy one file to all nodes, then `understudy restart`",
      );
    }
    for (const link of peer.links) {
      if (!link.up && peer.state === "up") {
        add(
          "warning",
          "PATH_DOWN",
          `${node} does not hear ${peer.node} on link ${link.link} (${link.address})`,
          "look at the cables and firewalls of that link",
        );
      }
    }
  }
  for (const monitor of view.monitors) {
    if (monitor.verdict === "up") continue;
    const severity = monitor.verdict === "down" ? "warning" : "info";
    add(
      severity,
      "MONITOR_NOT_UP",
      `monitor ${monitor.name} is ${monitor.verdict} on ${node}: ${monitor.detail}`,
      `look after it on ${node}`,
    );
  }
  return problems;
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
  const barred = (judge?.group.candidates ?? []).filter((candidate) => !candidate.eligible);
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
