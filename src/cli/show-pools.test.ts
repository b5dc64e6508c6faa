import { stripVTControlCharacters } from "node:util";

import { expect, test } from "vitest";

import { balancerView, memberView, poolsAnswer, poolView } from "./fixtures/pretended-pools.ts";
import { memberNames, showPools } from "./show-pools.ts";

function shown(...views: Parameters<typeof showPools>): string {
  return stripVTControlCharacters(showPools(...views));
}

test("pools are one table, with sums of all engines, and reasons where a state needs one", () => {
  const onSrv1 = [
    memberView("srv1", { sessions: 7, requests: 6_000, idleSeconds: 0 }),
    memberView("srv2", { sessions: 2, requests: 900, idleSeconds: 2, drain: "operator" }),
    memberView("srv3", { health: "down", detail: "L4CON Connection refused", requests: 40, idleSeconds: 360 }),
    memberView("spare4", { node: undefined, backup: true }),
  ];
  const onSrv2 = [
    memberView("srv1", { sessions: 5, queued: 3, requests: 4_233, idleSeconds: 1 }),
    memberView("srv2", { sessions: 1, requests: 100, idleSeconds: 2, drain: "operator" }),
    memberView("srv3", { health: "down", detail: "L4CON Connection refused", requests: 2, idleSeconds: 400 }),
    memberView("spare4", { node: undefined, backup: true }),
  ];
  const answer = poolsAnswer({
    srv1: balancerView("srv1", [poolView("apache", onSrv1), poolView("static", [memberView("srv1", { weight: 0 })])]),
    srv2: balancerView("srv2", [poolView("apache", onSrv2), poolView("static", [memberView("srv1", { weight: 0 })])], {
      requestsPerSecond: 0,
      connections: 0,
      oldWorkers: 1,
    }),
  });
  expect(shown(answer)).toMatchInlineSnapshot(`
    "BALANCER  ENGINE          STATE    REQUESTS/S  CONNECTIONS  RELOADS  OLD WORKERS  CONFIG
    srv1      haproxy 2.6.12  running  120         34           3        0            c0ffee00
    srv2      haproxy 2.6.12  running  0           0            3        1            c0ffee00

    MEMBER         ADDRESS         STATE     WEIGHT  SESSIONS  QUEUED  REQUESTS  LAST USED  NOTES
    apache/srv1    10.0.0.11:8000  up        100     12        3       10233     now
    apache/srv2    10.0.0.12:8000  draining  100     3         0       1000      2 s ago    drained by an operator
    apache/srv3    10.0.0.13:8000  down      100     0         0       42        6 min ago  L4CON Connection refused
    apache/spare4  10.0.0.14:8000  backup    100     0         0       0         never
    static/srv1    10.0.0.11:8000  up        0       0         0       0         never      weight 0: no new visitors"
  `);
  expect(shown(answer, "static")).not.toContain("apache");
});

test("a weight that an operator set says so, with the cluster file's", () => {
  const answer = poolsAnswer({
    srv1: balancerView("srv1", [poolView("apache", [memberView("srv1", { weight: 7, fileWeight: 100 })])]),
  });
  expect(shown(answer).split("\n").at(-1)).toMatch(/ 7 .*weight by an operator, 100 in the cluster file$/);
});

test("what the engines see differently is told with who sees what", () => {
  const answer = poolsAnswer({
    srv1: balancerView("srv1", [poolView("apache", [memberView("srv1"), memberView("srv2", { drain: "standby" })])]),
    srv2: balancerView(
      "srv2",
      [poolView("apache", [memberView("srv1", { health: "down", detail: "L4TOUT", weight: 50 }), memberView("srv2")])],
      { configHash: "beef000000000000" },
    ),
  });
  const lines = shown(answer).split("\n");
  expect(lines.filter((line) => line.startsWith("srv2"))[0]).toMatch(/beef0000$/);
  expect(lines.slice(-2)).toEqual([
    "apache/srv1  10.0.0.11:8000  up/down      100/50  0         0       0         never      srv1 up · srv2 down: L4TOUT; weight 100 on srv1, 50 on srv2",
    "apache/srv2  10.0.0.12:8000  draining/up  100     0         0       0         never      srv1 draining · srv2 up; srv2 is in standby; nothing remains",
  ]);
});

test("a suspected pool is loud, and a silent node is told to be missing in the sums", () => {
  const pool = poolView("apache", [memberView("srv1"), memberView("srv2", { health: "down", detail: "L4TOUT" })], {
    servingAll: true,
  });
  const answer = poolsAnswer({ srv1: balancerView("srv1", [pool]), srv2: undefined });
  expect(shown(answer)).toMatchInlineSnapshot(`
    "BALANCER  ENGINE          STATE      REQUESTS/S  CONNECTIONS  RELOADS  OLD WORKERS  CONFIG
    srv1      haproxy 2.6.12  running    120         34           3        0            c0ffee00
    srv2                      no answer

     SUSPECTED  apache: too many members failed at once on srv1, so every member serves, whatever its check says 

    MEMBER       ADDRESS         STATE  WEIGHT  SESSIONS  QUEUED  REQUESTS  LAST USED  NOTES
    apache/srv1  10.0.0.11:8000  up     100     0         0       0         never
    apache/srv2  10.0.0.12:8000  down   100     0         0       0         never      serves all the same; L4TOUT

    without srv2: no answer from there, so the sums lack its sessions"
  `);
});

test("an engine that does not run says why, and its members are unknown", () => {
  const problems = [
    { code: "ENGINE_NOT_STARTED", severity: "error", message: "haproxy: cannot bind socket [0.0.0.0:80]" },
  ] as const;
  const view = balancerView("srv1", [poolView("apache", [memberView("srv1", { health: "unknown", detail: "" })])], {
    state: "down",
    version: undefined,
    connections: 0,
    requestsPerSecond: 0,
  });
  const text = shown({ ...poolsAnswer({ srv1: view }), problems });
  expect(text).toMatch(/^srv1 +haproxy +down/m);
  expect(text).toMatch(/^apache\/srv1 .* unknown/m);
  expect(text).toContain("cannot bind socket");
});

test("what nginx does not count is not shown as a zero", () => {
  const view = balancerView("srv1", [poolView("apache", [memberView("srv1", { sessions: 2 })])], { engine: "nginx" });
  const [heading, row] = shown(poolsAnswer({ srv1: view }))
    .split("\n")
    .slice(-2);
  expect(heading).toBe("MEMBER       ADDRESS         STATE  WEIGHT  SESSIONS");
  expect(row).toBe("apache/srv1  10.0.0.11:8000  up     100     2");
});

test("names from elsewhere cannot steer the terminal", () => {
  const evil = "srv\u001b[2J\u0007";
  const answer = poolsAnswer({
    srv1: balancerView("srv1", [poolView("p", [memberView(evil, { address: "10.0.0.1" })])]),
  });
  // oxlint-disable-next-line no-control-regex -- these are what must not be there
  expect(showPools(answer)).not.toMatch(/\u001b\[2J|\u0007/);
});

test("many members are counted and not all named", () => {
  expect(memberNames(["a/1"])).toBe("a/1");
  expect(memberNames(["a/1", "a/2", "a/3", "a/4"])).toBe("a/1, a/2, a/3 and a/4");
  expect(memberNames(["a/1", "a/2", "a/3", "a/4", "a/5"])).toBe("a/1, a/2, a/3 and 2 more");
});
