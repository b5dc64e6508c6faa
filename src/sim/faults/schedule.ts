/**
 * The faults of a run, round by round: drawn when a round begins, so that a run of hours needs no list, and numbered,
 * so that a shorter run can name those that it keeps.
 */

import type { ClusterConfig } from "../../core/config/cluster.ts";
import type { Round } from "../rounds.ts";
import type { Fault } from "./fault.ts";

export class Schedule {
  readonly played: { readonly number: number; readonly fault: Fault }[] = [];
  readonly #given: readonly Fault[] | undefined;
  readonly #draw: (round: Round) => readonly Fault[];
  readonly #only: ReadonlySet<number> | undefined;
  #drawn = 0;

  constructor(
    options: { faults?: readonly Fault[] | undefined; only?: readonly number[] | undefined },
    draw: (round: Round) => readonly Fault[],
  ) {
    this.#given = options.faults;
    this.#only = options.only === undefined ? undefined : new Set(options.only);
    this.#draw = draw;
  }

  faultsOf(round: Round, config: ClusterConfig): readonly Fault[] {
    const faults = this.#given === undefined ? this.#draw(round) : round.index === 0 ? this.#given : [];
    const numbered = faults.map((fault) => ({ number: this.#drawn++, fault }));
    const played = numbered.filter(
      ({ number, fault }) => this.#only?.has(number) !== false && isPossible(fault, config),
    );
    this.played.push(...played);
    return played.map(({ fault }) => fault);
  }
}

/** Does a fault concern only nodes that are there? */
export function isPossible(fault: Fault, config: ClusterConfig): boolean {
  const isNode = (value: unknown): boolean =>
    typeof value === "number"
      ? value < config.nodes.length
      : value === undefined || typeof value !== "string" || isHere(value);
  const isHere = (name: string): boolean => !/^srv\d+$/.test(name) || config.nodes.some((node) => node.name === name);
  const { action } = fault;
  const named = "verb" in action ? Object.values(action.verb) : [];
  const numbered = ["node", "from", "to"].map((key) => (action as unknown as Record<string, unknown>)[key]);
  return [...numbered, ...named].every(isNode);
}
