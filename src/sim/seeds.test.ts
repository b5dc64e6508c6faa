/**
 * Seeds that failed once, for ever, and half of the fresh ones; the other half is in sim.test.ts, so that two cores
 * run them. A failing seed belongs into seeds.txt with what fixed its run.
 */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { effort } from "../../test/effort.ts";
import { passAll, passes } from "./campaign.fixture.ts";
import { type Mix, MIXES } from "./faults/fault.ts";
import type { RunOptions } from "./run.ts";

function readSeeds(): Omit<RunOptions, "makeCore">[] {
  const lines = readFileSync(new URL("./seeds.txt", import.meta.url), "utf8").split("\n");
  return lines
    .map((line) => line.replace(/#.*/, "").trim())
    .filter((line) => line !== "")
    .map((line) => {
      const [seed, ...words] = line.split(/\s+/);
      const fixed = new Map(words.map((word) => word.split("=") as [string, string]));
      const number = (name: string) => (fixed.has(name) ? Number(fixed.get(name)) : undefined);
      const mix = fixed.get("mix") as Mix | undefined;
      expect(mix === undefined || MIXES.includes(mix), `seeds.txt: ${line}`).toBe(true);
      return { seed: Number(seed), nodes: number("nodes"), links: number("links"), seconds: number("seconds"), mix };
    });
}

test("every seed that ever failed passes now", { timeout: 600_000 }, () => {
  const seeds = readSeeds();
  expect(seeds.length).toBeGreaterThan(0);
  for (const options of seeds) passes(options);
});

test("further fresh seeds keep every promise, and every checker had something to check", { timeout: 600_000 }, () => {
  const first = effort({ usual: 121, long: 2_001 });
  expect(passAll(first, first + effort({ usual: 120, long: 2_000 }) - 1).failed).toBe(0);
});
