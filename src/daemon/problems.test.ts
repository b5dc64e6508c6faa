import { expect, test } from "vitest";

import type { NodeStatus, NodeView } from "../api/types.ts";
import { groupView, nodeView } from "./fixtures/pretended-cluster.ts";
import { findProblems } from "./problems.ts";

function reached(view: NodeView): NodeStatus {
  return { node: view.node, contact: "reached", view, pid: 1, version: "1" };
}

function silent(node: string): NodeStatus {
  return { node, contact: "unreachable", view: undefined, pid: undefined, version: undefined };
}

function peer(
  state: NodeView["peers"][number]["state"],
  more: Partial<NodeView["peers"][number]> = {},
): NodeView["peers"][number] {
  return {
    node: "srv2",
    state,
    mode: "online",
    incarnation: "1",
    silentMs: 1,
    links: [],
    configDiffers: false,
    macs: [],
    ...more,
  };
}

function codes(...nodes: NodeStatus[]): string[] {
  return findProblems(nodes).map(({ code }) => code);
}

test("a healthy cluster has no problems", () => {
  expect(codes(reached(nodeView("srv1")), reached(nodeView("srv2")))).toEqual([]);
});

test("a silent node is dead, gone or only silent on the control channel, as its peers say", () => {
  expect(codes(reached(nodeView("srv1", { peers: [peer("dead")] })), silent("srv2"))).toEqual(["NODE_DEAD"]);
  expect(codes(reached(nodeView("srv1", { peers: [peer("left")] })), silent("srv2"))).toEqual(["NODE_LEFT"]);
  expect(codes(reached(nodeView("srv1", { peers: [peer("up")] })), silent("srv2"))).toEqual(["CONTROL_CHANNEL_SILENT"]);
});

test("everything that a node's view shows is told with a next step", () => {
  const healthy = nodeView("srv1");
  const cases: [Partial<NodeView>, string][] = [
    [{ stalled: true }, "NODE_STALLED"],
    [{ maintenance: true }, "MAINTENANCE"],
    [{ mode: "standby" }, "NODE_STANDBY"],
    [{ peers: [peer("up", { configDiffers: true })] }, "CONFIG_DIFFERS"],
    [{ peers: [peer("up", { links: [{ link: 1, up: false, silentMs: 900, address: "10.0.0.12" }] })] }, "PATH_DOWN"],
    [{ links: [{ ...healthy.links[0]!, up: false }] }, "LINK_DOWN"],
    [{ links: [{ ...healthy.links[0]!, reach: 1 }] }, "NO_GATEWAY"],
    [{ monitors: [{ name: "app", verdict: "down", detail: "refused" }] }, "MONITOR_NOT_UP"],
    [
      { counters: { ...healthy.counters, rejected: { ...healthy.counters.rejected, "wrong-key": 3 } } },
      "WRONG_KEY_SEEN",
    ],
    [
      { counters: { ...healthy.counters, rejected: { ...healthy.counters.rejected, "foreign-cluster": 3 } } },
      "FOREIGN_CLUSTER_SEEN",
    ],
    [{ groups: [groupView({ role: "stuck" })] }, "GROUP_STUCK"],
    [{ groups: [groupView({ role: "lapsed" })] }, "GROUP_LAPSED"],
  ];
  for (const [more, code] of cases) {
    const problems = findProblems([reached(nodeView("srv1", more))]);
    expect(problems.find((problem) => problem.code === code)?.next, code).toBeTypeOf("string");
  }
});

test("a group that nobody serves is an error, and the worst comes first", () => {
  const idle = [groupView({ candidates: [{ node: "srv2", eligible: false, because: "is barred" }] })];
  const problems = findProblems([
    reached(nodeView("srv1", { groups: idle, mode: "standby" })),
    reached(nodeView("srv2", { groups: idle })),
  ]);
  expect(problems.map(({ code, severity }) => `${severity} ${code}`)).toEqual([
    "error GROUP_NOT_SERVED",
    "warning NODE_NOT_ELIGIBLE",
    "info NODE_STANDBY",
  ]);
});

test("what concerns the whole cluster or a node is told once", () => {
  const groups = [groupView({ role: "holding", candidates: [{ node: "srv2", eligible: false, because: "is dead" }] })];
  const serving = reached(nodeView("srv1", { groups, maintenance: true, peers: [peer("dead")] }));
  expect(codes(serving, silent("srv2"))).toEqual(["NODE_DEAD", "MAINTENANCE"]);
  expect(findProblems([serving])[0]).not.toHaveProperty("subject");
  expect(codes(serving, reached(nodeView("srv2", { maintenance: true, mode: "standby" })))).toEqual([
    "MAINTENANCE",
    "NODE_STANDBY",
  ]);
});
