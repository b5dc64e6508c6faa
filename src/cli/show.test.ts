import { stripVTControlCharacters } from "node:util";

import { expect, test } from "vitest";

import type { ClusterStatus, EventRecord, WhyAnswer } from "../api/types.ts";
import { instant } from "../core/base/time.ts";
import { groupView, nodeView } from "../daemon/fixtures/pretended-cluster.ts";
import { showStatus } from "./show-status.ts";
import { showEvents, showWhy } from "./show-why.ts";
import { clockTime, duration, harmless, table } from "./terminal.ts";

const decision = {
  at: instant(1),
  severity: "info",
  reason: "GROUP_TAKEN",
  group: "www",
  node: "srv1",
  link: undefined,
  facts: { epoch: 7, because: "it is the first eligible node" },
} as const;

const event: EventRecord = {
  id: "srv1:a:1",
  by: "srv1",
  time: new Date(2026, 0, 2, 3, 4, 5, 6).getTime(),
  severity: "info",
  reason: "GROUP_TAKEN",
  group: "www",
  node: "srv1",
  link: undefined,
  facts: { epoch: 7 },
  text: "srv1 holds www at epoch 7: it is the first eligible node",
};

const holder = nodeView("srv1", {
  groups: [
    groupView({
      role: "holding",
      leaseMs: 180,
      decision,
      timers: { lease: 180 },
      candidates: [
        { node: "srv1", eligible: true, because: "is well" },
        { node: "srv2", eligible: false, because: "is barred" },
      ],
      wouldChange: ["if srv1 failed, nobody would take over"],
    }),
  ],
});

function status(more: Partial<ClusterStatus> = {}): ClusterStatus {
  return {
    cluster: "demo",
    answeredBy: "srv1",
    time: event.time,
    nodes: [
      { node: "srv1", contact: "here", view: holder, pid: 42, version: "1.2.3" },
      { node: "srv2", contact: "reached", view: nodeView("srv2"), pid: 43, version: "1.2.3" },
    ],
    problems: [],
    ...more,
  };
}

function plain(text: string): string {
  return stripVTControlCharacters(text);
}

test("status shows nodes, groups and problems in aligned columns", () => {
  const problem = {
    code: "NODE_DEAD",
    severity: "error",
    message: "srv2 is not heard",
    next: "look after it",
  } as const;
  const text = plain(showStatus(status({ problems: [problem] })));
  expect(text).toMatchInlineSnapshot(`
    "demo  as srv1 sees it at 2026-01-02 03:04:05.006

    NODE  STATE   CONTACT  PID  VERSION  CONFIG    LINKS
    srv1  online  here     42   1.2.3    c0ffee00  eth0 192.0.2.11 gateway
    srv2  online  reached  43   1.2.3    c0ffee00  eth0 192.0.2.11 gateway

    GROUP  HOLDER  STATE    EPOCH  LEASE   LATEST DECISION
    www    srv1    holding  7      180 ms  srv1 holds www at epoch 7: it is the first eligible node

    NODE_DEAD  srv2 is not heard
         next: look after it"
  `);
});

test("a node that does not answer is shown as its peers see it", () => {
  const peer = {
    node: "srv2",
    state: "dead",
    mode: "online",
    incarnation: "1",
    silentMs: 900,
    links: [],
    configDiffers: false,
    macs: [],
  } as const;
  const view = { ...holder, peers: [peer] };
  const text = plain(
    showStatus(
      status({
        nodes: [
          { node: "srv1", contact: "here", view, pid: 42, version: "1" },
          { node: "srv2", contact: "unreachable", view: undefined, pid: undefined, version: undefined },
        ],
      }),
    ),
  );
  expect(text).toMatch(/^srv2 {2}dead +no answer$/m);
});

test("a group that nobody serves is shown as such, with its last holder", () => {
  const idle = nodeView("srv1", { groups: [groupView({ holder: "srv2" })] });
  const nodes = [{ node: "srv1", contact: "here", view: idle, pid: 1, version: "1" }] as const;
  expect(plain(showStatus(status({ nodes })))).toMatch(/^www +srv2 +not served +7$/m);
});

test("why tells the decision, its facts, the timers, the candidates and what would change it", () => {
  const answer: WhyAnswer = {
    group: "www",
    holder: "srv1",
    epoch: 7,
    nodes: [
      { node: "srv2", view: nodeView("srv2") },
      { node: "srv1", view: holder },
    ],
    events: [event],
  };
  expect(plain(showWhy(answer))).toMatchInlineSnapshot(`
    "www is served by srv1 (epoch 7; its lease ends in 180 ms unless it is renewed)

    GROUP_TAKEN  srv1 holds www at epoch 7: it is the first eligible node  at 2026-01-02 03:04:05.006 on srv1
      epoch    7
      because  it is the first eligible node

    timers
      lease  in 180 ms

    who may hold it
      srv1  yes  is well
      srv2  no   is barred

    what would change it
      if srv1 failed, nobody would take over

    as each node sees it
      srv2  holder srv1  epoch 7  its own role: idle
      srv1  holder srv1  epoch 7  its own role: holding

    latest events
      2026-01-02 03:04:05.006  info  srv1  GROUP_TAKEN  srv1 holds www at epoch 7: it is the first eligible node"
  `);
});

test("why of a group that nobody serves says so", () => {
  const answer: WhyAnswer = { group: "www", holder: undefined, epoch: 0, nodes: [], events: [] };
  expect(plain(showWhy(answer))).toContain("not served by any node that answers (epoch 0; it was never held)");
});

test("text from elsewhere cannot steer the terminal", () => {
  const text = showEvents([{ ...event, text: "\u001b[2Jgone\r\n\u0007" }]);
  expect(plain(text)).toContain("gone");
  expect(text).not.toContain("\u001b[2J");
  expect(harmless("a\u001b]0;title\u0007b\tc")).not.toMatch(/\p{Cc}/u);
});

test("columns are aligned by what is visible", () => {
  expect(
    table([
      ["\u001b[31mred\u001b[39m", "x"],
      ["blue", "y"],
    ]),
  ).toBe("\u001b[31mred\u001b[39m   x\nblue  y");
});

test("times and durations are written for people", () => {
  const time = new Date(2026, 0, 2, 3, 4, 5, 6).getTime();
  expect(clockTime(time, time)).toBe("03:04:05.006");
  expect([duration(3.4), duration(1_500), duration(600_000), duration(Infinity)]).toEqual([
    "3 ms",
    "1.5 s",
    "10 min",
    "for ever",
  ]);
});
