import { expect, test } from "vitest";
import { OneHolderReachable } from "./one-holder.ts";

const seen = { observer: "client 1", vip: "www/10.0.0.100" };

test("one holder, none, and another after that keep the promise", () => {
  const promise = new OneHolderReachable({ slackMs: 1, turnMs: 50 });
  for (const [at, holders] of [
    [0, ["srv1"]],
    [10, []],
    [20, ["srv2"]],
  ] as const)
    expect(promise.reached({ ...seen, at, holders })).toBeUndefined();
  expect(promise.overlaps).toEqual([]);
  expect(promise.runs).toBe(3);
});

test("two holders for one observer break it, once for each overlap, and the overlap is measured", () => {
  const promise = new OneHolderReachable({ slackMs: 1, turnMs: 50 });
  const both = ["srv1", "srv2"];
  expect(promise.reached({ ...seen, at: 10, holders: both })).toMatch(/srv1 and srv2, and client 1 reaches both/);
  expect(promise.reached({ ...seen, at: 12, holders: both })).toBeUndefined();
  expect(promise.reached({ ...seen, at: 15, holders: ["srv2"] })).toBeUndefined();
  expect(promise.overlaps).toEqual([{ ...seen, holders: both, from: 10, until: 15 }]);
  expect(promise.longestMs(100)).toBe(5);
});

test("two holders, each for an observer of its own, keep it", () => {
  const promise = new OneHolderReachable({ slackMs: 1, turnMs: 50 });
  expect(promise.reached({ ...seen, at: 10, holders: ["srv1"] })).toBeUndefined();
  expect(promise.reached({ ...seen, observer: "client 2", at: 10, holders: ["srv2"] })).toBeUndefined();
});

function answers(list: readonly (readonly [number, string])[]): (string | undefined)[] {
  const promise = new OneHolderReachable({ slackMs: 1, turnMs: 50 });
  return list.map(([at, holder]) => promise.answered({ ...seen, at, holder }));
}

test("answers of one, then of another, then of the first again show two holders", () => {
  expect(
    answers([
      [0, "srv1"],
      [10, "srv2"],
      [20, "srv1"],
    ]).at(-1),
  ).toMatch(/from srv1 again, within 20.0 ms/);
});

test("a move, a move back after a while, and an answer that was overtaken show one", () => {
  const none = [undefined, undefined, undefined];
  expect(
    answers([
      [0, "srv1"],
      [10, "srv2"],
      [90, "srv1"],
    ]),
  ).toEqual(none);
  expect(
    answers([
      [0, "srv1"],
      [10, "srv2"],
      [10.5, "srv1"],
    ]),
  ).toEqual(none);
  expect(
    answers([
      [0, "srv1"],
      [10, "srv2"],
      [20, "srv3"],
    ]),
  ).toEqual(none);
});
