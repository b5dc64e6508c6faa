/**
 * Dates answers. ARP, NDP and our echo carry nothing that says which question they answer, but a lease may
 * only be renewed from the moment when the question was asked: an answer that lay in a socket while this
 * process stood still proves nothing about now.
 *
 * An answer that is read now arrived after the last time the sockets were read empty, and a segment carries a
 * question and its answer in `ANSWER_WINDOW_MS`. So it belongs to a question asked at most that long before
 * the sockets were last empty, and it is dated by the oldest unanswered one of those. A longer window would be
 * no safer on a working segment and would, under packet loss, date every answer by a lost question until no
 * lease could be renewed.
 */

import { type Instant, LONG_AGO } from "../../core/base/time.ts";

/** Longest way there and back on one segment that is dated rightly, in milliseconds. */
export const ANSWER_WINDOW_MS = 40;

/** Questions remembered per link, kind and address. */
const MAX_OPEN = 64;
/** Different (link, kind, address) remembered; far more than a cluster has. */
const MAX_SUBJECTS = 1_024;

export interface Question {
  readonly link: number;
  readonly probe: "arp" | "echo";
  readonly address: string;
}

/** Open questions and when the sockets were last empty. */
export class Asked {
  readonly #open = new Map<string, Instant[]>();
  #emptyAt: Instant = LONG_AGO;

  /** A question leaves now. */
  ask(question: Question, now: Instant): void {
    const key = keyOf(question);
    let times = this.#open.get(key);
    if (times === undefined) {
      if (this.#open.size >= MAX_SUBJECTS) this.#open.clear();
      times = [];
      this.#open.set(key, times);
    }
    if (times.length >= MAX_OPEN) times.shift();
    times.push(now);
  }

  /** Everything that had arrived by `at` was read. */
  emptied(at: Instant): void {
    this.#emptyAt = at;
  }

  /** When the question of an answer that was just read was asked; undefined when none is open. */
  answered(question: Question): Instant | undefined {
    const times = this.#open.get(keyOf(question));
    if (times === undefined) return undefined;
    while (times.length > 0 && (times[0] as Instant) < this.#emptyAt - ANSWER_WINDOW_MS) times.shift();
    return times.shift();
  }
}

function keyOf(question: Question): string {
  return `${question.link} ${question.probe} ${question.address}`;
}
