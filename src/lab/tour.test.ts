import { expect, test } from "vitest";
import { isMet, renderTour } from "./tour.ts";
import type { TourResult } from "./tour.ts";

const good: TourResult = {
  fault: "power off",
  gapMs: 231,
  failed: 45,
  refused: 45,
  twoHoldersMs: 0,
  promisedGapMs: 400,
  promisedRefused: undefined,
  trouble: undefined,
};

test("a promise is met only when the gap is short enough and there were never two holders", () => {
  expect(isMet(good)).toBe(true);
  expect(isMet({ ...good, gapMs: 401 })).toBe(false);
  expect(isMet({ ...good, twoHoldersMs: 0.5 })).toBe(false);
});

test("a switchover that promises to refuse nobody fails with one refusal", () => {
  expect(isMet({ ...good, promisedRefused: 0, refused: 0 })).toBe(true);
  expect(isMet({ ...good, promisedRefused: 0, refused: 1 })).toBe(false);
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
    refused: 0,
    promisedGapMs: 250,
    promisedRefused: 0,
  };
  expect(renderTour([good, endless, switchover]).join("\n")).toBe(`
fault                  gap  failed  two holders  promised                            met
──────────────────  ──────  ──────  ───────────  ──────────────────────────────────  ───
power off           0.23 s      45         0 ms  gap ≤ 0.40 s, never two             yes
nginx killed        no end      45         0 ms  gap ≤ 0.40 s, never two             NO
planned switchover  0.01 s       0         0 ms  gap ≤ 0.25 s, 0 refused, never two  yes`);
});
