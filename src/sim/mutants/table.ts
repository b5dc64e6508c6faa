/** The table of the mutation check, for a terminal and for the reference page, and the record it is made from. */

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Verdict } from "./campaign.ts";
import { CATALOGUE } from "./catalogue.ts";
import type { Catch } from "./hunt.ts";
import type { Mutant } from "./mutant.ts";

/** What the last whole run found, by the mutant's name. */
export type MutantRecord = Readonly<Record<string, Catch>>;

export const RECORD_FILE: string = fileURLToPath(new URL("./caught.json", import.meta.url));

export function readRecord(): MutantRecord {
  return JSON.parse(readFileSync(RECORD_FILE, "utf8")) as MutantRecord;
}

/** The record with what this run found; whom it did not hunt stays, unless the catalogue has it no more. */
export function recordOf(verdicts: readonly Verdict[]): MutantRecord {
  const before = existsSync(RECORD_FILE) ? readRecord() : {};
  const found = new Map(verdicts.map(({ mutant, result }) => [mutant.name, result?.caught]));
  const entries = CATALOGUE.flatMap(({ name }) => {
    const caught = found.has(name) ? found.get(name) : before[name];
    return caught === undefined ? [] : [[name, caught] as const];
  });
  return Object.fromEntries(entries);
}

/** Columns of one row: mutant, caught by, faults, seed, limit. */
export function cellsOf(mutant: Mutant, caught: Catch | undefined): string[] {
  const limit = "within" in mutant ? String(mutant.within) : "–";
  if (caught === undefined) return [mutant.name, "NOT CAUGHT", "", "", limit];
  if (!("within" in mutant)) return [mutant.name, "golden case", "–", "–", limit];
  const faults = caught.faults.length === 0 ? "none" : caught.faults.join(", ");
  const trial = mutant.trial === undefined ? "" : ` (trial ${mutant.trial})`;
  return [mutant.name, caught.checker, `${faults}${trial}`, String(caught.seed), limit];
}

/** Lines for a terminal. */
export function tableLines(verdicts: readonly Verdict[]): string[] {
  const rows = [
    ["mutant", "caught by", "shortest schedule found", "seeds", "limit"],
    ...verdicts.map(({ mutant, result }) => cellsOf(mutant, result?.caught)),
  ];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
