/**
 * Dates answers as the daemon's heart does: each hardware address goes through the open questions by itself;
 * its answer belongs to the oldest one that it has not answered yet, asked at most so long before the sockets
 * were last read empty.
 */

import { LONG_AGO, type Instant } from "../core/base/time.ts";
import type { AskEffect } from "../core/node/effects.ts";

/** Longest way there and back that is dated rightly. */
const ANSWER_WINDOW_MS = 40;

interface Open {
  readonly at: Instant;
  readonly answeredBy: Set<string>;
}

/** The open questions of one process. */
export class Questions {
  /** When the sockets were last read empty. */
  emptyAt: Instant = LONG_AGO;
  readonly #open = new Map<string, Open[]>();

  /** A question leaves now. */
  ask(question: AskEffect, now: Instant): void {
    const open = this.#open.get(keyOf(question)) ?? [];
    while (open.length > 0 && (open[0] as Open).at < this.emptyAt - ANSWER_WINDOW_MS) open.shift();
    open.push({ at: now, answeredBy: new Set() });
    this.#open.set(keyOf(question), open);
  }

  /** When the question of an answer that is read now was asked; undefined when none is open. */
  answered(question: AskEffect, mac: string): Instant | undefined {
    const open = this.#open.get(keyOf(question)) ?? [];
    while (open.length > 0 && (open[0] as Open).at < this.emptyAt - ANSWER_WINDOW_MS) open.shift();
    const mine = open.find((one) => !one.answeredBy.has(mac));
    mine?.answeredBy.add(mac);
    return (mine ?? open[0])?.at;
  }
}

function keyOf({ link, probe, address }: AskEffect): string {
  return `${link}/${probe}/${address}`;
}
