/** Events and what is seen of them, in every order. */

import { expect, test } from "vitest";
import { Reasons, type RecordedEvent, type SeenChange } from "./reasons.ts";

const sentences = { GROUP_TAKEN: "{node} holds {group}: {because}", NODE_PAUSED: "{node} stood still" };
const always = () => true;
const taken: RecordedEvent = {
  at: 1_000,
  node: "srv1",
  reason: "GROUP_TAKEN",
  group: "www",
  facts: { node: "srv1", group: "www", because: "it is the first" },
};
const opened: SeenChange = {
  at: 1_001,
  node: "srv1",
  group: "www",
  what: "opened its gate",
  reasons: ["GROUP_TAKEN"],
};

test("a change is explained by an event before or after it", () => {
  for (const order of ["before", "after"]) {
    const reasons = new Reasons({ sentences, withinMs: 500 });
    if (order === "before") expect(reasons.event(taken)).toBeUndefined();
    reasons.changed(opened);
    if (order === "after") expect(reasons.event({ ...taken, at: 1_400 })).toBeUndefined();
    expect(reasons.advance(5_000, always)).toEqual([]);
    expect(reasons.runs).toBe(2);
  }
});

test("a change without an event is told once its time is over, and only once", () => {
  const reasons = new Reasons({ sentences, withinMs: 500 });
  reasons.event({ ...taken, node: "srv2" });
  reasons.event({ ...taken, group: "mail" });
  reasons.event({ ...taken, at: 400 });
  reasons.changed(opened);
  expect(reasons.advance(1_500, always)).toEqual([]);
  expect(reasons.advance(1_501, always)).toEqual(["srv1 opened its gate of www at 1.001 s, and no event says why"]);
  expect(reasons.advance(9_000, always)).toEqual([]);
});

test("a change that was seen late is explained by what was recorded since the state before was seen", () => {
  const reasons = new Reasons({ sentences, withinMs: 500 });
  reasons.event(taken);
  reasons.changed({ ...opened, at: 9_000, since: 1_100 });
  expect(reasons.advance(99_000, always)).toEqual([]);
  reasons.changed({ ...opened, at: 9_000, since: 8_000 });
  expect(reasons.advance(99_000, always)).toHaveLength(1);
});

test("a node that does not run has time until it runs again, and one that ended owes nothing", () => {
  const reasons = new Reasons({ sentences, withinMs: 500 });
  reasons.changed(opened);
  expect(reasons.advance(9_000, () => false)).toEqual([]);
  expect(reasons.advance(9_400, always)).toEqual([]);
  expect(reasons.advance(9_500, always)).toHaveLength(1);
  reasons.changed(opened);
  reasons.gone("srv1");
  expect(reasons.advance(20_000, always)).toEqual([]);
});

test("an unknown word and a missing fact are told", () => {
  const reasons = new Reasons({ sentences, withinMs: 500 });
  expect(reasons.event({ ...taken, reason: "BECAUSE" })).toBe("srv1 recorded BECAUSE, a word that nobody knows");
  expect(reasons.event({ ...taken, reason: "toString" })).toContain("nobody knows");
  expect(reasons.event({ ...taken, facts: { node: "srv1", because: "" } })).toBe(
    "srv1 recorded GROUP_TAKEN without group, because",
  );
});
