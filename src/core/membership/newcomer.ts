/**
 * What a node says before this one knows that it lives: well-signed frames of an incarnation that has echoed nothing
 * yet. They may be a capture, played back, so they are no sign of life and never let anybody take anything. They may
 * be true as well, from a node that hears nobody, so they make this node careful: a node that left may be back, and
 * one that says that it holds a group may hold it.
 *
 * A capture makes careful only once. A life that ended is not believed again, and within one only a frame that is
 * younger than all before: playing it back once more says nothing.
 */

import { after, LONG_AGO, type Instant } from "../base/time.ts";
import type { Frame } from "./frame.ts";

/** So long after its last frame a node that left, and may be back, is still counted. */
const BACK_MS = 60_000;

/** So many lives are told apart; further ones are not believed before one of them is confirmed. */
const MAX_LIVES = 32;

/** No frame is younger than those of a life that is over. */
const OVER = Number.MAX_SAFE_INTEGER;

export class Newcomer {
  /** It left and may be back until then; LONG_AGO when nothing says so. */
  backUntil: Instant = LONG_AGO;
  /** The youngest frame of each life. */
  private readonly lives = new Map<string, number>();
  /** When it last said that it holds or starts a group. */
  private readonly serving = new Map<string, Instant>();

  /** Takes in a frame of a life that is not confirmed. */
  hear(frame: Frame, now: Instant): void {
    const newest = this.lives.get(frame.incarnation);
    if (newest === undefined && this.lives.size >= MAX_LIVES) return;
    if (newest !== undefined && frame.sequence <= newest) return;
    this.lives.set(frame.incarnation, frame.sequence);
    // A goodbye that may be an old one takes back nothing.
    if (frame.mode !== "left") this.backUntil = after(now, BACK_MS);
    for (const { name, role } of frame.groups) {
      if (role === "holding" || role === "starting") this.serving.set(name, now);
      else this.serving.delete(name);
    }
  }

  /** A life is confirmed: all others are over, and it speaks for itself. */
  confirmed(incarnation: string): void {
    this.lives.delete(incarnation);
    for (const life of this.lives.keys()) {
      if (this.lives.size < MAX_LIVES / 2) this.lives.set(life, OVER);
      else this.lives.delete(life);
    }
    this.lives.set(incarnation, OVER);
    this.backUntil = LONG_AGO;
    this.serving.clear();
  }

  /** When it said last that it serves a group. */
  servesAt(group: string): Instant {
    return this.serving.get(group) ?? LONG_AGO;
  }

  /** Time passes. */
  advance(now: Instant): void {
    if (this.backUntil <= now) this.backUntil = LONG_AGO;
  }
}
