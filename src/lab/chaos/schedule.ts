/**
 * What a chaos run will do, drawn ahead of time from its seed alone: how many nodes, and phase after phase which
 * fault begins when, on whom, for how long. Faults may overlap. Nothing here looks at the cluster, so the same seed
 * gives the same schedule on every machine; what "the holder" is, and whether a fault is possible at all when its time
 * comes, is found out then and told.
 */

import { Random } from "../../core/base/random.ts";
import { nodeNames } from "../plan.ts";
import { KIND_NAMES, kindOf } from "./kinds.ts";
import type { KindName } from "./kinds.ts";

/** Whom a fault hits, to be looked up when its time comes. */
export type Target =
  | { readonly kind: "holder" }
  | { readonly kind: "node"; readonly node: string }
  /** One that does not serve: the first of these. */
  | { readonly kind: "standby"; readonly order: readonly string[] }
  | { readonly kind: "everybody" };

export interface PlannedFault {
  /** Unique in a run, from 1. */
  readonly id: number;
  readonly name: KindName;
  /** After the phase's beginning. */
  readonly atMs: number;
  /** 0 for what is done in a moment. */
  readonly durationMs: number;
  readonly target: Target;
  /** A node that the fault needs beside its target: where a switch goes, or who is told. */
  readonly other: string;
}

/** One safety phase; then everything is healed and the cluster must come to rest. */
export interface PlannedPhase {
  /** From 1. */
  readonly number: number;
  readonly lengthMs: number;
  /** In order of their beginning. */
  readonly faults: readonly PlannedFault[];
}

export interface Schedule {
  readonly seed: number;
  readonly nodes: number;
  readonly minutes: number;
  readonly kinds: readonly KindName[];
  readonly phases: readonly PlannedPhase[];
}

export interface ScheduleOptions {
  readonly seed: number;
  readonly minutes: number;
  /** Undefined: the seed decides, 2 to 5. */
  readonly nodes?: number | undefined;
  /** Undefined: all. */
  readonly kinds?: readonly KindName[] | undefined;
}

const SHORTEST_PHASE_MS = 12_000;
const LONGEST_PHASE_MS = 40_000;
/** Between the beginnings of two faults in a crowded phase. */
const SHORTEST_PAUSE_MS = 150;
const LONGEST_PAUSE_MS = 5_000;
/** In a phase that is not crowded, between the end of a fault and the next one: the site has to be well in between. */
const APART_MS = [1_200, 4_500] as const;
/** Quiet before the first fault, so that a phase begins with a site that is served. */
const PRELUDE_MS = 300;
/** Nothing new in the last moments: it would hardly be a fault. */
const POSTLUDE_MS = 1_000;
const SHARE_ON_HOLDER = 0.55;

/** The whole schedule: enough phases for the minutes even if healing took no time. */
export function drawSchedule({ seed, minutes, nodes, kinds = KIND_NAMES }: ScheduleOptions): Schedule {
  const random = new Random(`chaos ${seed}`);
  const drawnNodes = random.pick([2, 2, 3, 3, 4, 5]);
  const count = nodes ?? drawnNodes;
  const deck = new Deck(kinds, random);
  // Crowds find what breaks the first promise; single faults show what a visitor feels of each: every other phase.
  const firstCrowded = random.integer(0, 1);
  const phases: PlannedPhase[] = [];
  let id = 1;
  for (let totalMs = 0; totalMs < minutes * 60_000; ) {
    const lengthMs = Math.round(random.between(SHORTEST_PHASE_MS, LONGEST_PHASE_MS));
    const faults: PlannedFault[] = [];
    let atMs = PRELUDE_MS + random.between(0, LONGEST_PAUSE_MS / 4);
    const isCrowded = phases.length % 2 === firstCrowded;
    while (atMs < lengthMs - POSTLUDE_MS) {
      const fault = drawFault(random, { id: id++, name: deck.next(), atMs: Math.round(atMs), count });
      faults.push(fault);
      atMs += isCrowded
        ? logarithmic(random, SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS)
        : fault.durationMs + random.between(...APART_MS);
    }
    phases.push({ number: phases.length + 1, lengthMs, faults });
    totalMs += lengthMs;
  }
  return { seed, nodes: count, minutes, kinds, phases };
}

/** Deals each kind once before any comes again, so that a short run has most of them. */
class Deck {
  readonly #kinds: readonly KindName[];
  readonly #random: Random;
  #left: KindName[] = [];

  constructor(kinds: readonly KindName[], random: Random) {
    this.#kinds = kinds;
    this.#random = random;
  }

  next(): KindName {
    if (this.#left.length === 0) this.#left = [...this.#kinds];
    const [name] = this.#left.splice(this.#random.integer(0, this.#left.length - 1), 1);
    return name as KindName;
  }
}

function drawFault(
  random: Random,
  { id, name, atMs, count }: { id: number; name: KindName; atMs: number; count: number },
): PlannedFault {
  const { durationMs, hits } = kindOf(name);
  const nodes = nodeNames(count);
  const length = durationMs === undefined ? 0 : Math.round(logarithmic(random, ...durationMs));
  const isOnHolder = random.chance(SHARE_ON_HOLDER);
  const node = random.pick(nodes);
  const other = random.pick(nodes);
  const target: Target =
    hits === "cluster"
      ? { kind: "everybody" }
      : hits === "standby"
        ? { kind: "standby", order: [node, ...nodes.filter((one) => one !== node)] }
        : isOnHolder
          ? { kind: "holder" }
          : { kind: "node", node };
  return { id, name, atMs, durationMs: length, target, other };
}

/** Between two bounds, with every order of magnitude as likely as the others. */
function logarithmic(random: Random, least: number, most: number): number {
  return least * (most / least) ** random.fraction();
}

/** One line about a phase and one about each of its faults. */
export function renderPhase({ number, lengthMs, faults }: PlannedPhase): string[] {
  const head = `phase ${number}: ${(lengthMs / 1_000).toFixed(1)} s, ${faults.length} faults`;
  return [head, ...faults.map((fault) => `  ${renderFault(fault)}`)];
}

/** A fault as people read it: number, when, what, on whom, how long. */
export function renderFault({ id, name, atMs, durationMs, target, other }: PlannedFault): string {
  const words = [`#${id}`.padStart(4), `+${(atMs / 1_000).toFixed(2)} s`.padStart(9), name.padEnd(15)];
  words.push(renderTarget(target).padEnd(11));
  if (name === "switch") words.push(`to ${other}`);
  else if (durationMs > 0)
    words.push(`for ${durationMs < 1_000 ? `${durationMs} ms` : `${(durationMs / 1_000).toFixed(1)} s`}`);
  return words.join(" ").trimEnd();
}

function renderTarget(target: Target): string {
  switch (target.kind) {
    case "holder":
      return "the holder";
    case "node":
      return target.node;
    case "standby":
      return "a standby";
    case "everybody":
      return "everybody";
  }
}
