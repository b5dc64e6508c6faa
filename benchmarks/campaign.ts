/** Runs one contender through its faults, in a lab of its own, and keeps going when a phase fails. */

import type { Lab } from "../src/lab/lab.ts";
import { Lab as Laboratory } from "../src/lab/lab.ts";
import { heal } from "../src/lab/faults/catalog.ts";
import type { Contender } from "./contender.ts";
import type { BenchmarkFault, FaultKey } from "./faults.ts";
import { measureIdle } from "./idle.ts";
import type { Idle } from "./idle.ts";
import { runTrial, settled } from "./trial.ts";
import type { Trial } from "./trial.ts";

export interface FaultResult {
  readonly trials: readonly Trial[];
  /** Why phases could not be measured. */
  readonly troubles: readonly string[];
  /** Phases that were repeated because the whole machine stood still in them. */
  readonly disturbed: number;
}

export interface ContenderResult {
  readonly contender: Contender;
  readonly idle: Idle | undefined;
  readonly faults: Readonly<Partial<Record<FaultKey, FaultResult>>>;
}

export interface CampaignOptions {
  readonly faults: readonly BenchmarkFault[];
  readonly phases: number;
  /** How many of the phases last long, for faults that have a long form. */
  readonly longPhases: number;
  /** How long to watch the idle daemon; undefined skips it. */
  readonly idleMs: number | undefined;
  readonly say: (line: string) => void;
}

/** After so many failed phases of one fault the rest would fail as well. */
const MOST_TROUBLES = 3;
/** An observer with priority that could not run for so long: the machine was busy elsewhere, and the phase says nothing. */
const STOOD_STILL_MS = 50;
/** Connections that stay open during planned moves. */
const ESTABLISHED = 10;

export async function runCampaign(contender: Contender, options: CampaignOptions): Promise<ContenderResult> {
  await using lab = await Laboratory.up(contender.lab);
  await lab.holders.start();
  await settled(lab, contender);
  const idle = await idleOf(lab, options);
  const faults: Partial<Record<FaultKey, FaultResult>> = {};
  for (const fault of options.faults) {
    const result = await runFault(lab, contender, fault, options);
    faults[fault.key] = result;
    options.say(`${contender.name}: ${fault.title}: ${tell(result)}`);
  }
  return { contender, idle, faults };
}

async function idleOf(lab: Lab, { idleMs }: CampaignOptions): Promise<Idle | undefined> {
  if (idleMs === undefined) return undefined;
  await lab.holders.stop();
  const idle = await measureIdle(lab, idleMs);
  await lab.holders.start();
  return idle;
}

async function runFault(
  lab: Lab,
  contender: Contender,
  fault: BenchmarkFault,
  { phases, longPhases }: CampaignOptions,
): Promise<FaultResult> {
  const client = await lab.startClient({
    isUnlimited: fault.isPlanned,
    ...(fault.isPlanned ? { established: ESTABLISHED } : {}),
  });
  const trials: Trial[] = [];
  const troubles: string[] = [];
  let disturbed = 0;
  try {
    while (trials.length < phases && troubles.length < MOST_TROUBLES) {
      try {
        const trial = await runTrial({ lab, contender, client }, fault, trials.length < longPhases);
        if (trial.blindMs > STOOD_STILL_MS && disturbed < phases) disturbed += 1;
        else trials.push(trial);
      } catch (error) {
        troubles.push((error as Error).message.trim());
        await startAfresh(lab);
      }
    }
  } finally {
    await client.stop();
  }
  return { trials, troubles, disturbed };
}

/** Power off and on again for everybody; the next phase tells whether it helped. */
async function startAfresh(lab: Lab): Promise<void> {
  try {
    for (const node of lab.nodes) await node.powerOff();
    await heal(lab);
  } catch {
    // the next phase's calm tells
  }
}

function tell({ trials, troubles, disturbed }: FaultResult): string {
  const gaps = trials.map((one) => `${one.isOpen ? ">" : ""}${(one.gapMs / 1000).toFixed(2)}`).join(" ");
  const two = Math.round(trials.reduce((sum, one) => sum + one.twoHoldersMs, 0));
  const failures: Record<string, number> = {};
  for (const one of trials) {
    for (const [word, count] of Object.entries(one.failures)) failures[word] = (failures[word] ?? 0) + count;
  }
  const words = Object.entries(failures)
    .map(([word, count]) => `${count} ${word}`)
    .join(", ");
  return [
    `gaps ${gaps} s`,
    `two holders ${two} ms in all`,
    `failed: ${words || "none"}`,
    `${disturbed} repeated`,
    ...troubles,
  ].join("; ");
}

/** Joins results of one contender that ran in several labs. */
export function joinResults(results: readonly ContenderResult[]): ContenderResult[] {
  const byName = new Map<string, ContenderResult>();
  for (const result of results) {
    const known = byName.get(result.contender.name);
    byName.set(result.contender.name, {
      contender: result.contender,
      idle: known?.idle ?? result.idle,
      faults: { ...known?.faults, ...result.faults },
    });
  }
  return [...byName.values()];
}
