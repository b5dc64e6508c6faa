/**
 * One process hunts one mutant: it loads the broken core, runs seed after seed until a checker that counts
 * complains, and prints what it found as one line of JSON. A process of its own, because a module that was
 * loaded cannot be loaded again as another one.
 *
 *   node src/sim/mutants/hunt.ts '{ "mutant": { … }, "isBrief": false }'
 */

import { readdirSync, readFileSync } from "node:fs";
import { infect, type CatchableMutant, type CoveredMutant, type Mutant } from "./mutant.ts";

/** What one process is asked to do. */
export interface HuntOrder {
  readonly mutant: Mutant;
  /** Do not search for the shortest schedule. */
  readonly isBrief: boolean;
}

/** What a hunt found. */
export interface Catch {
  /** Seeds count from 1, so this is also how many it took; 0 for a golden case. */
  readonly seed: number;
  readonly checker: string;
  readonly text: string;
  /** Kinds of the faults in the shortest schedule found that still shows it; empty when none is needed. */
  readonly faults: readonly string[];
}

/** The result of a hunt: caught, or not in so many seeds. */
export interface HuntResult {
  readonly mutant: string;
  readonly seeds: number;
  readonly caught: Catch | undefined;
  /** Complaints of checkers that do not count for this mutant, with how often each was first. */
  readonly others: Readonly<Record<string, number>>;
}

/** Real time for the search for a shorter schedule. */
const SEARCH_MS = 8_000;

async function huntBySeeds(mutant: CatchableMutant, isBrief: boolean): Promise<HuntResult> {
  // Only now: what was loaded before the infection would stay well.
  const { optionsOf } = await import("./trials.ts");
  const { runOnce } = await import("../run.ts");
  const { shorten } = await import("../reduce.ts");
  const { Node } = await import("../../core/node/node.ts");
  const makeCore = (nodeOptions: ConstructorParameters<typeof Node>[0]) => new Node(nodeOptions);
  const others: Record<string, number> = {};
  for (let seed = 1; seed <= mutant.within; seed++) {
    const run = { ...optionsOf(mutant.trial, seed), makeCore, isInfected: true };
    const report = runOnce(run);
    const [violation] = report.violations;
    if (violation === undefined) continue;
    const { checker, text } = violation;
    if (!mutant.caughtBy.includes(checker)) {
      others[checker] = (others[checker] ?? 0) + 1;
      continue;
    }
    const patience = { clock: () => performance.now(), untilMs: performance.now() + SEARCH_MS };
    // A trial is short already, and its faults are not numbered by the seed.
    const isShort = isBrief || mutant.trial !== undefined;
    const schedule = isShort ? report.faults : shorten(run, report, patience).faults;
    const faults = [...new Set(schedule.map((fault) => fault.action.kind))].toSorted();
    return { mutant: mutant.name, seeds: seed, caught: { seed, checker, text, faults }, others };
  }
  return { mutant: mutant.name, seeds: mutant.within, caught: undefined, others };
}

async function huntByCase(mutant: CoveredMutant): Promise<HuntResult> {
  const { play } = await import("../../core/node/pretended-script.ts");
  const text = readCase(mutant.goldenCase);
  const script = text.split("\n").filter((line) => line !== "" && !line.startsWith(" "));
  let played: string;
  try {
    played = play(script);
  } catch (error) {
    played = String(error);
  }
  const lines = text.split("\n");
  const different = played.split("\n").find((line, index) => line !== lines[index]);
  const caught =
    played === text
      ? undefined
      : { seed: 0, checker: "golden case", text: different?.trim() ?? "decisions are missing", faults: [] };
  return { mutant: mutant.name, seeds: 0, caught, others: {} };
}

/** The text below a golden case's title. */
function readCase(title: string): string {
  const folder = new URL("../../core/node/cases/", import.meta.url);
  for (const name of readdirSync(folder)) {
    const parts = readFileSync(new URL(name, folder), "utf8").split(/^=== /m);
    const found = parts.find((part) => part.startsWith(`${title}\n`));
    if (found !== undefined) return found.slice(title.length + 1).trimEnd();
  }
  throw new Error(`there is no golden case "${title}"`);
}

if (import.meta.main) {
  const { mutant, isBrief } = JSON.parse(process.argv[2] ?? "") as HuntOrder;
  infect(mutant);
  const result = "within" in mutant ? await huntBySeeds(mutant, isBrief) : await huntByCase(mutant);
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
