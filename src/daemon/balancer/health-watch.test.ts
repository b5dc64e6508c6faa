import { expect, test } from "vitest";

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
