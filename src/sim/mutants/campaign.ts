/**
 * Hunts many mutants, several processes side by side, and judges what they found. The unbroken core goes
 * through the same seeds and trials first: what complains about it would complain about every mutant.
 */

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { HuntOrder, HuntResult } from "./hunt.ts";
import type { CatchableMutant, CoveredMutant, Mutant } from "./mutant.ts";

/** A process that takes longer hangs: its mutant made something endless that no checker sees. */
const HUNT_LIMIT_MS = 300_000;

/** What became of one mutant. */
export interface Verdict {
  readonly mutant: Mutant;
  readonly result: HuntResult | undefined;
  /** Why it counts as not caught; undefined when all is as it should be. */
  readonly complaint: string | undefined;
}

/** The unbroken core: once for each trial, with the most seeds that a mutant may use there, and every golden case. */
export function controls(mutants: readonly Mutant[]): Mutant[] {
  const byTrial = new Map<string | undefined, CatchableMutant>();
  const byCase = new Map<string, CoveredMutant>();
  for (const mutant of mutants) {
    if (!("within" in mutant)) {
      const { goldenCase } = mutant;
      const name = `unbroken, case "${goldenCase}"`;
      byCase.set(goldenCase, { name, breaks: "Nothing.", patches: [], coveredBy: "", goldenCase });
      continue;
    }
    const { trial } = mutant;
    const within = Math.max(mutant.within, byTrial.get(trial)?.within ?? 0);
    const where = trial === undefined ? "" : `, trial "${trial}"`;
    const named = trial === undefined ? {} : { trial };
    byTrial.set(trial, { name: `unbroken${where}`, breaks: "Nothing.", patches: [], caughtBy: [], within, ...named });
  }
  return [...byTrial.values(), ...byCase.values()];
}

/** Hunts all of them, at most `jobs` at a time; `told` hears each verdict as it comes. */
export async function runCampaign(
  mutants: readonly Mutant[],
  options: { jobs: number; isBrief: boolean; told: (verdict: Verdict) => void },
): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  const queue = [...mutants];
  const work = async (): Promise<void> => {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      const verdict = judge(mutant, await hunt({ mutant, isBrief: options.isBrief }));
      verdicts.push(verdict);
      options.told(verdict);
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, work));
  const order = new Map(mutants.map((mutant, index) => [mutant, index]));
  return verdicts.toSorted((a, b) => (order.get(a.mutant) ?? 0) - (order.get(b.mutant) ?? 0));
}

function judge(mutant: Mutant, result: HuntResult | string): Verdict {
  if (typeof result === "string") return { mutant, result: undefined, complaint: result };
  const others = Object.entries(result.others).map(([checker, times]) => `${checker} (${times})`);
  const instead = others.length === 0 ? "" : `; what does not count: ${others.join(", ")}`;
  const isControl = mutant.patches.length === 0;
  if (isControl) {
    const isClean = others.length === 0 && result.caught === undefined;
    return { mutant, result, complaint: isClean ? undefined : `the unbroken core fails${instead}` };
  }
  if (result.caught !== undefined) return { mutant, result, complaint: undefined };
  const where = "within" in mutant ? `in ${mutant.within} seeds` : `by the case "${mutant.goldenCase}"`;
  return { mutant, result, complaint: `not caught ${where}${instead}` };
}

/** The result, or a sentence about what went wrong. */
function hunt(order: HuntOrder): Promise<HuntResult | string> {
  const file = fileURLToPath(new URL("./hunt.ts", import.meta.url));
  const args = ["--disable-warning=ExperimentalWarning", file, JSON.stringify(order)];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { timeout: HUNT_LIMIT_MS, killSignal: "SIGKILL" }, (error, stdout, stderr) => {
      if (error === null) return resolve(JSON.parse(stdout) as HuntResult);
      const last = stderr.trim().split("\n").slice(0, 6).join(" | ");
      const why = error.killed === true ? `no end within ${HUNT_LIMIT_MS / 1_000} s` : `its process failed: ${last}`;
      resolve(why);
    });
  });
}
