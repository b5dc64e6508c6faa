/** The figures and judgements of the benchmark, on results made up by hand. */

import { expect, test } from "vitest";
import type { ContenderResult, FaultResult } from "./campaign.ts";
import { median, worst } from "./figures.ts";
import { keepalived, lastState } from "./peers/keepalived.ts";
import { judge } from "./promises.ts";
import { renderReport, table } from "./report.ts";
import type { Trial } from "./trial.ts";
import { understudy } from "./understudy.ts";

const QUIET: Trial = {
  gapMs: 200,
  isOpen: false,
  healingGapMs: 0,
  failed: 0,
  failures: {},
  twoHoldersMs: 0,
  broken: 0,
  hasMoved: true,
  blindMs: 0,
  anatomy: undefined,
};

function seen(...gaps: readonly number[]): FaultResult {
  return { trials: gaps.map((gapMs) => ({ ...QUIET, gapMs })), troubles: [], disturbed: 0 };
}

function results(own: FaultResult, peer: FaultResult): ContenderResult[] {
  const idle = { memoryBytes: 50e6, processorShare: 0.005, measuredMs: 20_000 };
  return [
    { contender: understudy(), idle, faults: { "power-off": own } },
    { contender: keepalived(100), idle, faults: { "power-off": peer } },
  ];
}

function isMet(what: string, all: readonly ContenderResult[]): boolean | undefined {
  return judge(all).find((one) => one.what.startsWith(what))?.isMet;
}

test("the median of an even count lies between the two in the middle", () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([9, 1, 5])).toBe(5);
  expect(median([])).toBeNaN();
  expect(worst([2, 7, 3])).toBe(7);
});

test("a gap is judged by its limit, and by what keepalived needs at the same interval", () => {
  const good = results(seen(200, 240, 260), seen(340, 350, 360));
  expect(isMet("power off: gap, median,", good)).toBe(true);
  expect(isMet("power off: gap, worst", good)).toBe(true);
  expect(isMet("power off: gap, worst", results(seen(200, 240, 401), seen(350)))).toBe(false);
  expect(isMet("power off: gap, median, against", results(seen(200, 240, 260), seen(300)))).toBe(false);
});

test("a site that stayed away and a fault that nobody measured keep no promise", () => {
  const open: FaultResult = { trials: [{ ...QUIET, gapMs: 100, isOpen: true }], troubles: [], disturbed: 0 };
  expect(isMet("power off: gap, worst", results(open, seen(350)))).toBe(false);
  expect(isMet("planned switchover: refused", results(seen(200), seen(350)))).toBe(false);
});

test("a single millisecond with two holders breaks the promise", () => {
  const two: FaultResult = { trials: [QUIET, { ...QUIET, twoHoldersMs: 1 }], troubles: [], disturbed: 0 };
  expect(isMet("power off: two holders", results(seen(200), seen(350)))).toBe(true);
  expect(isMet("power off: two holders", results(two, seen(350)))).toBe(false);
});

test("the page has a row for every contender and its settings", () => {
  const page = renderReport(results(seen(200), seen(350)), { tookMs: 60_000 });
  expect(page).toMatch(/\| Understudy +\| 1 +\| 0\.20 s/);
  expect(page).toMatch(/\| keepalived 100 ms +\| 1 +\| 0\.35 s/);
  expect(page).toContain("virtual_router_id");
});

test("columns of a table stand under each other", () => {
  expect(table(["a", "b"], [["long word", "1"]])).toEqual([
    "| a         | b   |",
    "| --------- | --- |",
    "| long word | 1   |",
  ]);
});

test("keepalived's state is that of its last life", () => {
  const life = "Starting Keepalived v2\n(www) Entering BACKUP STATE\n(www) Entering MASTER STATE\n";
  expect(lastState(life)).toBe("MASTER");
  expect(lastState(`${life}Starting Keepalived v2\n`)).toBeUndefined();
  expect(lastState(`${life}Starting Keepalived v2\n(www) Entering BACKUP STATE (init)\n`)).toBe("BACKUP");
});
