import fc from "fast-check";
import { expect, test } from "vitest";

import type { Facts } from "./effective.ts";
import { effective, NO_FINDINGS, poolsLeftEmpty, restingDrains } from "./effective.ts";
import { balancer, member, pool } from "./pretended-balancer.ts";
import { memberId, wantedOf } from "./wanted.ts";
import type { MemberWish } from "./wishes.ts";
import { drainKey, mergeWishes, NO_WISHES, weightKey } from "./wishes.ts";

const CONFIG = balancer({
  pools: [
    pool("apache", [member("srv1", { node: "srv1" }), member("srv2", { node: "srv2" }), member("far", { weight: 10 })]),
    pool("images", [member("srv1", { node: "srv1" }), member("srv2", { node: "srv2", backup: true })]),
  ],
});

interface Told {
  readonly drained?: readonly string[];
  readonly forced?: readonly string[];
  readonly weights?: Readonly<Record<string, number>>;
  readonly standby?: readonly string[];
  readonly down?: readonly string[];
  readonly servingAll?: readonly string[];
}

function facts({ drained = [], forced = [], weights = {}, standby = [], down = [], servingAll = [] }: Told): Facts {
  const key = (id: string) => ({ pool: id.split("/")[0] ?? "", member: id.split("/")[1] ?? "" });
  const wish = (word: string, value: string): MemberWish => ({ key: word, value, version: 1, node: "srv1" });
  const wishes = [
    ...drained.map((id) => wish(drainKey(key(id)), "on")),
    ...forced.map((id) => wish(drainKey(key(id)), "force")),
    ...Object.entries(weights).map(([id, weight]) => wish(weightKey(key(id)), String(weight))),
  ];
  return {
    wishes: mergeWishes(NO_WISHES, wishes).book,
    standby: new Set(standby),
    findings: { down: new Set(down), servingAll: new Set(servingAll) },
  };
}

/** Members that are drained, with the cause. */
function drains(told: Told, config = CONFIG): string[] {
  return effective(config, facts(told)).members.flatMap((want) =>
    want.drain === undefined ? [] : [`${memberId(want)} ${want.drain}`],
  );
}

test("without wishes it is the cluster file", () => {
  expect(effective(CONFIG, { wishes: NO_WISHES, standby: new Set(), findings: NO_FINDINGS })).toEqual(wantedOf(CONFIG));
});

test("wishes change weight and drain of their member only, and wishes about others change nothing", () => {
  const wanted = effective(CONFIG, facts({ drained: ["apache/srv1", "old/gone"], weights: { "apache/far": 0 } }));
  const before = wantedOf(CONFIG).members;
  expect(wanted.members).toEqual(
    before.map((want) => {
      if (memberId(want) === "apache/srv1") return { ...want, drain: "operator" };
      return memberId(want) === "apache/far" ? { ...want, weight: 0 } : want;
    }),
  );
});

test("a standby drains the node's members in all pools", () => {
  expect(drains({ standby: ["srv1"] })).toEqual(["apache/srv1 standby", "images/srv1 standby"]);
});

test("a standby never drains the last members that could take new visitors", () => {
  expect(drains({ standby: ["srv1", "srv2"] })).toEqual(["apache/srv1 standby", "apache/srv2 standby"]);
  expect(drains({ standby: ["srv1", "srv2"], down: ["apache/far"] })).toEqual([]);
  expect(drains({ standby: ["srv1", "srv2"], weights: { "apache/far": 0 } })).toEqual([]);
  expect(drains({ standby: ["srv1"], drained: ["apache/srv2", "apache/far"] })).toEqual([
    "apache/srv2 operator",
    "apache/far operator",
    "images/srv1 standby",
  ]);
  // Checks that are not believed are no reason to keep a node's members.
  expect(drains({ standby: ["srv1", "srv2"], down: ["apache/far"], servingAll: ["apache"] })).toEqual([
    "apache/srv1 standby",
    "apache/srv2 standby",
  ]);
});

