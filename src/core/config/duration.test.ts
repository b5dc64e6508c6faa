import fc from "fast-check";
import { expect, test } from "vitest";
import { DURATION_PATTERN, formatDuration, parseDuration } from "./duration.ts";

test.each([
  ["100ms", 100],
  ["0s", 0],
  ["1.5s", 1_500],
  ["0.02s", 20],
  ["5m", 300_000],
  ["1h", 3_600_000],
  ["2d", 172_800_000],
])("%s is %i milliseconds", (text, ms) => expect(parseDuration(text)).toBe(ms));

test.each(["", "100", "ms", "-1s", "1 s", "1e3ms", "0.5ms", "1S", "1h30m", "99999999999999999s", "1.0001s"])(
  "%j is not a duration",
  (text) => expect(parseDuration(text)).toBeUndefined(),
);

test("every duration is printed so that it reads back", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 ** 12 }), (ms) => {
      expect(parseDuration(formatDuration(ms))).toBe(ms);
      expect(formatDuration(ms)).toMatch(new RegExp(DURATION_PATTERN));
    }),
  );
});
