import { expect, test } from "vitest";
import { parseCluster } from "../core/config/parse.ts";
import type { Entry, Simulation } from "../sim/what-if/simulation.ts";
import { wiresOf } from "../sim/wires.ts";
import { showHeading, showSimulation } from "./show-simulation.ts";

function decision(at: number, reason: string, text: string, by = ["srv1"]): Entry {
  return { at, kind: "decision", by, severity: "info", reason, nodes: ["srv2"], links: [1], text };
}

function simulation(entries: Entry[], more: Partial<Simulation> = {}): Simulation {
  const state = { group: "www", on: ["srv1"], epoch: 16, because: undefined, pending: {} };
  return {
    seed: 1,
    start: [state],
    entries,
    moves: [],
    gaps: [],
    expectations: [],
    end: [state],
    untilMs: 5_000,
    isSettled: true,
    ...more,
  };
}

function timelineOf(entries: Entry[]): string[] {
  return (showSimulation(simulation(entries)).split("\n\n")[1] ?? "").split("\n").map((line) => line.trim());
}

test("quiet times are folded, and what comes and goes is told once until something else happens", () => {
  const down = (at: number) => decision(at, "LINK_DOWN", "down");
  const up = (at: number) => decision(at, "LINK_UP", "up");
  const said: Entry = { at: 4_700, kind: "script", by: [], severity: "info", text: "heal all" };
  expect(timelineOf([down(100), up(200), down(300), up(400), down(2_900), said, down(4_800)])).toEqual([
    "0.100  srv1    down  LINK_DOWN",
    "0.200  srv1    up  LINK_UP",
    "… the like 3 times more, until 2.900",
    "… 1.8 s without news",
    "4.700  script  heal all",
    "4.800  srv1    down  LINK_DOWN",
  ]);
});

test("what is decided again and again is not told each time, and a summary names only some moves", () => {
  const entries = Array.from({ length: 9 }, (_, i) => decision(100 * i, "GROUP_TAKEN", "taken"));
  expect(timelineOf(entries)).toEqual([
    "0.000  srv1  taken  GROUP_TAKEN",
    "0.100  srv1  taken  GROUP_TAKEN",
    "… the like 7 times more, until 0.800",
  ]);
  const moves = entries.map(({ at }) => ({ group: "www", from: "srv1", to: "srv1", at, afterMs: at, epoch: 1 }));
  expect(showSimulation(simulation([], { moves })).split("\n").at(-1)).toBe(
    "  www: taken up again by srv1 after 0 ms, taken up again by srv1 after 100 ms, taken up again by srv1 after 200 ms, taken up again by srv1 after 300 ms, and 5 times more; clients always got an answer",
  );
});

test("many who record the same are counted", () => {
  const by = ["srv2", "srv3", "srv4", "srv5"];
  expect(timelineOf([decision(0, "PEER_DEAD", "dead", by)])).toEqual(["0.000  srv2, srv3 +2  dead  PEER_DEAD"]);
});

test("a text from elsewhere cannot steer the terminal", () => {
  expect(timelineOf([decision(0, "SERVICE_DIED", "it said \u001b[2Jgone\nand more")])).toEqual([
    "0.000  srv1  it said gone and more  SERVICE_DIED",
  ]);
});

test("the two sides of the gateway are told apart only where they differ", () => {
  const gap = (side: "segment" | "gateway", from: number, to: number | undefined) => ({
    vip: "192.0.2.10",
    group: "www",
    side,
    from,
    to,
    ms: (to ?? 5_000) - from,
  });
  const told = (...gaps: Simulation["gaps"]) => showSimulation(simulation([], { gaps })).split("\n").at(-1);
  expect(told(gap("segment", 0, 200), gap("gateway", 0, 201))).toBe("  www: stayed; clients without answer 200 ms");
  expect(told(gap("gateway", 0, 3_000))).toBe(
    "  www: stayed; clients without answer 3.00 s behind the gateway, never on the segment",
  );
  expect(told(gap("segment", 0, 200), gap("segment", 1_000, undefined), gap("gateway", 0, 300))).toBe(
    "  www: stayed; clients without answer 4.20 s in 2 gaps, the longest 4.00 s and still at the end on the segment, 300 ms behind the gateway",
  );
  expect(told()).toBe("  www: stayed; clients always got an answer");
});

test("the summary says that a promise was broken, and that a group is nowhere", () => {
  const broken: Entry = { at: 100, kind: "broken", by: [], severity: "alert", text: "served by two" };
  const nowhere = { group: "www", on: [], epoch: 16, because: "all stand by", pending: {} };
  expect(
    showSimulation(simulation([broken], { end: [nowhere] }))
      .split("\n")
      .slice(-2),
  ).toEqual([
    "  www: nowhere at the end; clients always got an answer",
    "  a promise was broken once: see the timeline",
  ]);
});

test("the heading shows every name of a link, on lines that are not too long", () => {
  const nodes = Array.from({ length: 9 }, (_, i) => `node${i}: { address: 192.0.2.${100 + i} }`).join(", ");
  const vip = "{ address: 192.0.2.10/24, device: ens3 }";
  const text = `cluster: c\nnodes: { ${nodes} }\ngroups: { www: { resources: [{ vip: ${vip} }] } }\n`;
  const parsed = parseCluster(text, "c.yaml");
  if (!parsed.ok) throw new Error("the file has errors");
  const { config } = parsed.value;
  const gateways = [{ link: 0, addresses: ["192.0.2.1"], isAssumed: true }];
  const lines = showHeading({ config, wires: wiresOf(config), gateways, seed: 4 }, 3).split("\n");
  expect(lines[0]).toBe("cluster c, simulated with seeds 4 to 6");
  expect(lines[1]).toMatch(/^ {2}link 0 {2}ens3 {2}node0 192\.0\.2\.100 · node1 192\.0\.2\.101 · /);
  expect(lines.at(-1)).toMatch(/^ {16}.*gateway 192\.0\.2\.1 \(assumed: the file names none\)$/);
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(130);
});
