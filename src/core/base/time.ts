/**
 * Times and durations. Two clocks never mix: `Instant` is a reading of the machine's boot-time clock in
 * milliseconds (with fraction), the only clock that decides anything; `WallTime` is for people who read records.
 */

/** Milliseconds of CLOCK_BOOTTIME. Comparable only within one boot of one machine. */
export type Instant = number & { readonly __clock: "boot" };

/** Milliseconds since 1970. Shown to people, stored in records, never used to decide. */
export type WallTime = number & { readonly __clock: "wall" };

/** States that a number is a boot-time reading; for clocks, stores and tests. */
export function instant(ms: number): Instant {
  return ms as Instant;
}

/** States that a number is a wall-clock reading; for clocks, stores and tests. */
export function wallTime(ms: number): WallTime {
  return ms as WallTime;
}

/** The instant `ms` milliseconds after `from`. */
export function after(from: Instant, ms: number): Instant {
  return (from + ms) as Instant;
}

/** An instant that never comes: "no wake-up needed", "no deadline". */
export const NEVER = Number.POSITIVE_INFINITY as Instant;

/** An instant before every other: "not yet seen". */
export const LONG_AGO = Number.NEGATIVE_INFINITY as Instant;

/** The earlier of two instants. */
export function earlier(a: Instant, b: Instant): Instant {
  return a < b ? a : b;
}

/** The later of two instants. */
export function later(a: Instant, b: Instant): Instant {
  return a > b ? a : b;
}
