/** A duration as an option's value, the same for all verbs. */

import { InvalidArgumentError } from "commander";

import { parseDuration } from "../core/config/duration.ts";

/** Reads `500ms`, `30s`, `10m`, not longer than a day; commander tells the error. */
export function readDuration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms === 0) throw new InvalidArgumentError("a duration like 500ms, 30s or 5m");
  if (ms > LONGEST_MS) throw new InvalidArgumentError("at most 24h");
  return ms;
}

const LONGEST_MS = 86_400_000;
