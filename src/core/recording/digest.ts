/**
 * A number for many effects: two runs whose digests agree did the same. It is no signature, only a comparison of
 * honest runs; 32 bits of FNV-1a over the effects' JSON, each mixed into what was before.
 */

import type { Effect } from "../node/effects.ts";

/** The digest of nothing. */
export const NO_DIGEST = 0x811c9dc5;

/** The digest of everything before and, after it, those of these effects that count. */
export function digestEffects(
  before: number,
  effects: readonly Effect[],
  counts: (effect: Effect) => boolean = () => true,
): number {
  let digest = before;
  for (const effect of effects) if (counts(effect)) digest = digestText(digest, JSON.stringify(effect));
  return digest;
}

function digestText(before: number, text: string): number {
  let digest = before;
  for (let at = 0; at < text.length; at++) digest = Math.imul(digest ^ text.charCodeAt(at), 0x01000193);
  return digest >>> 0;
}
