/**
 * Golden cases: cluster files and what must be said about them. `UPDATE_CASES=1` rewrites the expectations, which
 * are then to be read as carefully as code.
 */

import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { Problem } from "../base/report.ts";
import { canonicalJson, canonicalText } from "./canonical.ts";
import { checkCluster } from "./check.ts";
import type { ClusterConfig } from "./cluster.ts";
import { parseCluster } from "./parse.ts";

const folder = fileURLToPath(new URL("cases/", import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith(".txt"));

interface Case {
  readonly title: string;
  readonly input: string;
  readonly expected: string;
}

/** `=== title`, the input, `>>>`, what is expected; again and again. */
function readCases(name: string): Case[] {
  return readFileSync(folder + name, "utf8")
    .split(/^=== /m)
    .slice(1)
    .map((text) => {
      const title = text.slice(0, text.indexOf("\n"));
      const [input = "", expected = ""] = text.slice(title.length + 1).split(/^>>>\n/m);
      return { title, input, expected: expected.trim() };
    });
}

/** Characters that an editor might destroy are written as JavaScript writes them. */
function unescape(input: string): string {
  return input.replaceAll("\\t", "\t").replaceAll("\\uFEFF", "\uFEFF");
}

function answer(input: string): string {
  const parsed = parseCluster(unescape(input), "cluster.yaml");
  if (!parsed.ok) return parsed.problems.map(write).join("\n");
  const { config, positions } = parsed.value;
  const wantsConfig = input.startsWith("# show the config");
  const problems = checkCluster(config, positions).map(write);
  return [...problems, ...(wantsConfig ? showConfig(config) : []), "legal"].join("\n");
}

/** The normalised config, one line for each part; lists of mappings one line for each entry. */
function showConfig(config: ClusterConfig): string[] {
  const parts = Object.entries(JSON.parse(canonicalText(config)) as Record<string, unknown>);
  const balancer = config.balancer === undefined ? {} : (JSON.parse(canonicalJson(config.balancer)) as object);
  const all = [...parts, ...Object.entries(balancer).map(([key, part]) => [`balancer.${key}`, part] as const)];
  return all.flatMap(([key, part]) =>
    Array.isArray(part) && typeof part[0] === "object"
      ? part.map((entry) => `${key}[]: ${JSON.stringify(entry)}`)
      : [`${key}: ${JSON.stringify(part)}`],
  );
}

function write(problem: Problem): string {
  const { at, severity, code, message, expected, nearest, next } = problem;
  const place =
    at === undefined
      ? "nowhere"
      : `${at.line}:${at.column}+${at.length} ${JSON.stringify(at.text.slice(at.column - 1, at.column - 1 + at.length))}`;
  const details = { expected, nearest, next };
  const lines = Object.entries(details).flatMap(([word, text]) => (text === undefined ? [] : [`    ${word}: ${text}`]));
  return [`${severity} ${code} at ${place}`, `    ${message}`, ...lines].join("\n");
}

for (const name of files) {
  const cases = readCases(name);
  if (process.env["UPDATE_CASES"] === "1") {
    writeFileSync(
      folder + name,
      cases.map(({ title, input }) => `=== ${title}\n${input}>>>\n${answer(input)}\n\n`).join(""),
    );
  }
  for (const { title, input, expected } of readCases(name)) {
    test(`${name}: ${title}`, () => {
      expect(answer(input)).toBe(expected);
    });
  }
}

test("there are cases", () => {
  expect(files.flatMap(readCases).length).toBeGreaterThan(50);
});
