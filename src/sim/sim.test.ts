/**
 * The real core under seeded faults: half of the fresh seeds (the others are in seeds.test.ts), and what must hold in
 * many runs of one kind.
 */

import { expect, test } from "vitest";
import { effort } from "../../test/effort.ts";
import { passAll, passes, realCore } from "./campaign.fixture.ts";
import type { Fault } from "./faults/fault.ts";
import { GOOD_QUALITY } from "./network.ts";
import { runOnce } from "./run.ts";

test("fresh seeds keep every promise, and every checker had something to check", { timeout: 600_000 }, () => {
  expect(passAll(1, effort({ usual: 120, long: 2_000 })).failed).toBe(0);
});

test("the holder of three dies while the survivors lose packets, 200 times: never two holders, always one in the end", {
  timeout: 240_000,
}, () => {
  let moves = 0;
  for (let seed = 1; seed <= 200; seed++) {
    const quality = { ...GOOD_QUALITY, loss: 0.1 + 0.2 * (seed / 200), delayMax: 3 };
    const lossy = [0, 1].map(
      (link): Fault => ({ at: 2_500, forMs: 2_500, action: { kind: "quality", link, quality } }),
    );
    const death: Fault = { at: 3_000 + seed, forMs: 2_000, action: { kind: "power", node: "holder" } };
    const report = runOnce({
      seed,
      makeCore: realCore,
      nodes: 3,
      links: 2,
      seconds: 4,
      mix: "chaos",
      faults: [...lossy, death],
    });
    expect(report.violations, `seed ${seed}`).toEqual([]);
    moves += report.moves;
  }
  expect(moves).toBeGreaterThanOrEqual(150);
});

test("nothing moves in ten minutes of up to 30 % packet loss on both of two links", { timeout: 240_000 }, () => {
  const report = runOnce({ seed: 1, makeCore: realCore, nodes: 2, links: 2, seconds: 600, mix: "lossy" });
  expect(report.violations).toEqual([]);
  expect(report.moves).toBe(0);
});

test("power loss of the holder is over within 400 ms, mostly within 260 ms", { timeout: 240_000 }, () => {
  const gaps: number[] = [];
  for (let seed = 1; seed <= 10; seed++) gaps.push(...passes({ seed, mix: "power", nodes: 2 }).takeoverGapsMs);
  gaps.sort((a, b) => a - b);
  expect(gaps.length).toBeGreaterThan(10);
  expect(gaps[gaps.length >> 1]).toBeLessThan(260);
});
