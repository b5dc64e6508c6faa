import { expect, test } from "vitest";
import { parseWallTime } from "./wall-time.ts";

const now = new Date(2026, 10, 21, 9, 30, 15).getTime();
const local = (...parts: [number, number, number, number?, number?, number?]) => new Date(...parts).getTime();

test("a duration is so long ago", () => {
  expect(parseWallTime("2h", now)).toBe(now - 7_200_000);
  expect(parseWallTime("30s", now)).toBe(now - 30_000);
});

test("a clock time is the last one that was so, today's or yesterday's", () => {
  expect(parseWallTime("03:10", now)).toBe(local(2026, 10, 21, 3, 10));
  expect(parseWallTime("9:30:15", now)).toBe(now);
  expect(parseWallTime("23:59:59", now)).toBe(local(2026, 10, 20, 23, 59, 59));
});

test("a date may have a time", () => {
  expect(parseWallTime("2026-11-20", now)).toBe(local(2026, 10, 20));
  expect(parseWallTime("2026-11-20T03:10", now)).toBe(local(2026, 10, 20, 3, 10));
  expect(parseWallTime("2026-11-20 03:10:07", now)).toBe(local(2026, 10, 20, 3, 10, 7));
});

test.each(["", "yesterday", "25:00", "03:60", "2026-13-01", "2026-11-20T3", "-2h", "20261120"])(
  '"%s" is no time',
  (text) => {
    expect(parseWallTime(text, now)).toBeUndefined();
  },
);
