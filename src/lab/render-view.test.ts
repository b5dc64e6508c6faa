import { expect, test } from "vitest";
import { renderView } from "./render-view.ts";
import type { ViewModel } from "./render-view.ts";

const cables = (name: string, isPulled: boolean): ViewModel["nodes"][number]["cables"] => [
  { link: "public", port: `${name}-public`, isPulled },
  { link: "private", port: `${name}-private`, isPulled: false },
];

const model: ViewModel = {
  lab: "abc",
  vip: "192.0.2.10",
  nodes: [
    { name: "srv1", isOn: true, daemon: "frozen", web: "runs", view: undefined, cables: cables("srv1", true) },
    { name: "srv2", isOn: false, daemon: "dead", web: "dead", view: undefined, cables: cables("srv2", false) },
  ],
  faults: [{ port: "srv1-private", link: "private", direction: "from-node", loss: { kind: "share", percent: 30 } }],
  client: {
    requestsPerSecond: 200,
    failedPerSecond: 3,
    requests: 1000,
    failed: 41,
    node: "srv1",
    sincePageMs: 4,
    lastGapMs: 231,
    established: { opened: 0, broken: 0 },
  },
  serving: ["srv1"],
  twoHoldersMs: 0,
  events: [],
  past: [{ node: "srv2" }, { node: undefined }, { node: "srv1" }],
  chosen: "srv1",
  message: "srv1: frozen",
};

const COLOUR = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, "g");
const plain = (lines: readonly string[]): string => lines.join("\n").replaceAll(COLOUR, "");

test("the view shows holder, members, cables, the visitor and the keys", () => {
  const text = plain(renderView(model, { columns: 110, rows: 24 }));
  expect(text).toContain("192.0.2.10  is held by srv1");
  expect(text).toMatch(/>srv1 +on +frozen +runs +\? +\? +unplugged +loses 30 % from-node/);
  expect(text).toMatch(/ srv2 +off/);
  expect(text).toContain("200 requests/s     3 failed/s   failed in all 41   last gap 0.23 s   page from srv1");
  expect(text).toContain(" 2░1");
  expect(text).toContain("on srv1: p power");
});

test("two nodes that use the address are shown as such", () => {
  expect(plain(renderView({ ...model, serving: ["srv1", "srv2"] }, { columns: 110, rows: 24 }))).toContain(
    "srv1 AND srv2",
  );
});

test("a small terminal cuts lines and never a colour code", () => {
  const lines = renderView(model, { columns: 30, rows: 12 });
  expect(lines).toHaveLength(12);
  for (const line of plain(lines).split("\n")) expect(line.length).toBeLessThanOrEqual(30);
  for (const line of lines) expect(line.split("\x1b[").length % 2).toBe(1);
});

test("the engine of every node is shown with what it makes of the members", () => {
  const member = {
    node: undefined,
    address: "10.0.0.11",
    port: 8000,
    weight: 100,
    backup: false,
    detail: "",
    queued: 0,
    requests: 9,
    idleSeconds: 1,
  } as const;
  const balancer = {
    node: "srv1",
    engine: "haproxy",
    version: "2.6.12",
    state: "running",
    configHash: "c0ffee",
    pid: 7,
    oldWorkers: 0,
    connections: 5,
    requestsPerSecond: 199.6,
    requests: 1000,
    serverErrors: 0,
    reloads: 1,
    problems: [],
    pools: [
      {
        pool: "web",
        servingAll: false,
        sticky: "cookie",
        members: [
          { ...member, member: "srv1", health: "up", drain: undefined, sessions: 3 },
          { ...member, member: "srv2", health: "up", drain: "operator", sessions: 1 },
          { ...member, member: "srv3", health: "down", drain: "operator", sessions: 0 },
        ],
      },
    ],
  } as const;
  const nodes = model.nodes.map((node) => (node.name === "srv1" ? { ...node, balancer } : node));
  const text = plain(renderView({ ...model, nodes }, { columns: 140, rows: 24 }));
  expect(text).toContain(
    "haproxy runs 200 requests/s, 5 connections;  web/srv1 up 3  web/srv2 draining 1  web/srv3 down 0",
  );
  expect(text).toContain("b drain or undrain");
  expect(plain(renderView(model, { columns: 140, rows: 24 }))).not.toContain("undrain");
});
