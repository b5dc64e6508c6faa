/**
 * What is accepted from a socket. Everything else is refused with a sentence that names the place; unknown
 * keys are errors, because a misspelled one would silently be ignored.
 */

import { z } from "zod";

import { MAX_NAME_LENGTH } from "../core/base/limits.ts";
import { REASONS } from "../core/node/reasons.ts";
import type { Reason } from "../core/node/reasons.ts";
import type { EventRecord, Problem, Verb } from "./types.ts";

const name = z.string().min(1).max(MAX_NAME_LENGTH);

const verbSchema = z.discriminatedUnion("verb", [
  z.strictObject({ verb: z.literal("switch"), group: name, to: name }),
  z.strictObject({ verb: z.literal("standby"), node: name }),
  z.strictObject({ verb: z.literal("online"), node: name }),
  z.strictObject({ verb: z.literal("clear"), group: name }),
  z.strictObject({ verb: z.literal("maintenance"), on: z.boolean() }),
  z.strictObject({ verb: z.literal("restart") }),
  z.strictObject({ verb: z.literal("leave") }),
]);

const reasonSchema = z.custom<Reason>((value) => typeof value === "string" && Object.hasOwn(REASONS, value));

const eventSchema = z.object({
  id: z.string().min(1).max(200),
  by: name,
  time: z.number(),
  text: z.string().max(4_000),
  severity: z.enum(["info", "warning", "alert"]),
  reason: reasonSchema,
  group: name.optional(),
  node: name.optional(),
  link: z.number().int().optional(),
  facts: z.record(z.string().max(200), z.union([z.string().max(4_000), z.number(), z.boolean()])),
});

/** An operator's request, or what is wrong with it. */
export function readVerb(value: unknown): { verb: Verb } | { problems: readonly Problem[] } {
  const parsed = verbSchema.safeParse(value);
  if (parsed.success) return { verb: parsed.data };
  return {
    problems: parsed.error.issues.slice(0, 10).map((issue) => ({
      code: "REQUEST_MALFORMED",
      severity: "error",
      message: `${issue.path.length === 0 ? "the request" : issue.path.join(".")}: ${issue.message}`,
      next: "see `understudy help` for the requests and their settings",
    })),
  };
}

/** A stored or received event; undefined when it is none, for example from a newer version with more reasons. */
export function readEvent(value: unknown): EventRecord | undefined {
  const parsed = eventSchema.safeParse(value);
  if (!parsed.success) return undefined;
  const { group, node, link, ...rest } = parsed.data;
  return { ...rest, group, node, link };
}
