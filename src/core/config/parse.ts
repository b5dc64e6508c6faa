/**
 * The cluster file from text to config: one pass that finds every error, or a config that the rest of the
 * program may trust without looking again.
 */

import { MAX_CONFIG_PROBLEMS } from "../base/limits.ts";
import type { Problem, Result } from "../base/report.ts";
import type { EngineName } from "./balancer.ts";
import type { ClusterConfig } from "./cluster.ts";
import { pathText, schemaProblems } from "./findings.ts";
import { isMapping, member } from "./parts.ts";
import { resolveReferences } from "./references.ts";
import { ClusterFile } from "./schema.ts";
import { problem, readSource } from "./source.ts";
import type { Positions } from "./source.ts";

/** A config and the places in the file that its settings came from. */
export interface ParsedCluster {
  readonly config: ClusterConfig;
  readonly positions: Positions;
}

/** How a file is read otherwise than it says. */
export interface ParseOptions {
  /** Read as if the balancer had this engine, to show what another one would make of it. */
  readonly engine?: EngineName;
}

/**
 * Reads a whole cluster file; `file` names it in messages. Errors come all at once in the order of the text.
 * Whether a legal config is also wise is the question of `check.ts`.
 */
export function parseCluster(text: string, file: string, options: ParseOptions = {}): Result<ParsedCluster> {
  const source = readSource(text, file);
  if (!source.usable) return { ok: false, problems: inOrder(source.problems) };
  const { positions } = source;
  const value = options.engine === undefined ? source.value : withEngine(source.value, options.engine);
  // Once for both: a large file takes a good part of a second.
  const whole = ClusterFile.safeParse(value);
  const resolved = resolveReferences(value, whole.data, positions);
  const problems = [
    ...source.problems,
    ...(whole.success ? [] : schemaProblems(whole.error.issues, value, positions)),
    ...hiddenKeys(value, positions),
    ...resolved.problems,
  ];
  if (problems.length > 0 || resolved.config === undefined) return { ok: false, problems: inOrder(problems) };
  return { ok: true, value: { config: resolved.config, positions }, problems: [] };
}

/** The file's value with another engine; buffers of nginx are no error then, they are only not used. */
function withEngine(value: unknown, engine: EngineName): unknown {
  const balancer = member(value, "balancer");
  if (!isMapping(value) || !isMapping(balancer)) return value;
  const { nginx, ...others } = balancer;
  return { ...value, balancer: { ...others, ...(engine === "nginx" && nginx !== undefined && { nginx }), engine } };
}

/** `__proto__` is skipped by the schema library as a precaution; a setting must never be ignored in silence. */
function hiddenKeys(
  value: unknown,
  positions: Positions,
  path: readonly (string | number)[] = [],
  depth = 0,
): Problem[] {
  if (typeof value !== "object" || value === null || depth > 10) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const step = Array.isArray(value) ? Number(key) : key;
    if (key !== "__proto__") return hiddenKeys(inner, positions, [...path, step], depth + 1);
    return problem("CONFIG_BAD_NAME", `${pathText(path)} has the key "__proto__"`, positions.key([...path, step]), {
      expected: "another name",
    });
  });
}

/** Sorted by place, without repetitions, and bounded. */
function inOrder(problems: readonly Problem[]): Problem[] {
  const seen = new Set<string>();
  const distinct = problems.filter((found) => {
    const key = `${found.at?.line}:${found.at?.column}:${found.code}:${found.message}`;
    return !seen.has(key) && seen.add(key);
  });
  const rank = (found: Problem) => (found.at === undefined ? 0 : found.at.line * 1e6 + found.at.column);
  distinct.sort((a, b) => rank(a) - rank(b));
  const rest = distinct.length - MAX_CONFIG_PROBLEMS;
  if (rest <= 0) return distinct;
  const told = distinct.slice(0, MAX_CONFIG_PROBLEMS);
  return [...told, problem("CONFIG_TOO_MANY", `and ${rest} more problems`, undefined, { next: "fix these first" })];
}
