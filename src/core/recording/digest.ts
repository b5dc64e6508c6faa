/**
 * A number for many effects: two runs whose digests agree did the same. It is no signature, only a comparison of
 * honest runs: 32 bits of FNV-1a over a text of each effect, each mixed into what was before.
 */

import type { Frame } from "../membership/frame.ts";
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
  let last: Frame | undefined;
  for (const effect of effects) {
    if (!counts(effect)) continue;
    digest = digestText(digest, textOf(effect, last));
    if (effect.kind === "send") last = effect.frame;
  }
  return digest;
}

/** What is digested of an effect, at every heartbeat: so frames of one turn that say the same are written out once. */
function textOf(effect: Effect, last: Frame | undefined): string {
  switch (effect.kind) {
    case "send": {
      const { to, frame } = effect;
      return last !== undefined && saysTheSame(frame, last)
        ? `send ${to} ${frame.kind} ${frame.version} ${frame.link} ${frame.sequence}`
        : JSON.stringify(effect);
    }
    case "open":
      return `open ${effect.vips.map(({ id }) => id).join(" ")} ${effect.until}`;
    case "ask":
      return `ask ${effect.link} ${effect.probe} ${effect.address} ${effect.mac ?? ""}`;
    default:
      return JSON.stringify(effect);
  }
}

function saysTheSame(a: Frame, b: Frame): boolean {
  return a.groups === b.groups && a.heard === b.heard && a.claimAnswers === b.claimAnswers;
}

function digestText(before: number, text: string): number {
  let digest = before;
  for (let at = 0; at < text.length; at++) digest = Math.imul(digest ^ text.charCodeAt(at), 0x01000193);
  return digest >>> 0;
}
