import fc from "fast-check";
import { expect, test } from "vitest";
import { applyDifference, differenceOf, isWholeThousandths } from "./difference.ts";

const values = fc.jsonValue({ maxDepth: 4 });

test("a difference, also as JSON, puts the later value back exactly and leaves the earlier one alone", () => {
  fc.assert(
    fc.property(values, values, (before, now) => {
      // What JSON itself changes (-0) is not asked of a difference.
      const [a, b] = [JSON.parse(JSON.stringify(before)) as unknown, JSON.parse(JSON.stringify(now)) as unknown];
      const kept = JSON.stringify(a);
      const difference = differenceOf(a, b);
      const read = difference === undefined ? undefined : (JSON.parse(JSON.stringify(difference)) as typeof difference);
      expect(applyDifference(a, read)).toEqual(b);
      expect(JSON.stringify(a)).toBe(kept);
    }),
    { numRuns: 2_000 },
  );
});

test("equal values have no difference, and a heartbeat's is a few numbers", () => {
  const frame = {
    sequence: 7,
    heard: [{ link: 0, sequence: 4, ageMs: 12 }],
    groups: [["www", 16, 12.5]],
    mode: "online",
  };
  expect(differenceOf(frame, structuredClone(frame))).toBeUndefined();
  const next = { ...frame, sequence: 8, heard: [{ link: 0, sequence: 5, ageMs: 3 }], groups: [["www", 16, 12.7]] };
  expect(differenceOf(frame, next)).toEqual({
    sequence: 1,
    heard: { 0: { sequence: 1, ageMs: -9 } },
    groups: { 0: { 2: ["µ", 200] } },
  });
});

test("what becomes undefined, or was, comes back so", () => {
  const [a, b] = [{ to: "srv1" as string | undefined }, { to: undefined as string | undefined }];
  expect(applyDifference(a, differenceOf(a, b))).toEqual({ to: undefined });
  expect(applyDifference(b, differenceOf(b, a))).toEqual({ to: "srv1" });
});

test("times in whole microseconds are counted, others are kept whole", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e13 }), fc.integer({ min: 0, max: 1e9 }), (start, step) => {
      const [a, b] = [start / 1_000, (start + step) / 1_000];
      expect(isWholeThousandths(a)).toBe(true);
      expect(applyDifference(a, differenceOf(a, b))).toBe(b);
    }),
  );
  expect(isWholeThousandths(0.00015)).toBe(false);
  expect(applyDifference(0.1, differenceOf(0.1, 1 / 3))).toBe(1 / 3);
});
