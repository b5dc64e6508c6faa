import { expect, test } from "vitest";

import { effective, NO_FINDINGS } from "../../core/balancer/effective.ts";
import { balancer, member, pool } from "../../core/balancer/pretended-balancer.ts";
import { drainKey, mergeWishes, NO_WISHES, weightKey } from "../../core/balancer/wishes.ts";
import type { MemberFigures } from "../../host/engines/engine.ts";
import type { ViewParts } from "./view.ts";
import { summaryOf, viewOf } from "./view.ts";

function parts(more: Partial<ViewParts> = {}): ViewParts {
  const wish = { key: drainKey({ pool: "apache", member: "b" }), value: "on", version: 1, node: "srv1" };
  const members = ["a", "b", "c", "d"].map((name) => member(name));
  const config = balancer({ pools: [pool("quiet", [member("x")]), pool("apache", members)] });
  return {
    node: "srv1",
    wanted: effective(config, {
      wishes: mergeWishes(NO_WISHES, [wish]).book,
      standby: new Set(),
      findings: NO_FINDINGS,
    }),
    configHash: "c0ffee",
    keeper: { state: "running", version: "2.6.12", reloads: 3, problems: [] },
    figures: undefined,
    health: { of: ({ member: name }) => (name === "c" ? { isUp: false, detail: "refused" } : undefined) },
    problems: [],
    ...more,
  };
}

function figures(name: string, health: MemberFigures["health"]): MemberFigures {
  const counts = { sessions: 2, queued: 0, requests: 9, idleSeconds: 1, weight: 1, isDraining: false };
  return { pool: "apache", member: name, health, detail: "L7OK", ...counts };
}

test("without figures a view says what is known besides, and counts nothing", () => {
  const view = viewOf(parts());
  expect(view).toMatchObject({ state: "running", version: "2.6.12", reloads: 3, pid: undefined, connections: 0 });
  expect(view.pools[1]?.members).toMatchObject([
    { member: "a", health: "unknown", detail: "", drain: undefined, requests: 0 },
    { member: "b", health: "unknown", drain: "operator" },
    { member: "c", health: "down", detail: "refused" },
    { member: "d" },
  ]);
});

test("a weight that an operator set stands beside the cluster file's", () => {
  const config = balancer({ pools: [pool("apache", [member("a"), member("b")])] });
  const wish = { key: weightKey({ pool: "apache", member: "b" }), value: "7", version: 1, node: "srv1" };
  const wishes = mergeWishes(NO_WISHES, [wish]).book;
  const view = viewOf(parts({ wanted: effective(config, { wishes, standby: new Set(), findings: NO_FINDINGS }) }));
  expect(view.pools[0]?.members.map(({ weight, fileWeight }) => [weight, fileWeight])).toEqual([
    [100, undefined],
    [7, 100],
  ]);
});

test("a summary counts every member once and shows pools with something to tell first", () => {
  const engine = {
    version: "2.6.13",
    pid: 7,
    oldWorkers: 1,
    connections: 4,
    requestsPerSecond: 2,
    requests: 9,
    serverErrors: 0,
  };
  const members = [figures("a", "up"), figures("b", "up"), figures("d", "unknown")];
  const summary = summaryOf(viewOf(parts({ figures: { ...engine, members } })));
  expect(summary).toMatchObject({ version: "2.6.13", pid: 7, poolCount: 2 });
  expect(summary.pools.map((one) => one.pool)).toEqual(["apache", "quiet"]);
  // d is neither: nobody knows.
  expect(summary.pools[0]).toMatchObject({ members: 4, up: 1, draining: 1, down: 1, sessions: 6 });
});
