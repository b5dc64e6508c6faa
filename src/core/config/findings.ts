/**
 * Turns what the schema says about a value into problems that people can act on: where, what was expected, which
 * word was probably meant. The schema library's own texts never reach anybody.
 */

import { z } from "zod";
import type { Problem } from "../base/report.ts";
import { nearestWord } from "./nearest.ts";
import { ClusterFile, NOT_AVAILABLE } from "./schema.ts";
import { describeValue } from "./setting.ts";
import type { Refusal } from "./setting.ts";
import { problem } from "./source.ts";
import type { ConfigPath, Positions } from "./source.ts";

type Issue = z.core.$ZodIssue;

/** What the whole file's schema said about a value, as problems. */
export function schemaProblems(issues: readonly Issue[], value: unknown, positions: Positions): Problem[] {
  const problems = issues.flatMap((issue) => explain(issue, [], value, positions));
  return problems
    .filter((found) => !isNoise(found, problems))
    .map(({ parent: _parent, missing: _missing, ...found }) => found);
}

/**
 * A missing setting is not worth telling where it was misspelled, or where the mapping is of a kind that this
 * version does not know: `service: { systemd: nginx }` also lacks a start command.
 */
function isNoise(found: Located, all: readonly Located[]): boolean {
  if (found.missing === undefined) return false;
  const beside = all.filter((other) => other.parent === found.parent);
  return beside.some(
    (other) =>
      other.code === "CONFIG_NOT_AVAILABLE" || (other.code === "CONFIG_UNKNOWN_KEY" && other.nearest === found.missing),
  );
}

/** `groups.www.resources[0]`, as messages name a place; the top is "the file". */
export function pathText(path: ConfigPath): string {
  if (path.length === 0) return "the file";
  return path.map((step, index) => stepText(step, index === 0)).join("");
}

