/**
 * The mutation check, the part that is quick: the catalogue fits the sources, what golden cases must tell apart they
 * do, and a few mutants are really hunted. `npm run sim:mutants` hunts them all.
 */

import { stripTypeScriptTypes } from "node:module";
import { expect, test } from "vitest";
import { runCampaign, type Verdict } from "./campaign.ts";
import { CATALOGUE } from "./catalogue.ts";
import { main } from "./main.ts";
import { type CatchableMutant, type Mutant, mutate, patched } from "./mutant.ts";
import { readRecord } from "./table.ts";
import { TRIAL_NAMES } from "./trials.ts";

const catchable = CATALOGUE.filter((mutant): mutant is CatchableMutant => "within" in mutant);

async function complaintsAbout(mutants: readonly Mutant[]): Promise<string[]> {
  const verdicts = await runCampaign(mutants, { jobs: 2, isBrief: true, told: () => {} });
  return verdicts.flatMap(({ mutant, complaint }: Verdict) =>
    complaint === undefined ? [] : [`${mutant.name}: ${complaint}`],
  );
}

test("every mutant replaces a text that its source has exactly once, and what comes out is TypeScript", () => {
  expect(CATALOGUE.length).toBeGreaterThanOrEqual(40);
  for (const mutant of CATALOGUE) {
    for (const file of new Set(mutant.patches.map((patch) => patch.file)))
      expect(() => stripTypeScriptTypes(mutate(file, mutant)), `${mutant.name}, ${file}`).not.toThrow();
  }
});

test("a text that is missing or stands there twice is an error", () => {
  const patch = { file: "x.ts", find: "a", replace: "b" };
  expect(patched("xay", patch)).toBe("xby");
  expect(() => patched("xy", patch)).toThrow("has 0 times");
  expect(() => patched("xaay", patch)).toThrow("has 2 times");
});

test("every mutant has a name of its own, and every trial is used", () => {
  expect(new Set(CATALOGUE.map(({ name }) => name)).size).toBe(CATALOGUE.length);
  const used = new Set(catchable.flatMap(({ trial }) => trial ?? []));
  expect([...used].toSorted()).toEqual(TRIAL_NAMES.toSorted());
});

test("the record of the last whole run has every mutant, caught within its limit", () => {
  const record = readRecord();
  expect(Object.keys(record).toSorted()).toEqual(CATALOGUE.map(({ name }) => name).toSorted());
  for (const { name, within, caughtBy } of catchable) {
    expect(record[name]?.seed, name).toBeLessThanOrEqual(within);
    expect(caughtBy, name).toContain(record[name]?.checker);
  }
});

test("a rule that another one covers for has a golden case that fails without it", { timeout: 120_000 }, async () => {
  expect(await complaintsAbout(CATALOGUE.filter((mutant) => !("within" in mutant)))).toEqual([]);
});

/** Mutants that took at most so many seeds in the last whole run are hunted here, as many as there is time for. */
const QUICK_SEEDS = 3;
const BUDGET_MS = 15_000;
const AT_ONCE = 4;

test("mutants that are easy to catch are caught", { timeout: 240_000 }, async () => {
  const record = readRecord();
  const quick = catchable.filter(({ name }) => (record[name]?.seed ?? 0) <= QUICK_SEEDS);
  expect(quick.length).toBeGreaterThan(10);
  const started = performance.now();
  for (let index = 0; index < quick.length && performance.now() - started < BUDGET_MS; index += AT_ONCE)
    expect(await complaintsAbout(quick.slice(index, index + AT_ONCE))).toEqual([]);
});

test("a mutant that breaks nothing, or something that nobody was to notice, is not caught", async () => {
  const find = "return base > highest ? base : base + MAX_NODES;";
  const harmless: CatchableMutant = {
    name: "harmless",
    breaks: "Nothing.",
    patches: [{ file: "core/ownership/epoch.ts", find, replace: find }],
    caughtBy: ["one holder"],
    within: 1,
  };
  expect(await complaintsAbout([harmless])).toEqual(["harmless: not caught in 1 seeds"]);
  const silent = catchable.find(({ name }) => name === "claims-not-told") as CatchableMutant;
  const [complaint] = await complaintsAbout([{ ...silent, caughtBy: ["epochs"], within: 2 }]);
  expect(complaint).toContain("claims-not-told: not caught in 2 seeds; what does not count: served");
});

test("arguments that cannot be understood end with exit code 2", async () => {
  for (const wrong of [["--fast"], ["no-such-mutant"], ["--jobs", "0"], ["--record", "--brief"]])
    expect(await main(wrong), wrong.join(" ")).toBe(2);
});
