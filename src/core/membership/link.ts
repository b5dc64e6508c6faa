/**
 * One network path to one peer: what was heard on it, and when each of our own frames was sent, so that an
 * echo can be dated by our own clock.
 */

import { MAX_SENT_REMEMBERED } from "../base/limits.ts";
import { instant, LONG_AGO, type Instant } from "../base/time.ts";

export class Link {
  readonly number: number;
  /** When the last accepted frame was heard on this link. */
  heardAt: Instant = LONG_AGO;
  /** Highest sequence accepted from the peer's present incarnation. */
  sequence = 0;
  up = false;
  #nextSequence = 1;
  readonly #sentAt = new Float64Array(MAX_SENT_REMEMBERED);

  constructor(number: number) {
    this.number = number;
  }

  /** The sequence for a frame that is sent now. */
  take(now: Instant): number {
    const sequence = this.#nextSequence++;
    this.#sentAt[sequence % MAX_SENT_REMEMBERED] = now;
    return sequence;
  }

  /** When our frame `sequence` was sent; undefined when it never was, or too long ago to remember. */
  sentAt(sequence: number): Instant | undefined {
    const oldest = this.#nextSequence - MAX_SENT_REMEMBERED;
    if (sequence < 1 || sequence < oldest || sequence >= this.#nextSequence) return undefined;
    return instant(this.#sentAt[sequence % MAX_SENT_REMEMBERED] ?? 0);
  }

  /** The last sequence taken; 0 before the first. */
  get lastSent(): number {
    return this.#nextSequence - 1;
  }

  /** The peer has a new incarnation: its sequences begin anew; ours go on, and so does the link. */
  restart(): void {
    this.sequence = 0;
  }
}
