/**
 * Dates answers as the daemon's heart does: an answer belongs to the oldest unanswered question that was asked
 * at most so long before the sockets were last read empty.
 */

import { LONG_AGO, type Instant } from "../core/base/time.ts";
import type { AskEffect } from "../core/node/effects.ts";

/** Longest way there and back that is dated rightly. */
const ANSWER_WINDOW_MS = 40;

/** The open questions of one process. */
export class Questions {
  /** When the sockets were last read empty. */
  emptyAt: Instant = LONG_AGO;
  readonly #open = new Map<string, Instant[]>();

  /** A question leaves now. */
  ask(question: AskEffect, now: Instant): void {
    const times = this.#open.get(keyOf(question));
    if (times === undefined) this.#open.set(keyOf(question), [now]);
    else times.push(now);
  }

  /** When the question of an answer that is read now was asked; undefined when none is open. */
  answered(question: AskEffect): Instant | undefined {
    const times = this.#open.get(keyOf(question)) ?? [];
    while (times.length > 0 && (times[0] as Instant) < this.emptyAt - ANSWER_WINDOW_MS) times.shift();
    return times.shift();
  }
}

function keyOf({ link, probe, address }: AskEffect): string {
  return `${link}/${probe}/${address}`;
}
