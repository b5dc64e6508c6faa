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
    { name: "srv1", isOn: true, daemon: "frozen", nginx: "runs", view: undefined, cables: cables("srv1", true) },
    { name: "srv2", isOn: false, daemon: "dead", nginx: "dead", view: undefined, cables: cables("srv2", false) },
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
