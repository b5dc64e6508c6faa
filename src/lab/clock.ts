/**
 * The lab's one clock: CLOCK_MONOTONIC, which all processes of a machine share, so that a fault's moment, a
 * client's request and a captured frame can be compared without any agreement between processes.
 */

import { setPriority } from "node:os";

const OBSERVER_PRIORITY = -15;

/**
 * Observers are measuring instruments: on a busy machine they come first, or they would measure themselves. An
 * ordinary user may not ask for that, and measures a little worse.
 */
export function comeFirst(): void {
  try {
    setPriority(OBSERVER_PRIORITY);
  } catch {
    // not permitted here
  }
}

/** Milliseconds of CLOCK_MONOTONIC, with fraction. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Waits that long. For rhythm (polling, phases of a fault), never in the hope that something is done by then. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Polls `condition` until it returns something other than undefined or false, and returns that.
 * Throws after `limitMs` with `what` in the message.
 */
export async function until<T>(
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  { limitMs = 10_000, everyMs = 20 }: { limitMs?: number; everyMs?: number } = {},
): Promise<T> {
  const end = nowMs() + limitMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (nowMs() > end) throw new Error(`waited ${limitMs} ms in vain: ${what}`);
    await pause(everyMs);
  }
}
