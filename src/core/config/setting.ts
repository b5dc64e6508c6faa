/**
 * The building block of the cluster file's schema: one setting with everything that people ask about it. The
 * reader both checks and converts, so that a value and its error message have one home; the annotations end up
 * in the reference page and in the JSON Schema.
 */

import { z } from "zod";
import { DURATION_PATTERN, formatDuration, parseDuration } from "./duration.ts";
import { nearestWord } from "./nearest.ts";
import { formatSize, nearestSize, parseSize, SIZE_PATTERN } from "./size.ts";

/** Code words of everything that can be wrong with a cluster file. */
export type ConfigCode =
  | "CONFIG_ALIAS"
  | "CONFIG_BAD_ADDRESS"
  | "CONFIG_BAD_CHECK"
  | "CONFIG_BAD_COMMAND"
  | "CONFIG_BAD_COOKIE"
  | "CONFIG_BAD_DEVICE"
  | "CONFIG_BAD_DURATION"
  | "CONFIG_BAD_HEADER"
  | "CONFIG_BAD_LISTEN"
  | "CONFIG_BAD_MEMBER"
  | "CONFIG_BAD_NAME"
  | "CONFIG_BAD_PATH"
  | "CONFIG_BAD_REDIRECT"
  | "CONFIG_BAD_SIZE"
  | "CONFIG_BAD_STATUS"
  | "CONFIG_BAD_TEXT"
  | "CONFIG_BAD_URL"
  | "CONFIG_BAD_WORD"
  | "CONFIG_CONTRADICTION"
  | "CONFIG_DUPLICATE_ADDRESS"
  | "CONFIG_DUPLICATE_ENTRY"
  | "CONFIG_DUPLICATE_KEY"
  | "CONFIG_EMPTY"
  | "CONFIG_ENGINE_LACKS"
  | "CONFIG_LINKS_DIFFER"
  | "CONFIG_LISTEN_CONFLICT"
  | "CONFIG_LOOP"
  | "CONFIG_MISSING"
  | "CONFIG_NOT_AVAILABLE"
  | "CONFIG_NO_CERTIFICATE"
  | "CONFIG_NO_VIP"
  | "CONFIG_ONE_OF"
  | "CONFIG_OUT_OF_RANGE"
  | "CONFIG_PORT_TAKEN"
  | "CONFIG_SITES_DISAGREE"
  | "CONFIG_SYNTAX"
  | "CONFIG_TAB"
  | "CONFIG_TOO_LARGE"
  | "CONFIG_TOO_MANY"
  | "CONFIG_UNKNOWN_KEY"
  | "CONFIG_UNKNOWN_LINK"
  | "CONFIG_UNKNOWN_MONITOR"
  | "CONFIG_UNKNOWN_NODE"
  | "CONFIG_UNKNOWN_POOL"
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
  readonly type?: "string" | "integer" | "number" | "boolean";
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

/** A size between two limits, both in bytes. */
export function sizeSetting(about: { description: string; example: string }, minBytes: number, maxBytes: number) {
  const range = `size from ${formatSize(minBytes)} to ${formatSize(maxBytes)}`;
  const expected = `a ${range}, such as ${about.example}`;
  return setting({ ...about, unit: range, type: "string", pattern: SIZE_PATTERN }, (value) => {
    const bytes = typeof value === "string" ? parseSize(value) : undefined;
    if (bytes === undefined) {
      const isBare = typeof value === "number" || typeof value === "string";
      const nearest = isBare ? nearestSize(String(value)) : undefined;
      const next = typeof value === "number" ? `add a unit: ${value}B, ${value}kB or ${value}MB` : undefined;
      return refuse("CONFIG_BAD_SIZE", `is ${describeValue(value)}, which is no size`, {
        expected,
        ...(next ? { next } : nearest && { nearest }),
      });
    }
    if (bytes < minBytes || bytes > maxBytes)
      return refuse("CONFIG_OUT_OF_RANGE", `is ${value as string}`, { expected });
    return accept(bytes);
  });
}

/** One of a few words. */
export function wordSetting<const W extends string>(about: { description: string; example: W }, words: readonly W[]) {
  const expected = words.join(", ");
  return textSetting({ ...about, enum: words, expected }, (text): Reading<W> => {
    const word = words.find((candidate) => candidate === text);
    if (word !== undefined) return accept(word);
    const nearest = nearestWord(text, words);
    return refuse("CONFIG_BAD_WORD", `is ${describeValue(text)}`, { expected, ...(nearest && { nearest }) });
  });
}

/** Yes or no. */
export function booleanSetting(about: { description: string; example: boolean }) {
  return setting({ ...about, type: "boolean" }, (value) => {
    if (typeof value === "boolean") return accept(value);
    const meant = /^(yes|on|true|y)$/i.test(String(value))
      ? "true"
      : /^(no|off|false|n)$/i.test(String(value)) && "false";
    return refuse("CONFIG_WRONG_TYPE", `is ${describeValue(value)}`, {
      expected: "true or false",
      ...(meant && { nearest: meant }),
    });
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
