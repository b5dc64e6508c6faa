/** Moves against causes, one at a time. */

import { expect, test } from "vitest";
import { Flapping } from "./flapping.ts";

const move = (at: number, from = "srv1", to = "srv2") => ({ at, group: "www", from, to });

test("a move needs a cause, and a cause pays for so many moves of each group", () => {
  const flapping = new Flapping({ perCause: 2, reactionMs: 5_000, everyMs: 2_000 });
  expect(flapping.moved(move(100))).toContain("www moved from srv1 to srv2");
  flapping.cause(1_000);
  expect(flapping.moved(move(1_300))).toBeUndefined();
  expect(flapping.moved(move(2_300))).toBeUndefined();
  expect(flapping.moved({ ...move(2_400), group: "mail" })).toBeUndefined();
  expect(flapping.moved(move(2_500))).toContain("paid for already");
  expect([flapping.runs, flapping.causes]).toEqual([5, 1]);
});

test("a cause that is over long ago pays for nothing", () => {
  const flapping = new Flapping({ perCause: 2, reactionMs: 5_000, everyMs: 2_000 });
  flapping.cause(1_000);
  expect(flapping.moved(move(6_001))).toBeDefined();
});

test("a fault that goes on pays for a move now and then, until it ends", () => {
  const flapping = new Flapping({ perCause: 1, reactionMs: 1_000, everyMs: 2_000 });
  const fault = {};
  flapping.began(0, fault);
  expect(flapping.moved(move(100))).toBeUndefined();
  expect(flapping.moved(move(1_500))).toBeDefined();
  expect(flapping.moved(move(2_500))).toBeUndefined();
  expect(flapping.moved(move(3_500))).toBeDefined();
  flapping.ended(5_000, fault);
  expect(flapping.moved(move(5_100))).toBeUndefined();
  expect(flapping.moved(move(5_200))).toBeDefined();
});

test("many causes at once are forgotten, never kept for ever", () => {
  const flapping = new Flapping({ perCause: 1, reactionMs: 1e9, everyMs: 2_000 });
  for (let at = 0; at < 5_000; at++) flapping.cause(at);
  for (let at = 0; at < 1_001; at++) flapping.moved(move(6_000 + at));
  expect(flapping.moved(move(9_000))).toBeDefined();
});
