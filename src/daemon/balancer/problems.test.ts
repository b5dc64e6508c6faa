import { expect, test } from "vitest";

import type { MemberView, PoolView } from "../../api/balancer.ts";
import type { Problem } from "../../core/base/report.ts";
import { NO_WISHES, mergeWishes } from "../../core/balancer/wishes.ts";
import type { KeeperState } from "./keeper.ts";
import type { OwnFacts } from "./problems.ts";
import { clusterProblems, ownProblems } from "./problems.ts";

const RUNS: KeeperState = { state: "running", version: "2.6.12", reloads: 0, problems: [] };

function view(member: string, more: Partial<MemberView> = {}): MemberView {
  const counts = { sessions: 0, queued: 0, requests: 0, idleSeconds: undefined };
  const place = { node: undefined, address: "10.0.0.11", port: 8_000, weight: 1, backup: false };
  return { member, ...place, ...counts, drain: undefined, health: "up", detail: "", ...more };
}

function pool(members: readonly MemberView[], more: Partial<PoolView> = {}): PoolView {
  return { pool: "apache", servingAll: false, sticky: undefined, members, ...more };
}

function own(more: Partial<OwnFacts>): string[] {
  const facts = { node: "srv1", engine: "haproxy", keeper: RUNS, pools: [], wishes: NO_WISHES, unheard: new Map() };
  return ownProblems({ ...facts, ...more }).map(({ severity, code, message }) => `${severity} ${code} ${message}`);
}

test("a balancer that runs with all members up has nothing to tell", () => {
  expect(own({ pools: [pool([view("srv1"), view("srv2", { health: "unknown" })])] })).toEqual([]);
});

test("an engine that does not run is an error in its own words, with its own next step", () => {
  const problem: Problem = {
    code: "ENGINE_MISSING",
    severity: "error",
    message: "haproxy is not installed",
    next: "apt install haproxy",
  };
  const keeper: KeeperState = { ...RUNS, state: "down", problems: [problem] };
  expect(own({ keeper })).toEqual(["error ENGINE_DOWN haproxy does not run on srv1: haproxy is not installed"]);
  const [told] = ownProblems({
    node: "srv1",
    engine: "haproxy",
    keeper,
    pools: [],
    wishes: NO_WISHES,
    unheard: new Map(),
  });
  expect(told).toMatchObject({ next: "apt install haproxy", subject: { node: "srv1" } });
});

test("what a running engine refused is told with the node's name", () => {
  const problems: Problem[] = [{ code: "ENGINE_REFUSED", severity: "error", message: "unknown keyword" }];
  expect(own({ keeper: { ...RUNS, problems } })).toEqual(["error ENGINE_REFUSED srv1: unknown keyword"]);
});

test("members that are down or drained are named, many are counted", () => {
  const wish = { key: "drain/apache/srv2", value: "on", version: 1, node: "srv9" };
  const members = [
    view("srv1", { health: "down" }),
    view("srv2", { drain: "operator" }),
    view("srv3", { drain: "standby" }),
    view("srv4"),
  ];
  expect(own({ pools: [pool(members)], wishes: mergeWishes(NO_WISHES, [wish]).book })).toEqual([
    "warning MEMBER_DOWN apache/srv1 is down",
    "info MEMBER_DRAINED apache/srv2 gets no new visitors: wished at srv9",
  ]);
  const many = Array.from({ length: 12 }, (_, index) => view(`m${index}`, { health: "down", drain: "operator" }));
  const told = own({ pools: [pool([...many, view("alone")])] });
  expect(told).toHaveLength(22);
  expect(told).toContain("warning MEMBERS_DOWN 2 more members are down");
  expect(told).toContain("info MEMBERS_DRAINED 2 more members get no new visitors");
});

test("a pool without anybody for new visitors is an error, unless its checks are not believed", () => {
  const members = [view("a", { health: "down" }), view("b", { drain: "operator" }), view("c", { weight: 0 })];
  const codes = (more: Partial<PoolView>) => own({ pools: [pool(members, more)] }).map((line) => line.slice(0, 16));
  expect(codes({})[0]).toBe("error POOL_EMPTY");
  expect(codes({ servingAll: true })).not.toContain("error POOL_EMPTY");
  expect(codes({ members: [...members, view("d", { backup: true })] })).not.toContain("error POOL_EMPTY");
});

test("a drain that does not count, and a weight that an operator set, are told with who wished it", () => {
  const wish = (key: string, value: string) => ({ key, value, version: 1, node: "srv9" });
  const wishes = mergeWishes(NO_WISHES, [wish("drain/apache/a", "on"), wish("weight/apache/c", "7")]).book;
  const members = [view("a"), view("b", { health: "down" }), view("c", { weight: 7, fileWeight: 100 })];
  const told = own({ pools: [pool(members)], wishes });
  expect(told).toContain(
    "warning DRAIN_RESTS the drain of apache/a does not count while nobody else of apache is up: it takes new visitors",
  );
  expect(told).toContain("info MEMBER_WEIGHTED apache/c has weight 7, and 100 in the cluster file: wished at srv9");
});

test("a suspected pool and wishes that a node has not heard are warnings", () => {
  const suspected = pool([view("a", { health: "down" }), view("b", { health: "down" }), view("c")], {
    servingAll: true,
  });
  const told = own({ pools: [suspected], unheard: new Map([["srv2", 1]]) });
  expect(told[0]).toBe(
    "warning POOL_SUSPECTED 2 of 3 members of apache failed their checks at once: the checks are not believed, and all members serve",
  );
  expect(told.at(-1)).toBe("warning WISHES_NOT_HEARD srv2 has not heard 1 wish about members");
});

test("what several nodes tell is told once, with their names where not all see it", () => {
  const down = (member: string): Problem => ({
    code: "MEMBER_DOWN",
    severity: "warning",
    message: `${member} is down`,
  });
  const told = clusterProblems([
    { node: "srv1", configHash: "a", problems: [down("apache/x"), down("apache/y")] },
    { node: "srv2", configHash: "a", problems: [down("apache/x")] },
    { node: "srv3", configHash: "a", problems: [down("apache/x"), down("apache/y"), down("apache/z")] },
  ]);
  expect(told.map(({ message }) => message)).toEqual([
    "apache/x is down",
    "apache/y is down, as srv1, srv3 see it",
    "apache/z is down, as srv3 sees it",
  ]);
});

test("nodes that balance by different files are told apart", () => {
  const told = clusterProblems([
    { node: "srv1", configHash: "a", problems: [] },
    { node: "srv2", configHash: "b", problems: [] },
    { node: "srv3", configHash: "a", problems: [] },
  ]);
  expect(told.map(({ code, message }) => `${code} ${message}`)).toEqual([
    "BALANCER_DIFFERS the nodes balance by different cluster files: srv1, srv3 / srv2",
  ]);
});
