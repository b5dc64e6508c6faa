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
  /** Sequences sent and their times, by sequence modulo the length; later ones overwrite earlier ones. */
  private readonly sentSequences = new Float64Array(MAX_SENT_REMEMBERED);
  private readonly sentTimes = new Float64Array(MAX_SENT_REMEMBERED);

  constructor(number: number) {
    this.number = number;
  }

  /** Our frame with this sequence leaves on this link now. */
  noteSent(sequence: number, now: Instant): void {
    this.sentSequences[sequence % MAX_SENT_REMEMBERED] = sequence;
    this.sentTimes[sequence % MAX_SENT_REMEMBERED] = now;
  }

  /** When our frame `sequence` left on this link; undefined when it never did, or too long ago to remember. */
  sentAt(sequence: number): Instant | undefined {
    const index = sequence % MAX_SENT_REMEMBERED;
    if (sequence < 1 || this.sentSequences[index] !== sequence) return undefined;
    return instant(this.sentTimes[index] ?? 0);
  }

  /** The peer has a new incarnation: its sequences begin anew; ours go on, and so does the link. */
  restart(): void {
    this.sequence = 0;
  }
}
