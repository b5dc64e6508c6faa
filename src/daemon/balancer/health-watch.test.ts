import fc from "fast-check";
import { expect, test, vi } from "vitest";

import { member, pool } from "../../core/balancer/pretended-balancer.ts";
import { instant } from "../../core/base/time.ts";
import type { DecisionEvent } from "../../core/node/effects.ts";
import { explain } from "../../core/node/reasons.ts";
import type { MemberFigures } from "../../host/engines/engine.ts";
import { until } from "../../lab/clock.ts";
import { HealthWatch } from "./health-watch.ts";

const NAMES = ["a", "b", "c", "d", "e", "f", "g", "h"];

function watch(names: readonly string[] = NAMES.slice(0, 4)) {
  const told: string[] = [];
  let changes = 0;
  let nowMs = 0;
  const health = new HealthWatch({
    node: "srv1",
    record: ({ severity, reason, node, facts }: Omit<DecisionEvent, "at">) =>
      told.push(`${severity} ${explain(reason, { node, ...facts })}`),
    changed: () => (changes += 1),
    now: () => instant(nowMs),
  });
  health.watch([
    pool(
      "apache",
      names.map((name) => member(name)),
    ),
  ]);
  const say = async (text: string, at = 0): Promise<void> => {
    nowMs = at;
    const before = changes;
    for (const word of text.split(" ")) {
      const isUp = word.startsWith("+");
      health.heard({ key: { pool: "apache", member: word.slice(1) }, isUp, detail: isUp ? "" : "refused" });
    }
    await until("it was taken", () => changes > before);
  };
  return { health, told, say, changes: () => changes };
}

function figures(name: string, health: MemberFigures["health"]): MemberFigures {
  const counts = { sessions: 0, queued: 0, requests: 0, idleSeconds: undefined, weight: 1, isDraining: false };
  return { pool: "apache", member: name, health, detail: "L4CON", ...counts };
}

test("a member that goes down and comes back is told, its first good check is not", async () => {
  const { health, told, say } = watch();
  await say("+a +b -c");
  expect(told).toEqual(["warning apache/c is down, seen by srv1: refused"]);
  expect([...health.findings.down]).toEqual(["apache/c"]);
  await say("+c");
  expect(told.slice(1)).toEqual(["info apache/c is up, seen by srv1"]);
  expect(health.findings.down.size).toBe(0);
});

test("when more than half fail at once the pool serves all, with an alert, and it is told when it is over", async () => {
  const { health, told, say } = watch();
  await say("-a -b -c");
  expect([...health.findings.servingAll]).toEqual(["apache"]);
  expect(told.at(-1)).toBe(
    "alert 3 of 4 members of apache failed at once on srv1: its checks are not believed, all members serve",
  );
  await say("+a", 60_000);
  expect(health.findings.servingAll.size).toBe(0);
  expect(told.at(-1)).toBe("info enough members of apache answer again on srv1: its checks are believed");
});

test("many changes at once are one sentence", async () => {
  const { told, say } = watch(NAMES);
  await say("-a -b -c -d");
  told.length = 0;
  await say("+a +b +c +d -e -f", 60_000);
  expect(told).toEqual(["warning 2 members of apache went down and 4 came up, seen by srv1"]);
});

test("the engine's figures say what news was missed, and the same again is no news", async () => {
  const { health, told, say, changes } = watch();
  health.sync([figures("a", "down"), figures("b", "up"), figures("c", "unknown")]);
  await until("it was taken", () => changes() === 1);
  expect(told).toEqual(["warning apache/a is down, seen by srv1: L4CON"]);
  health.sync([figures("a", "down"), figures("b", "up"), figures("c", "unknown")]);
  await say("-d");
  expect(told).toHaveLength(2);
  expect(health.of({ pool: "apache", member: "c" })).toBeUndefined();
});

test("members and pools that left the cluster file are forgotten", async () => {
  const { health, say } = watch();
  await say("-a -b -c");
  health.watch([pool("apache", [member("a")])]);
  expect([...health.findings.down]).toEqual(["apache/a"]);
  health.watch([pool("other", [member("a")])]);
  expect(health.findings).toEqual({ down: new Set(), servingAll: new Set() });
});

