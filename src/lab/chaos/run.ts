/**
 * A chaos run: builds the lab, lets phase after phase of the schedule loose on it, puts everything right after each and
 * waits for rest. It judges nothing; it collects what observers outside of the cluster saw. Whatever ends it, the lab
 * ends with it.
 */

import { nowMs } from "../clock.ts";
import { Lab } from "../lab.ts";
import { LoadClient } from "../load-client.ts";
import { CLIENT, PUBLIC_VIP } from "../plan.ts";
import { Collected } from "./collected.ts";
import { DecisionLog } from "./decisions.ts";
import type { Evidence, PhaseSeen, Skipped } from "./evidence.ts";
import { putRight, STEPPED_CLOCK } from "./inflict.ts";
import { keepLogs } from "./keep-logs.ts";
import { Phase } from "./phase.ts";
import { renderPhase } from "./schedule.ts";
import type { PlannedPhase, Schedule } from "./schedule.ts";
import type { Spell } from "./spells.ts";
import { StallWatch } from "./stalls.ts";

export interface RunOptions {
  readonly schedule: Schedule;
  readonly say: (line: string) => void;
  /** Ends the run early, with everything put right and reported. */
  readonly signal: AbortSignal;
  /** Where logs are kept; undefined keeps none. */
  readonly directory: string | undefined;
  /** A test's own deed at the beginning of the first phase, of which no checker knows. */
  readonly sabotage?: (lab: Lab, holder: string) => Promise<void>;
}

/** From putting everything right to rest: a boot, its initial wait of 5 s, and agreement, on a busy machine. */
export const REST_LIMIT_MS = 25_000;
/** What is left of the run's minutes must hold a phase and its rest. */
const SHORTEST_PHASE_MS = 5_000;
const EXPECTED_REST_MS = 4_000;
const REQUEST_EVERY_MS = 10;
const REQUEST_LIMIT_MS = 500;
const STANDING_CONNECTIONS = 3;
const ASK_EVERY_MS = 2;
/** The visitor comes from an address of its own, so that a gateway that is silent does not silence the visitor. */
const VISITOR = "192.0.2.2";
const HANG_MS = 3_000;
const STATE_DISK_BYTES = 24 * 1024 * 1024;

/** Runs the schedule to its end, or as far as it is let. */
export async function runChaos(options: RunOptions): Promise<Evidence> {
  const { schedule, say, signal, directory } = options;
  using stalls = new StallWatch();
  await using lab = await Lab.up({
    nodes: schedule.nodes,
    stateDiskBytes: STATE_DISK_BYTES,
    environment: {
      NODE_OPTIONS: `--import=${STEPPED_CLOCK.preload}`,
      STEPPED_CLOCK_FILE: STEPPED_CLOCK.file,
      UNDERSTUDY_LAB_BLOCK_MS: String(HANG_MS),
    },
  });
  using decisions = new DecisionLog(lab);
  try {
    const visitor = await openSite(lab);
    const startedMs = nowMs();
    const collected = new Collected(lab, visitor, startedMs);
    const run = new Run(lab, options, collected);
    say(`lab ${lab.plan.id}: ${schedule.nodes} nodes, one visitor`);
    await run.phases(startedMs);
    const { seen, spells, skipped } = run;
    const { tries, standing, segment } = collected;
    return {
      schedule,
      nodes: lab.nodes.map(({ name }) => name),
      startedMs,
      endedMs: nowMs(),
      isInterrupted: signal.aborted,
      phases: seen,
      spells,
      skipped,
      tries,
      standing,
      segment,
      stalls: (await stalls.list()).filter(({ toMs }) => toMs >= startedMs),
      decisions: decisions.list(),
      epochs: decisions.epochs(),
    };
  } finally {
    if (directory !== undefined) await keepLogs(lab, directory);
  }
}

/** Puts the observers to work and returns the visitor among them. */
async function openSite(lab: Lab): Promise<LoadClient> {
  await lab.run(CLIENT, ["ip", "address", "add", `${VISITOR}/24`, "dev", "eth0"]);
  await lab.holders.start({ everyMs: ASK_EVERY_MS });
  const visitor = await LoadClient.start(lab, {
    address: PUBLIC_VIP,
    everyMs: REQUEST_EVERY_MS,
    limitMs: REQUEST_LIMIT_MS,
    established: STANDING_CONNECTIONS,
    from: VISITOR,
  });
  await visitor.pageAfter(lab.now());
  return visitor;
}

class Run {
  readonly seen: PhaseSeen[] = [];
  readonly spells: Spell[] = [];
  readonly skipped: Skipped[] = [];
  readonly #lab: Lab;
  readonly #options: RunOptions;
  readonly #collected: Collected;

  constructor(lab: Lab, options: RunOptions, collected: Collected) {
    this.#lab = lab;
    this.#options = options;
    this.#collected = collected;
  }

  async phases(startedMs: number): Promise<void> {
    const { schedule, signal } = this.#options;
    let holder = await this.#lab.calm();
    for (const planned of schedule.phases) {
      const leftMs = startedMs + schedule.minutes * 60_000 - nowMs() - EXPECTED_REST_MS;
      if (signal.aborted || leftMs < SHORTEST_PHASE_MS) return;
      const rested = await this.#phase(shortened(planned, leftMs), holder);
      await this.#collected.gather();
      // Without rest, everything that follows would be judged by what went before.
      if (rested === undefined) return;
      holder = rested;
    }
  }

  /** One phase, its healing and its rest; returns the holder then, or undefined when there was no rest. */
  async #phase(planned: PlannedPhase, holder: string): Promise<string | undefined> {
    const { say, signal, sabotage } = this.#options;
    for (const line of renderPhase(planned)) say(line);
    const fromMs = nowMs();
    const phase = new Phase(this.#lab, { holder, say });
    if (planned.number === 1) await sabotage?.(this.#lab, holder);
    await phase.run(planned, signal);
    let trouble: string | undefined;
    let rested: string | undefined;
    try {
      await putRight(this.#lab, phase.wishes);
    } catch (error) {
      trouble = `not everything could be put right: ${(error as Error).message}`;
    }
    const healedMs = nowMs();
    try {
      rested = await this.#lab.calm(REST_LIMIT_MS);
    } catch (error) {
      trouble ??= (error as Error).message;
    }
    const endMs = nowMs();
    this.seen.push({
      number: planned.number,
      fromMs,
      healedMs,
      restMs: rested === undefined ? undefined : endMs,
      trouble,
    });
    say(`  healed; at rest ${rested === undefined ? "NEVER" : `after ${Math.round(endMs - healedMs)} ms`}`);
    for (const { fault, node, toMs = healedMs, ...times } of phase.spells) {
      this.spells.push({
        id: fault.id,
        name: fault.name,
        node,
        fromMs: times.fromMs,
        doneMs: times.doneMs,
        toMs,
        restMs: endMs,
      });
    }
    this.skipped.push(...phase.skipped);
    return rested;
  }
}

/** The phase's beginning, when there is no time for all of it. */
function shortened(planned: PlannedPhase, leftMs: number): PlannedPhase {
  const lengthMs = Math.round(Math.min(planned.lengthMs, leftMs));
  return { ...planned, lengthMs, faults: planned.faults.filter(({ atMs }) => atMs < lengthMs) };
}
