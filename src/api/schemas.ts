/**
 * What is accepted from a socket. Everything else is refused with a sentence that names the place; unknown
 * keys are errors, because a misspelled one would silently be ignored.
 *
 * Written by hand and not with the schema library of the cluster file: there are two small shapes, and the
 * library would stay in the memory of every daemon for them.
 */

import { MAX_NAME_LENGTH } from "../core/base/limits.ts";
import { REASONS } from "../core/node/reasons.ts";
import type { Reason } from "../core/node/reasons.ts";
import type { DrainRequest, WeightRequest } from "./balancer.ts";
import type { EventRecord, Problem, RequestAnswer, Verb } from "./types.ts";

/** The settings of every verb. */
const VERBS: Readonly<Record<Verb["verb"], Readonly<Record<string, "name" | "boolean">>>> = {
  switch: { group: "name", to: "name" },
  standby: { node: "name" },
  online: { node: "name" },
  clear: { group: "name" },
  maintenance: { on: "boolean" },
  restart: {},
  leave: {},
};

/** Longest text in an event. */
const MAX_TEXT_LENGTH = 4_000;
const MAX_FACTS = 50;

/** An operator's request, or what is wrong with it. */
export function readVerb(value: unknown): { verb: Verb } | { problems: readonly Problem[] } {
  if (!isObject(value)) return { problems: [malformed("the request must be an object with a verb")] };
  const word = value["verb"];
  if (typeof word !== "string" || !Object.hasOwn(VERBS, word)) {
    return { problems: [malformed(`verb: expected one of ${Object.keys(VERBS).join(", ")}`)] };
  }
  const settings = VERBS[word as Verb["verb"]];
  const problems = [
    ...Object.entries(settings)
      .filter(([name, kind]) => (kind === "boolean" ? typeof value[name] !== "boolean" : !isName(value[name])))
      .map(([name, kind]) => malformed(`${name}: expected a ${kind}`)),
    ...Object.keys(value)
      .filter((name) => name !== "verb" && !Object.hasOwn(settings, name))
      .map((name) => malformed(`${name.slice(0, MAX_NAME_LENGTH)}: "${word}" has no such setting`)),
  ];
  return problems.length > 0 ? { problems: problems.slice(0, 10) } : { verb: value as unknown as Verb };
}

/** A stored or received event; undefined when it is none, for example from a newer version with more reasons. */
export function readEvent(value: unknown): EventRecord | undefined {
  if (!isObject(value)) return undefined;
  const { id, by, time, text, severity, reason, group, node, link, facts } = value;
  const fits =
    isText(id, 200) &&
    isName(by) &&
    typeof time === "number" &&
    isText(text, MAX_TEXT_LENGTH) &&
    (severity === "info" || severity === "warning" || severity === "alert") &&
    isReason(reason) &&
    (group === undefined || isName(group)) &&
    (node === undefined || isName(node)) &&
    (link === undefined || Number.isInteger(link)) &&
    isFacts(facts);
  if (!fits) return undefined;
  return { id, by, time, text, severity, reason, group, node, link: link as number | undefined, facts };
}

/** Another node's answer to a request; undefined when it cannot be read. */
export function readAnswer(value: unknown): RequestAnswer | undefined {
  if (!isObject(value)) return undefined;
  const { ok, node, detail, problems } = value;
  if (ok === true) return isName(node) && isText(detail, MAX_TEXT_LENGTH) ? { ok, node, detail } : undefined;
  if (!Array.isArray(problems) || problems.length === 0 || !problems.every(isProblem)) return undefined;
  return { ok: false, problems };
}

/** A request about a member's drain, or what is wrong with it. */
export function readDrain(value: unknown): { request: DrainRequest } | { problems: readonly Problem[] } {
  const problems = settingsOf(value, { member: isMember, on: isBoolean, force: isBoolean });
  return problems.length > 0 ? { problems } : { request: value as DrainRequest };
}

/** A request about a member's weight, or what is wrong with it; without `weight` the cluster file's counts again. */
export function readWeight(value: unknown): { request: WeightRequest } | { problems: readonly Problem[] } {
  const isWeight = (weight: unknown): boolean =>
    weight === undefined || (Number.isInteger(weight) && (weight as number) >= 0 && (weight as number) <= 256);
  const problems = settingsOf(value, { member: isMember, weight: isWeight });
  if (problems.length > 0) return { problems };
  const { member, weight } = value as { member: string; weight?: number };
  return { request: { member, weight } };
}

function settingsOf(value: unknown, settings: Readonly<Record<string, (setting: unknown) => boolean>>): Problem[] {
  if (!isObject(value)) return [malformed("the request must be an object")];
  return [
    ...Object.entries(settings)
      .filter(([name, fits]) => !fits(value[name]))
      .map(([name]) => malformed(`${name}: this value is not accepted`)),
    ...Object.keys(value)
      .filter((name) => !Object.hasOwn(settings, name))
      .slice(0, 10)
      .map((name) => malformed(`${name.slice(0, MAX_NAME_LENGTH)}: there is no such setting`)),
  ];
}

function isBoolean(value: unknown): boolean {
  return typeof value === "boolean";
}

/** `POOL/MEMBER`, or a member's name. */
function isMember(value: unknown): boolean {
  return isText(value, 2 * MAX_NAME_LENGTH + 1) && value !== "";
}

function malformed(message: string): Problem {
  return {
    code: "REQUEST_MALFORMED",
    severity: "error",
    message,
    next: "see `understudy help` for the requests and their settings",
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown, limit: number): value is string {
  return typeof value === "string" && value.length <= limit;
}

function isName(value: unknown): value is string {
  return isText(value, MAX_NAME_LENGTH) && value !== "";
}

function isReason(value: unknown): value is Reason {
  return typeof value === "string" && Object.hasOwn(REASONS, value);
}

function isFacts(value: unknown): value is EventRecord["facts"] {
  if (!isObject(value)) return false;
  const facts = Object.entries(value);
  return facts.length <= MAX_FACTS && facts.every(([name, fact]) => isText(name, 200) && isFact(fact));
}

function isFact(value: unknown): boolean {
  return typeof value === "number" || typeof value === "boolean" || isText(value, MAX_TEXT_LENGTH);
}

function isProblem(value: unknown): value is Problem {
  if (!isObject(value)) return false;
  const { code, severity, message, expected, nearest, next } = value;
  return (
    isText(code, 200) &&
    (severity === "error" || severity === "warning" || severity === "info") &&
    isText(message, MAX_TEXT_LENGTH) &&
    [expected, nearest, next].every((text) => text === undefined || isText(text, MAX_TEXT_LENGTH))
  );
}
