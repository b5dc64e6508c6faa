/**
 * What changed between two plain values, as little as possible: a heartbeat differs from the one before in a few
 * numbers. `applyDifference` puts it back exactly. Values are what JSON can write, and undefined.
 */

import { assert } from "../base/assert.ts";

/**
 * A number is added; a pair with "µ" is added in thousandths; a list with one value replaces, an empty one makes
 * it undefined; an object holds the differences of fields or list positions.
 */
export type Difference =
  | number
  | readonly []
  | readonly [unknown]
  | readonly ["µ", number]
  | { readonly [key: string]: Difference };

type Fields = Record<string, unknown>;

/** The difference; undefined when there is none. */
export function differenceOf(before: unknown, now: unknown): Difference | undefined {
  if (Object.is(before, now)) return undefined;
  if (typeof before === "number" && typeof now === "number") return differenceOfNumbers(before, now);
  if (!isObject(before) || !isObject(now) || Array.isArray(before) !== Array.isArray(now)) return replacedBy(now);
  const keys = Object.keys(now);
  if (keys.length !== Object.keys(before).length) return replacedBy(now);
  const found: Record<string, Difference> = {};
  let isSame = true;
  for (const key of keys) {
    if (!Object.hasOwn(before, key)) return replacedBy(now);
    const difference = differenceOf(before[key], now[key]);
    if (difference === undefined) continue;
    isSame = false;
    found[key] = difference;
  }
  return isSame ? undefined : found;
}

/** The value that differs so from `before`, which stays as it is. */
export function applyDifference(before: unknown, difference: Difference | undefined): unknown {
  if (difference === undefined) return before;
  if (typeof difference === "number") return asNumber(before) + difference;
  if (Array.isArray(difference)) {
    if (difference.length < 2) return difference[0];
    return (Math.round(asNumber(before) * 1_000) + asNumber(difference[1])) / 1_000;
  }
  assert(isObject(before), "a difference of fields belongs to an object");
  const now: Fields = Array.isArray(before) ? ([...before] as unknown as Fields) : { ...before };
  for (const [key, each] of Object.entries(difference as Readonly<Record<string, Difference>>))
    now[key] = applyDifference(now[key], each);
  return now;
}

/** Is this number a whole count of thousandths, so that it can be counted in them with no loss? */
export function isWholeThousandths(value: number): boolean {
  return Number.isSafeInteger(Math.round(value * 1_000)) && Math.round(value * 1_000) / 1_000 === value;
}

function differenceOfNumbers(before: number, now: number): Difference {
  if (Number.isSafeInteger(before) && Number.isSafeInteger(now)) return now - before;
  if (!isWholeThousandths(before) || !isWholeThousandths(now)) return replacedBy(now);
  return ["µ", Math.round(now * 1_000) - Math.round(before * 1_000)];
}

function replacedBy(now: unknown): Difference {
  return now === undefined ? [] : [now];
}

function asNumber(value: unknown): number {
  assert(typeof value === "number", "a difference of numbers belongs to a number");
  return value;
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}
