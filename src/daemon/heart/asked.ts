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
 *
 * A segment may double an answer, and the copy may wait unread beside the first. So the sockets are read empty before
 * a question leaves: what waited then is dated by the questions before it.
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

/** A question that may still be answered, and who has answered it. */
interface Open {
  readonly at: Instant;
  readonly answeredBy: Set<string>;
}

/** Open questions and when the sockets were last empty. */
export class Asked {
  readonly #open = new Map<string, Open[]>();
  #emptyAt: Instant = LONG_AGO;

  /** A question leaves now. */
  ask(question: Question, now: Instant): void {
    const key = keyOf(question);
    let open = this.#open.get(key);
    if (open === undefined) {
      if (this.#open.size >= MAX_SUBJECTS) this.#open.clear();
      open = [];
      this.#open.set(key, open);
    }
    if (open.length >= MAX_OPEN) open.shift();
    open.push({ at: now, answeredBy: new Set() });
  }

  /** Everything that had arrived by `at` was read. */
  emptied(at: Instant): void {
    this.#emptyAt = at;
  }

  /**
   * When the question of an answer from `mac` that was just read was asked; undefined when none is open. Several
   * machines may answer one question, so each hardware address goes through the open questions by itself; one
   * that answers more often than it was asked is dated by the oldest: too old is safe.
   */
  answered(question: Question, mac: string): Instant | undefined {
    const open = this.#open.get(keyOf(question));
    if (open === undefined) return undefined;
    while (open.length > 0 && (open[0] as Open).at < this.#emptyAt - ANSWER_WINDOW_MS) open.shift();
    const mine = open.find((one) => !one.answeredBy.has(mac));
    mine?.answeredBy.add(mac);
    return (mine ?? open[0])?.at;
  }
}

function keyOf(question: Question): string {
  return `${question.link} ${question.probe} ${question.address}`;
}