function stepText(step: string | number, isFirst: boolean): string {
  if (typeof step === "number") return `[${step}]`;
  // A name that nobody could read, or that would break the line, is quoted.
  if (!/^[!#-~\u00A1-\uFFFF]+$/.test(step)) return `[${JSON.stringify(step)}]`;
  return isFirst ? step : `.${step}`;
}

/** A problem with the path of the mapping that it is in, and the key that is missing there. */
type Located = Problem & { readonly parent: string; readonly missing?: string };

function explain(issue: Issue, base: ConfigPath, root: unknown, positions: Positions): Located[] {
  const path = [...base, ...issue.path.map((step) => (typeof step === "symbol" ? String(step) : step))];
  const value = valueAt(root, path);
  const one = (found: Problem): Located[] => {
    const missing = found.code === "CONFIG_MISSING" ? { missing: String(path.at(-1)) } : {};
    return [{ ...found, ...missing, parent: pathText(path.slice(0, -1)) }];
  };
  switch (issue.code) {
    case "custom":
      return one(explainRefusal(issue.params?.["refusal"] as Refusal, path, positions));
    case "invalid_key":
      return issue.issues.flatMap((inner) => explainKey(inner, path, positions));
    case "unrecognized_keys":
      return issue.keys.map((key) => ({ ...explainUnknownKey(key, path, root, positions), parent: pathText(path) }));
    case "invalid_union":
      return explainUnion(issue, path, value).flatMap((inner) => explain(inner, path, root, positions));
    case "too_small":
      return one(
        problem("CONFIG_EMPTY", `${pathText(path)} is an empty list`, positions.value(path), {
          expected: "at least one entry",
        }),
      );
    case "too_big":
      return one(
        problem("CONFIG_TOO_MANY", `${pathText(path)} has too many entries`, positions.value(path), {
          expected: `at most ${issue.maximum}`,
        }),
      );
    case "invalid_type":
      return one(wrongType(path, value, typeWord(issue), positions));
    default:
      return one(problem("CONFIG_WRONG_TYPE", `${pathText(path)}: ${issue.message}`, positions.value(path)));
  }
}

function explainRefusal(refusal: Refusal, path: ConfigPath, positions: Positions): Problem {
  const { code, what, ...more } = refusal;
  if (code === "CONFIG_MISSING") return missing(path, positions);
  const at = code === "CONFIG_EMPTY" ? positions.key(path) : positions.value(path);
  return problem(code, `${pathText(path)} ${what}`, at, more);
}

function missing(path: ConfigPath, positions: Positions): Problem {
  const parent = path.slice(0, -1);
  const key = path.at(-1);
  return problem("CONFIG_MISSING", `${pathText(parent)} needs "${key}"`, positions.key(parent), {
    next: `add \`${key}: …\``,
  });
}

function wrongType(path: ConfigPath, value: unknown, expected: string, positions: Positions): Problem {
  if (value === undefined && path.length > 0) return missing(path, positions);
  if (value === null || value === undefined) {
    return problem(
      "CONFIG_EMPTY",
      `${pathText(path)} ${path.length === 0 ? "is empty" : "has no value"}`,
      positions.key(path),
      { expected },
    );
  }
  return problem("CONFIG_WRONG_TYPE", `${pathText(path)} is ${describeValue(value)}`, positions.value(path), {
    expected,
    ...listHint(value, expected),
  });
}

/** A command line written as one text is the usual slip. */
function listHint(value: unknown, expected: string): { next?: string } {
  if (typeof value !== "string" || !expected.startsWith("a list")) return {};
  return { next: `write a list: [${value.trim().split(/\s+/).join(", ")}]` };
}

function explainKey(issue: Issue, path: ConfigPath, positions: Positions): Located[] {
  const refusal = (issue.code === "custom" ? issue.params?.["refusal"] : undefined) as Refusal | undefined;
  const { code = "CONFIG_BAD_NAME", what = "is no name", ...more } = refusal ?? {};
  const message = `the name of ${pathText(path)} ${what}`;
  return [{ ...problem(code, message, positions.key(path), more), parent: pathText(path.slice(0, -1)) }];
}

function explainUnknownKey(key: string, path: ConfigPath, root: unknown, positions: Positions): Problem {
  const at = positions.key([...path, key]);
  const pattern = Object.keys(NOT_AVAILABLE).find((candidate) => matches(candidate, path));
  if (pattern !== undefined && NOT_AVAILABLE[pattern]?.includes(key)) {
    return problem(
      "CONFIG_NOT_AVAILABLE",
      `"${key}" in ${pathText(path)} is known but not available in this version`,
      at,
      {
        next: path.at(-1) === "service" ? "write its start, stop and status as commands" : "leave it out",
      },
    );
  }
  const known = knownKeys(path);
  if (known.includes(key)) {
    const both = Object.keys(valueAt(root, path) as object).filter((word) => known.includes(word));
    return problem("CONFIG_ONE_OF", `${pathText(path)} has ${both.join(" and ")} in one entry`, at, {
      expected: `one of ${known.join(", ")}`,
      next: "make each a list entry of its own",
    });
  }
  const nearest = nearestWord(key, known);
  return problem("CONFIG_UNKNOWN_KEY", `${pathText(path)} has no setting ${describeValue(key)}`, at, {
    expected: known.join(", "),
    ...(nearest && { nearest }),
    next: "fix the key, then `understudy check`",
  });
}

function matches(pattern: string, path: ConfigPath): boolean {
  const steps = pattern === "" ? [] : pattern.split(".");
  return steps.length === path.length && steps.every((step, index) => step === "*" || step === path[index]);
}

/** Of a union's complaints, those of the alternative that the value was meant to be. */
function explainUnion(issue: Extract<Issue, { code: "invalid_union" }>, path: ConfigPath, value: unknown): Issue[] {
  const alternatives = issue.errors as readonly (readonly Issue[])[];
  const fitting = alternatives.filter((issues) => !issues.some(isAboutType));
  if (fitting.length === 0) {
    if (value === undefined || value === null) return [...(alternatives[0] ?? [])];
    const expected = alternatives.flatMap((issues) => issues.filter(isAboutType).map(typeWord)).join(", or ");
    return [
      refusalIssue({
        code: "CONFIG_WRONG_TYPE",
        what: `is ${describeValue(value)}`,
        expected,
        ...listHint(value, expected),
      }),
    ];
  }
  // Two mappings: the one with fewer foreign keys and fewer gaps is meant.
  const [meant = []] = [...fitting].sort((a, b) => strangeness(a) - strangeness(b));
  if (fitting.length === 1) return [...meant];
  // "needs vip" beside an unknown key is noise: the key is the slip.
  const slips = meant.filter(
    (found) => found.path.length !== 1 || valueAt(value, found.path as ConfigPath) !== undefined,
  );
  if (slips.length > 0) return slips;
  return [
    refusalIssue({
      code: "CONFIG_EMPTY",
      what: "is an empty mapping",
      expected: `one of ${knownKeys(path).join(", ")}`,
    }),
  ];
}

function refusalIssue(refusal: Refusal): Issue {
  return { code: "custom", path: [], message: refusal.what, params: { refusal }, input: undefined };
}

function strangeness(issues: readonly Issue[]): number {
  const foreign = issues.filter((issue) => issue.code === "unrecognized_keys" && issue.path.length === 0);
  return foreign.length * 100 + issues.length;
}

function isAboutType(issue: Issue): boolean {
  if (issue.path.length > 0) return false;
  if (issue.code === "invalid_type") return true;
  if (issue.code === "invalid_union") return issue.errors.every((issues) => issues.some(isAboutType));
  const refusal = (issue.code === "custom" ? issue.params?.["refusal"] : undefined) as Refusal | undefined;
  return (
    refusal?.code === "CONFIG_WRONG_TYPE" || refusal?.code === "CONFIG_MISSING" || refusal?.code === "CONFIG_EMPTY"
  );
}

function typeWord(issue: Issue): string {
  if (issue.code === "invalid_type") {
    if (issue.expected === "array") return "a list";
    return issue.expected === "object" || issue.expected === "record" ? "a mapping" : String(issue.expected);
  }
  if (issue.code === "invalid_union")
    return issue.errors.flatMap((issues) => issues.filter(isAboutType).map(typeWord)).join(", or ");
  const refusal = (issue.code === "custom" ? issue.params?.["refusal"] : undefined) as Refusal | undefined;
  return refusal?.expected ?? "another value";
}

/** Settings that the schema has at a path, of all alternatives that the path leads through. */
function knownKeys(path: ConfigPath): string[] {
  let schemas: z.core.$ZodType[] = unfold(ClusterFile);
  for (const step of path) {
    schemas = schemas.flatMap((schema) => {
      if (schema instanceof z.ZodObject) return unfold(schema.shape[String(step)] as z.core.$ZodType | undefined);
      if (schema instanceof z.ZodRecord) return unfold(schema.valueType);
      return schema instanceof z.ZodArray ? unfold(schema.element) : [];
    });
  }
  return [...new Set(schemas.flatMap((schema) => (schema instanceof z.ZodObject ? Object.keys(schema.shape) : [])))];
}

/** A schema without its wrappers, or all alternatives of a union. */
function unfold(schema: z.core.$ZodType | undefined): z.core.$ZodType[] {
  if (schema === undefined) return [];
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault) return unfold(schema.def.innerType);
  return schema instanceof z.ZodUnion ? schema.options.flatMap((option) => unfold(option)) : [schema];
}

function valueAt(root: unknown, path: ConfigPath): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}