test("a new cluster file is judged at once: what is suspected no more is believed, and told", async () => {
  const four = NAMES.slice(0, 4).map((name) => member(name));
  const suspect = async () => {
    const watched = watch();
    await watched.say("-a -b -c");
    expect([...watched.health.findings.servingAll]).toEqual(["apache"]);
    watched.told.length = 0;
    return watched;
  };
  const trusted = ["info enough members of apache answer again on srv1: its checks are believed"];
  const unchecked = ["info apache is not checked any more, says the cluster file of srv1: nothing is suspected"];
  // The members that failed are gone.
  const gone = await suspect();
  gone.health.watch([pool("apache", [member("d"), member("e")])]);
  expect(gone.health.findings).toEqual({ down: new Set(), servingAll: new Set() });
  expect(gone.told).toEqual(trusted);
  // More of them are allowed to fail.
  const lenient = await suspect();
  lenient.health.watch([pool("apache", four, { panicShare: 0.75 })]);
  expect(lenient.health.findings.servingAll.size).toBe(0);
  expect(lenient.health.findings.down.size).toBe(3);
  expect(lenient.told).toEqual(trusted);
  // There are no checks any more, or the whole pool is gone.
  for (const pools of [[pool("apache", four, { check: undefined })], [pool("other", four)]]) {
    const { health, told } = await suspect();
    health.watch(pools);
    expect(health.findings).toEqual({ down: new Set(), servingAll: new Set() });
    expect(health.of({ pool: "apache", member: "a" })).toBeUndefined();
    expect(told).toEqual(unchecked);
  }
  // Nothing of it is another thing.
  const same = await suspect();
  same.health.watch([pool("apache", four)]);
  expect([...same.health.findings.servingAll]).toEqual(["apache"]);
  expect(same.told).toEqual([]);
});

test("a check that comes back begins anew, and late news of one that is gone is none", () => {
  vi.useFakeTimers();
  try {
    const { health, told } = watch();
    const four = NAMES.slice(0, 4).map((name) => member(name));
    const hear = (name: string): void => {
      health.heard({ key: { pool: "apache", member: name }, isUp: false, detail: "refused" });
    };
    hear("a");
    vi.runAllTimers();
    hear("b");
    health.watch([pool("apache", four, { check: undefined })]);
    health.sync([figures("c", "down")]);
    vi.runAllTimers();
    expect(health.findings.down.size).toBe(0);
    health.watch([pool("apache", four)]);
    hear("a");
    vi.runAllTimers();
    expect([...health.findings.down]).toEqual(["apache/a"]);
    expect(told).toEqual(Array.from({ length: 2 }, () => "warning apache/a is down, seen by srv1: refused"));
  } finally {
    vi.useRealTimers();
  }
});

test("no change of the cluster file leaves a pool suspected whose checks would be believed", () => {
  const step = fc.record({
    names: fc.subarray(NAMES.slice(0, 4), { minLength: 1 }),
    isChecked: fc.boolean(),
    panicShare: fc.constantFrom(0.25, 0.5, 1),
    down: fc.subarray(NAMES.slice(0, 4)),
  });
  vi.useFakeTimers();
  try {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
        const { health } = watch();
        for (const { names, isChecked, panicShare, down } of steps) {
          const members = names.map((name) => member(name));
          health.watch([pool("apache", members, { panicShare, ...(isChecked ? {} : { check: undefined }) })]);
          const judge = () => {
            const { down: found, servingAll } = health.findings;
            expect([...found].every((id) => isChecked && names.includes(id.split("/")[1] ?? ""))).toBe(true);
            if (found.size <= panicShare * names.length) expect(servingAll.size).toBe(0);
          };
          judge();
          for (const name of NAMES.slice(0, 4))
            health.heard({ key: { pool: "apache", member: name }, isUp: !down.includes(name), detail: "" });
          vi.runAllTimers();
          judge();
        }
      }),
    );
  } finally {
    vi.useRealTimers();
  }
});
