/**
 * Dates answers as the daemon's heart does: each hardware address goes through the open questions by itself;
 * its answer belongs to the oldest one that it has not answered yet, asked at most so long before the sockets
 * were last read empty. What is read in one go was there before any question that is asked meanwhile.
 */

import { LONG_AGO, type Instant } from "../core/base/time.ts";
import type { AskEffect } from "../core/node/effects.ts";

/** Longest way there and back that is dated rightly. */
const ANSWER_WINDOW_MS = 40;

interface Open {
  readonly at: Instant;
  readonly round: number;
  readonly answeredBy: Set<string>;
}

/** The open questions of one process. */
export class Questions {
  /** When the sockets were last read empty. */
  #emptyAt: Instant = LONG_AGO;
  #round = 0;
  readonly #open = new Map<string, Open[]>();

  /** Reading begins; the sockets were last empty then. */
  began(emptyAt: Instant): void {
    this.#emptyAt = emptyAt;
    this.#round++;
  }

  /** A question leaves now. */
  ask(question: AskEffect, now: Instant): void {
    const open = this.#open.get(keyOf(question)) ?? [];
    while (open.length > 0 && (open[0] as Open).at < this.#emptyAt - ANSWER_WINDOW_MS) open.shift();
    open.push({ at: now, round: this.#round, answeredBy: new Set() });
    this.#open.set(keyOf(question), open);
  }

  /** When the question of an answer that is read now was asked; undefined when none is open. */
  answered(question: AskEffect, mac: string): Instant | undefined {
    const open = this.#open.get(keyOf(question)) ?? [];
    while (open.length > 0 && (open[0] as Open).at < this.#emptyAt - ANSWER_WINDOW_MS) open.shift();
    let mine: Open | undefined;
    for (const one of open) {
      if (one.round === this.#round) break;
      if (one.answeredBy.has(mac)) continue;
      mine = one;
      break;
    }
    mine?.answeredBy.add(mac);
    const oldest = open[0]?.round === this.#round ? undefined : open[0];
    return (mine ?? oldest)?.at;
  }
}

function keyOf({ link, probe, address }: AskEffect): string {
  return `${link}/${probe}/${address}`;
}
