/**
 * How much room things need in a frame's text. A frame that does not fit into one datagram is not sent at all, so
 * whoever writes one counts first; the sizes are upper bounds of what `frame-body.ts` makes of the values.
 */

import { MAX_FRAME_BYTES } from "../base/limits.ts";
import type { Claim, ClaimAnswer, GroupReport, Wish } from "../membership/frame.ts";
import { ENVELOPE_BYTES } from "../membership/frame-codec.ts";

/** Digits of the largest whole number. */
const NUMBER = 16;
const HEARD_BYTES = 50;
const KEYS_BYTES = 140;

/** Bytes for reports, claims, answers and wishes in a frame to a peer with so many links. */
export function roomFor(options: { links: number; config: string }): number {
  // One more than the links: a peer's new self is echoed beside the known one.
  const fixed = KEYS_BYTES + textBytes(options.config) + (options.links + 1) * HEARD_BYTES + options.links * 2;
  return MAX_FRAME_BYTES - ENVELOPE_BYTES - fixed;
}

export function reportBytes(report: GroupReport): number {
  const { name, holder = "", reason, to = "", seen = "" } = report;
  const texts = textBytes(name) + textBytes(holder) + textBytes(reason) + textBytes(to) + textBytes(seen);
  return texts + 2 * NUMBER + 28;
}

export function claimBytes(claim: Claim): number {
  return textBytes(claim.group) + NUMBER + 4;
}

export function answerBytes(answer: ClaimAnswer): number {
  return textBytes(answer.group) + textBytes(answer.reason) + NUMBER + 7;
}

export function wishBytes(wish: Wish): number {
  return textBytes(wish.key) + textBytes(wish.value) + textBytes(wish.node) + NUMBER + 6;
}

/** The same few names and reasons stand in every frame: what was measured once is not measured again. */
const measured = new Map<string, number>();
const MAX_MEASURED = 1_000;

/** Quoted; what is not plain ASCII is escaped with six characters at most. */
function textBytes(text: string): number {
  const known = measured.get(text);
  if (known !== undefined) return known;
  const bytes = 2 + (/^[ !#-[\]-~]*$/.test(text) ? text.length : text.length * 6);
  if (measured.size >= MAX_MEASURED) measured.clear();
  measured.set(text, bytes);
  return bytes;
}

/** Items from the front that fit: at most so many, together at most so many bytes; what is too large is left out. */
export function takeFitting<T>(
  items: Iterable<T>,
  limit: { readonly count: number; readonly bytes: number },
  size: (item: T) => number,
): { readonly taken: readonly T[]; readonly bytes: number } {
  const taken: T[] = [];
  let bytes = 0;
  for (const item of items) {
    if (taken.length >= limit.count) break;
    const more = size(item);
    if (bytes + more > limit.bytes) continue;
    bytes += more;
    taken.push(item);
  }
  return { taken, bytes };
}