test("a drain does not count while nobody else of the pool is up, and counts again when somebody is", () => {
  const drained = ["apache/srv1", "images/srv1"];
  expect(drains({ drained, down: ["apache/srv2"] })).toEqual(["apache/srv1 operator", "images/srv1 operator"]);
  const told = { drained, down: ["apache/srv2", "apache/far"] };
  expect(drains(told)).toEqual(["images/srv1 operator"]);
  expect(restingDrains(effective(CONFIG, facts(told)), facts(told).wishes)).toEqual(["apache/srv1"]);
  // A member of which a check says good things is better than those of which suspected checks say bad ones.
  expect(drains({ ...told, servingAll: ["apache"] })).toEqual(["images/srv1 operator"]);
  // What is down itself is no help.
  expect(drains({ drained, down: ["apache/srv1", "apache/srv2", "apache/far"] })).toEqual([
    "apache/srv1 operator",
    "images/srv1 operator",
  ]);
  // Where nobody passes and the checks are not believed, all may serve.
  const all = ["images/srv1", "images/srv2"];
  expect(drains({ drained: all, down: all, servingAll: ["images"] })).toEqual([]);
  // Two operators at the same moment, on two nodes: nobody said that the pool may be empty.
  expect(drains({ drained: ["images/srv1", "images/srv2"] })).toEqual([]);
});

test("a forced drain counts also for the last member, and says that the pool may be empty", () => {
  expect(drains({ forced: ["images/srv1", "images/srv2"] })).toEqual(["images/srv1 operator", "images/srv2 operator"]);
  expect(drains({ drained: ["images/srv1"], forced: ["images/srv2"] })).toEqual([
    "images/srv1 operator",
    "images/srv2 operator",
  ]);
  expect(drains({ forced: ["images/srv1"], down: ["images/srv2"] })).toEqual(["images/srv1 operator"]);
});

test("a member whose drain rests is drained by its node's standby when another one can take its place", () => {
  const drained = ["apache/srv1", "apache/far"];
  expect(drains({ drained, down: ["apache/srv2"], standby: ["srv1"] })).toEqual([
    "apache/srv1 standby",
    "images/srv1 standby",
  ]);
  expect(drains({ drained: ["images/srv1"], down: ["images/srv2"], standby: ["srv1"] })).toEqual([
    "apache/srv1 standby",
  ]);
});

test("a drain that leaves nobody for new visitors is found, with nodes in standby counted as gone", () => {
  const images = (id: string) => [{ pool: "images", member: id }];
  expect(poolsLeftEmpty(CONFIG, facts({}), images("srv1"))).toEqual([]);
  expect(poolsLeftEmpty(CONFIG, facts({ standby: ["srv2"] }), images("srv1"))).toEqual(["images"]);
  expect(poolsLeftEmpty(CONFIG, facts({ drained: ["images/srv2"] }), images("srv1"))).toEqual(["images"]);
  expect(poolsLeftEmpty(CONFIG, facts({ down: ["images/srv2"] }), images("srv1"))).toEqual(["images"]);
  expect(poolsLeftEmpty(CONFIG, facts({ weights: { "images/srv2": 0 } }), images("srv1"))).toEqual(["images"]);
  expect(poolsLeftEmpty(CONFIG, facts({}), [...images("srv1"), ...images("srv2")])).toEqual(["images"]);
  // Somebody else's pool does not matter.
  expect(
    poolsLeftEmpty(CONFIG, facts({ drained: ["images/srv1", "images/srv2"] }), [{ pool: "apache", member: "srv1" }]),
  ).toEqual([]);
});

test("only engines without checks of their own are told what our checks found", () => {
  const down = { down: ["apache/srv1"] };
  const isUp = (config = CONFIG, told: Told = down) =>
    effective(config, facts(told)).members.find((want) => memberId(want) === "apache/srv1")?.isUp;
  expect(isUp()).toBe(true);
  expect(isUp({ ...CONFIG, engine: "nginx" })).toBe(false);
  expect(isUp({ ...CONFIG, engine: "nginx" }, { ...down, servingAll: ["apache"] })).toBe(true);
});

test("whatever is in standby and down, a pool keeps a member for new visitors unless operators insisted on another thing", () => {
  const ids = CONFIG.pools.flatMap((one) => one.members.map(({ name }) => `${one.name}/${name}`));
  const told = fc.record({
    drained: fc.subarray(ids),
    forced: fc.subarray(ids, { maxLength: 1 }),
    standby: fc.subarray(["srv1", "srv2"]),
    down: fc.subarray(ids),
    servingAll: fc.subarray(["apache", "images"]),
  });
  fc.assert(
    fc.property(told, (one) => {
      const wanted = effective(CONFIG, facts(one));
      const isUsable = (id: string) => one.servingAll.includes(id.split("/")[0] ?? "") || !one.down.includes(id);
      for (const { name } of CONFIG.pools) {
        const usable = wanted.members.filter((want) => want.pool === name && isUsable(memberId(want)));
        const isForced = one.forced.some((id) => id.startsWith(`${name}/`));
        const open = usable.filter((want) => !isForced || want.drain !== "operator");
        if (open.length > 0) expect(open.some((want) => want.drain === undefined)).toBe(true);
      }
    }),
  );
});
