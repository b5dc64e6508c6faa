import { stripVTControlCharacters } from "node:util";

import { expect, test } from "vitest";

import type { BalancerSummary } from "../api/balancer.ts";
import type { ClusterStatus, WhyAnswer } from "../api/types.ts";
import { nodeView } from "../daemon/fixtures/pretended-cluster.ts";
import { balancerView } from "./fixtures/pretended-pools.ts";
import { list, showBalancer } from "./show-balancer.ts";
import { showWhy } from "./show-why.ts";

type Pool = BalancerSummary["pools"][number];

function pool(name: string, more: Partial<Pool> = {}): Pool {
  return { pool: name, servingAll: false, members: 3, up: 3, draining: 0, down: 0, sessions: 0, ...more };
}

function summary(node: string, pools: readonly Pool[], more: Partial<BalancerSummary> = {}): BalancerSummary {
  return { ...balancerView(node, []), pools, poolCount: pools.length, ...more };
}

function shown(...balancers: readonly (BalancerSummary | undefined)[]): string {
  const nodes: ClusterStatus["nodes"] = balancers.map((balancer, index) => ({
    node: `srv${index + 1}`,
    contact: "reached",
    view: undefined,
    pid: 1,
    version: "1",
    balancer,
  }));
  const status = { cluster: "demo", answeredBy: "srv1", time: 1, nodes, problems: [] };
  return stripVTControlCharacters(showBalancer(status).join("\n\n"));
}

test("without a balancer nothing is said of one", () => {
  expect(shown(undefined, undefined)).toBe("");
});

test("engines and pools are told in short, and a node that is not heard of", () => {
  const first = summary("srv1", [
    pool("apache", { up: 1, draining: 1, down: 1, sessions: 12 }),
    pool("static", { members: 2, up: 0 }),
  ]);
  expect(shown({ ...first, version: "2.6.12-1+deb12u4" }, undefined)).toMatchInlineSnapshot(`
    "BALANCER  ENGINE          STATE      REQUESTS/S  CONNECTIONS  RELOADS  OLD WORKERS  CONFIG
    srv1      haproxy 2.6.12  running    120         34           3        0            c0ffee00
    srv2                      no answer

    POOL    SESSIONS  MEMBERS
    apache  12        1 of 3 up, 1 draining, 1 down
    static  0         0 of 2 up, 2 unknown"
  `);
});

test("engines that count differently are both told, and so are configs that differ", () => {
  const text = shown(
    summary("srv1", [pool("apache", { sessions: 2 })]),
    summary("srv2", [pool("apache", { up: 2, down: 1, sessions: 3 })], {
      configHash: "beef000000000000",
      state: "down",
    }),
  );
  expect(text).toMatch(/^apache +5 +srv1: 3 of 3 up · srv2: 2 of 3 up, 1 down$/m);
  expect(text).toMatch(/^srv2 +haproxy 2\.6\.12 +down .*beef0000$/m);
});

test("pools that are left out are counted, and a suspected one is loud", () => {
  const text = shown(
    summary("srv1", [pool("apache", { servingAll: true })], { poolCount: 30 }),
    summary("srv2", [pool("apache", { servingAll: true })], { poolCount: 30 }),
  );
  expect(text).toContain("SUSPECTED  apache: too many members failed at once on srv1 and srv2, so every member serves");
  expect(text).toMatch(/^and 29 more: `understudy pools`$/m);
});

test("why tells the balancer's monitor, and every other that is not up", () => {
  const monitors = [
    { name: "balancer", verdict: "down", detail: "haproxy ended: killed" },
    { name: "web", verdict: "up", detail: "" },
    { name: "db", verdict: "unknown", detail: "not asked yet" },
  ] as const;
  const nodes = [{ node: "srv1", view: nodeView("srv1", { monitors }) }];
  const answer: WhyAnswer = { group: "www", holder: "srv1", epoch: 7, nodes, events: [] };
  expect(stripVTControlCharacters(showWhy(answer))).toContain(
    "monitors\n  srv1  balancer  down     haproxy ended: killed\n  srv1  db        unknown  not asked yet",
  );
});

test("names are listed as people write them", () => {
  expect([list([]), list(["a"]), list(["a", "b"]), list(["a", "b", "c"])]).toEqual(["", "a", "a and b", "a, b and c"]);
});
