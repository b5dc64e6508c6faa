/**
 * The course of a run: rounds, each with a safety phase in which anything of its mix may happen, then healing, then a
 * liveness phase that must converge. A short run has one round; a run of hours has as many as fit, in one world.
 */

import { describeFault, type Fault } from "./faults/fault.ts";
import { inflict } from "./faults/inflict.ts";
import { CONFIG_HASH } from "./machine.ts";
import type { World } from "./world.ts";

/** Time for daemons to start and groups to settle before the first fault. */
export const SETTLE_MS = 1_500;
/** When, after healing, an operator undoes wishes and bars. */
const REPAIR_AFTER_MS = 3_000;
/** All groups must be served so long after healing: boot, initial wait, retries of starts, and slack. */
const LIVENESS_BOUND_MS = 9_000;

/** The safety phase of one round; `index` counts from 0, times are true ones. */
export interface Round {
  readonly index: number;
  readonly from: number;
  readonly to: number;
}

export interface Course {
  /** Length of each safety phase. */
  readonly safetyMs: number;
  /** No round begins after this; one is always played. */
  readonly untilMs: number;
  readonly faultsOf: (round: Round) => readonly Fault[];
}

/** Plays a run to its end, or to its first violation. */
export function play(world: World, course: Course): void {
  const { timeline } = world;
  for (const machine of world.machines) timeline.after(world.random.machines.between(0, 300), () => machine.powerOn());
  let index = 0;
  do {
    const from = index === 0 ? SETTLE_MS : world.now;
    playRound(world, { index, from, to: from + course.safetyMs }, course);
    index++;
  } while (world.violations.length === 0 && world.now < course.untilMs);
  if (world.violations.length > 0) return;
  for (const checker of world.checkers) checker.ended(world);
}

function playRound(world: World, round: Round, course: Course): void {
  const { timeline } = world;
  world.beginRound(round.index);
  for (const fault of course.faultsOf(round)) {
    timeline.at(fault.at, () => {
      world.trace.line(timeline.now, "fault", describeFault(fault));
      const end = inflict(world, fault);
      for (const checker of world.checkers) checker.faultBegan(world, fault);
      timeline.at(fault.at + fault.forMs, () => {
        world.trace.line(timeline.now, "fault", `ends: ${describeFault(fault)}`);
        end();
        for (const checker of world.checkers) checker.faultEnded(world, fault);
      });
    });
  }
  timeline.runUntil(round.to + 1, world);
  if (world.isBroken()) return;
  healMachines(world);
  world.heal();
  timeline.after(REPAIR_AFTER_MS, () => repair(world));
  timeline.runUntil(timeline.now + LIVENESS_BOUND_MS, world);
  if (world.isBroken()) return;
  for (const checker of world.checkers) checker.settled(world);
}

/** Faults end by themselves at the end of the phase; daemons that died or left are started again. */
function healMachines(world: World): void {
  for (const machine of world.machines) {
    machine.serviceMood = "well";
    machine.shouldRun = true;
    machine.powerOn();
    if (machine.process !== undefined && machine.process.configHash !== CONFIG_HASH)
      machine.replaceFile(world.config, CONFIG_HASH, "kill");
    machine.config = world.config;
    machine.configHash = CONFIG_HASH;
    machine.startProcess(undefined);
  }
}

/** What an operator would type: everybody online, no maintenance, no bars. */
function repair(world: World): void {
  const [first] = world.machines;
  if (first === undefined || world.mix !== "chaos") return;
  for (const machine of world.machines) world.request(first, { verb: "online", node: machine.name });
  world.request(first, { verb: "maintenance", on: false });
  for (const group of world.config.groups) world.request(first, { verb: "clear", group: group.name });
}
