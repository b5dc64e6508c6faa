import { expect, test } from "vitest";
import { isMet, renderTour } from "./tour.ts";
import type { TourResult } from "./tour.ts";

const good: TourResult = {
  fault: "power off",
  gapMs: 231,
  failed: 45,
  twoHoldersMs: 0,
  promisedGapMs: 400,
  promisedFailures: undefined,
  trouble: undefined,
};

test("a promise is met only when the gap is short enough and there were never two holders", () => {
  expect(isMet(good)).toBe(true);
  expect(isMet({ ...good, gapMs: 401 })).toBe(false);
  expect(isMet({ ...good, twoHoldersMs: 0.5 })).toBe(false);
});

test("a switchover that promises no failure fails with one", () => {
  expect(isMet({ ...good, promisedFailures: 0, failed: 0 })).toBe(true);
  expect(isMet({ ...good, promisedFailures: 0, failed: 1 })).toBe(false);
});

test("what could not be measured was not met", () => {
  expect(isMet({ ...good, trouble: "no calm" })).toBe(false);
});

test("the table shows every fault with what was promised", () => {
  const endless = { ...good, fault: "nginx killed", gapMs: Number.POSITIVE_INFINITY, trouble: "no calm" };
  const switchover = {
    ...good,
    fault: "planned switchover",
    gapMs: 12,
    failed: 0,
    promisedGapMs: 250,
    promisedFailures: 0,
  };
  expect(renderTour([good, endless, switchover]).join("\n")).toBe(`
fault                  gap  failed  two holders  promised                           met
──────────────────  ──────  ──────  ───────────  ─────────────────────────────────  ───
power off           0.23 s      45         0 ms  gap ≤ 0.40 s, never two            yes
nginx killed        no end      45         0 ms  gap ≤ 0.40 s, never two            NO
planned switchover  0.01 s       0         0 ms  gap ≤ 0.25 s, 0 failed, never two  yes`);
});
