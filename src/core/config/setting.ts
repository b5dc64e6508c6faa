/**
 * The building block of the cluster file's schema: one setting with everything that people ask about it. The
 * reader both checks and converts, so that a value and its error message have one home; the annotations end up
 * in the reference page and in the JSON Schema.
 */

import { z } from "zod";
import { DURATION_PATTERN, formatDuration, parseDuration } from "./duration.ts";

/** Code words of everything that can be wrong with a cluster file. */
export type ConfigCode =
  | "CONFIG_ALIAS"
  | "CONFIG_BAD_ADDRESS"
  | "CONFIG_BAD_CHECK"
  | "CONFIG_BAD_COMMAND"
  | "CONFIG_BAD_DEVICE"
  | "CONFIG_BAD_DURATION"
  | "CONFIG_BAD_NAME"
  | "CONFIG_BAD_PATH"
  | "CONFIG_BAD_URL"
  | "CONFIG_BAD_WORD"
  | "CONFIG_DUPLICATE_ADDRESS"
  | "CONFIG_DUPLICATE_ENTRY"
  | "CONFIG_DUPLICATE_KEY"
  | "CONFIG_EMPTY"
  | "CONFIG_LINKS_DIFFER"
  | "CONFIG_MISSING"
  | "CONFIG_NOT_AVAILABLE"
  | "CONFIG_ONE_OF"
  | "CONFIG_OUT_OF_RANGE"
  | "CONFIG_SYNTAX"
  | "CONFIG_TAB"
  | "CONFIG_TOO_LARGE"
  | "CONFIG_TOO_MANY"
  | "CONFIG_UNKNOWN_KEY"
  | "CONFIG_UNKNOWN_LINK"
  | "CONFIG_UNKNOWN_MONITOR"
  | "CONFIG_UNKNOWN_NODE"
  | "CONFIG_VIP_NETWORK"
  | "CONFIG_WRONG_TYPE";

/** What people read about a setting. */
export interface About {
  /** One or two sentences. */
  readonly description: string;
  /** A good value, as it stands in the file. */
  readonly example: unknown;
  readonly unit?: string;
  /** The JSON type in the file. */
  readonly type?: "string" | "integer";
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly enum?: readonly string[];
}

/** Why a value was refused; `what` goes on after the setting's path. */
export interface Refusal {
  readonly code: ConfigCode;
  readonly what: string;
  readonly expected?: string;
  readonly nearest?: string;
  readonly next?: string;
}

export type Reading<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: Refusal };

export function accept<T>(value: T): Reading<T> {
  return { ok: true, value };
}

export function refuse(code: ConfigCode, what: string, more: Omit<Refusal, "code" | "what"> = {}): Reading<never> {
  return { ok: false, refusal: { code, what, ...more } };
}

/** A setting with its own reader. Absent and empty values are refused before `read` is asked. */
export function setting<T>(about: About, read: (value: unknown) => Reading<T>) {
  const { example, ...rest } = about;
  return z
    .unknown()
    .transform((value, context): T => {
      const reading = value === undefined || value === null ? emptyReading(value) : read(value);
      if (reading.ok) return reading.value;
      context.issues.push({
        code: "custom",
        input: value,
        message: reading.refusal.what,
        params: { refusal: reading.refusal },
      });
      return z.NEVER;
    })
    .meta({ ...rest, samples: [example] });
}

function emptyReading(value: null | undefined): Reading<never> {
  return value === undefined ? refuse("CONFIG_MISSING", "is missing") : refuse("CONFIG_EMPTY", "has no value");
}

/** A text that `read` understands; other types are refused with what was expected. */
export function textSetting<T>(about: About & { readonly expected: string }, read: (text: string) => Reading<T>) {
  const { expected, ...rest } = about;
  return setting({ type: "string", ...rest }, (value) =>
    typeof value === "string" ? read(value) : refuse("CONFIG_WRONG_TYPE", `is ${describeValue(value)}`, { expected }),
  );
}

/** A duration between two limits, both in milliseconds. */
export function durationSetting(about: { description: string; example: string }, minMs: number, maxMs: number) {
  const range = `a duration from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`;
  const expected = `${range}, such as ${about.example}`;
  return setting(
    {
      ...about,
      unit: `duration from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`,
      type: "string",
      pattern: DURATION_PATTERN,
    },
    (value) => {
      const ms = typeof value === "string" ? parseDuration(value) : undefined;
      if (ms === undefined) {
        const next = typeof value === "number" ? `add a unit: ${value}ms or ${value}s` : undefined;
        return refuse("CONFIG_BAD_DURATION", `is ${describeValue(value)}, which is no duration`, {
          expected,
          ...(next && { next }),
        });
      }
      if (ms < minMs || ms > maxMs) return refuse("CONFIG_OUT_OF_RANGE", `is ${value as string}`, { expected });
      return accept(ms);
    },
  );
}

/** A whole number between two limits. */
export function integerSetting(
  about: { description: string; example: number; unit?: string },
  minimum: number,
  maximum: number,
) {
  const expected = `a whole number from ${minimum} to ${maximum}`;
  return setting({ ...about, type: "integer", minimum, maximum }, (value) => {
    if (typeof value !== "number" || !Number.isInteger(value)) {
      return refuse("CONFIG_WRONG_TYPE", `is ${describeValue(value)}`, { expected });
    }
    if (value < minimum || value > maximum) return refuse("CONFIG_OUT_OF_RANGE", `is ${value}`, { expected });
    return accept(value);
  });
}

/** A value as a message names it: short, quoted when it is text. */
export function describeValue(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "empty";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  if (typeof value !== "string") return `the ${typeof value} ${String(value)}`;
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
}
