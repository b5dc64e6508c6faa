/** Virtual time against a list that is sorted anew for every event. */

import { expect, test } from "vitest";
import { Random } from "../core/base/random.ts";
import { after } from "../core/base/time.ts";
import { BootClock, Timeline } from "./timeline.ts";

const never = { isBroken: () => false };

test("Everything happens in order of time, and what was asked for the same time in order of asking", () => {
  const random = new Random(1);
  const timeline = new Timeline();
  const seen: { at: number; order: number }[] = [];
  const asked: { at: number; order: number }[] = [];
  const ask = (at: number) => {
    const entry = { at: Math.max(at, timeline.now), order: asked.length };
    asked.push(entry);
    timeline.at(at, () => {
      expect(timeline.now).toBe(entry.at);
      seen.push(entry);
      // Few different times make many ties; some lie in the past, which means "next".
      if (asked.length < 5_000)
        for (let i = random.integer(0, 2); i >= 0; i--) ask(timeline.now + random.integer(-2, 9));
    });
  };
  for (let i = 0; i < 1_000; i++) ask(random.integer(0, 50));
  timeline.runUntil(100_000, never);
  expect(seen.length).toBe(asked.length);
  expect(seen).toEqual(asked.toSorted((a, b) => a.at - b.at || a.order - b.order));
  expect(timeline.now).toBe(100_000);
});

test("A run ends at its time or when it is stopped, and goes on from there", () => {
  const timeline = new Timeline();
  const seen: number[] = [];
  for (const at of [30, 10, 20]) timeline.at(at, () => seen.push(at));
  timeline.runUntil(15, never);
  expect([seen, timeline.now]).toEqual([[10], 15]);
  timeline.runUntil(100, { isBroken: () => seen.length === 2 });
  expect([seen, timeline.now]).toEqual([[10, 20], 20]);
  timeline.runUntil(100, never);
  expect([seen, timeline.now]).toEqual([[10, 20, 30], 100]);
});

test("A clock that stood still goes on where it was, and its times are found again", () => {
  const clock = new BootClock({ zero: 100, offset: 5_000, rate: 1.05 });
  clock.stop(200, 1_000);
  clock.stop(1_300, 50);
  const shown = [150, 200, 700, 1_200, 1_250, 1_300, 1_325, 1_350, 1_400].map((time) => clock.read(time));
  const ran = [50, 100, 100, 100, 150, 200, 200, 200, 250];
  shown.forEach((time, index) => expect(time).toBeCloseTo(5_000 + (ran[index] as number) * 1.05, 6));
  const found = [150, 200, 1_250, 1_300, 1_400].map((time) => clock.trueTime(clock.read(time)));
  [150, 200, 1_250, 1_300, 1_400].forEach((time, index) => expect(found[index]).toBeCloseTo(time, 6));
  expect(clock.trueTime(after(clock.read(700), 105))).toBeCloseTo(1_300, 6);
});
