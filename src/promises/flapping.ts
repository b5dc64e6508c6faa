/**
 * No flapping: a group moves only when something happened, and only so often for each thing that happened. Every
 * cause (a fault begins or ends, an operator gives a command) pays for a few moves of each group within the time in
 * which a cluster reacts; a fault that goes on, such as a lossy cable, pays for one more now and then. So the moves of
 * an hour are bounded by the causes of that hour. Pure: whoever knows the faults feeds it.
 */

export interface FlappingOptions {
  /** Moves of one group that one cause pays for. */
  readonly perCause: number;
  /** How long after a cause its last move may come: boot, failback, retries of starts. */
  readonly reactionMs: number;
  /** While a fault goes on, it pays for one move of each group so often. */
  readonly everyMs: number;
}

interface Cause {
  readonly at: number;
  readonly paid: Map<string, number>;
}

interface Lasting {
  readonly since: number;
  readonly paidAt: Map<string, number>;
}

/** More causes than this within one reaction time are not told apart. */
const MOST_CAUSES = 1_000;

/** Watches the moves of all groups of one cluster. */
export class Flapping {
  readonly name = "no flapping";
  /** Moves compared. */
  runs = 0;
  /** Causes seen. */
  causes = 0;
  readonly #options: FlappingOptions;
  #recent: Cause[] = [];
  readonly #lasting = new Map<unknown, Lasting>();

  constructor(options: FlappingOptions) {
    this.#options = options;
  }

  /** Something happened. */
  cause(at: number): void {
    this.causes += 1;
    this.#forget(at);
    this.#recent.push({ at, paid: new Map() });
  }

  /** Something that lasts began; `fault` is whatever names it until it ends. */
  began(at: number, fault: unknown): void {
    this.cause(at);
    this.#lasting.set(fault, { since: at, paidAt: new Map() });
  }

  ended(at: number, fault: unknown): void {
    this.cause(at);
    this.#lasting.delete(fault);
  }

  /** A group is served by another node than before; tells what is wrong when nothing paid for it. */
  moved(move: { at: number; group: string; from: string; to: string }): string | undefined {
    this.runs += 1;
    const { at, group, from, to } = move;
    this.#forget(at);
    const cause = this.#recent.find(({ paid }) => (paid.get(group) ?? 0) < this.#options.perCause);
    if (cause !== undefined) {
      cause.paid.set(group, (cause.paid.get(group) ?? 0) + 1);
      return undefined;
    }
    for (const { since, paidAt } of this.#lasting.values()) {
      if (at - (paidAt.get(group) ?? since) < this.#options.everyMs) continue;
      paidAt.set(group, at);
      return undefined;
    }
    const seconds = this.#options.reactionMs / 1_000;
    return `${group} moved from ${from} to ${to}, and what happened in the last ${seconds} s was paid for already`;
  }

  #forget(at: number): void {
    const from = at - this.#options.reactionMs;
    if (this.#recent.length >= MOST_CAUSES || (this.#recent[0]?.at ?? at) < from)
      this.#recent = this.#recent.filter((cause) => cause.at >= from).slice(-MOST_CAUSES);
  }
}
