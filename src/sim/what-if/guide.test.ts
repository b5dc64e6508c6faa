/**
 * The guide against the program: every verb is on the page, and every example prints what the page shows, chance
 * aside. `UPDATE_CASES=1` writes what is printed into the page.
 */

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { MAX_SCRIPT_STATEMENTS, MAX_SCRIPT_TIME_MS } from "../../core/base/limits.ts";
import { essence } from "./transcript.fixture.ts";
import { SCRIPT_VERBS } from "./verbs.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const page = `${root}docs/guide/what-if.md`;
const EXAMPLE = /^```\n\$ understudy (simulate .*)\n([\s\S]*?)^```/gm;

function run(line: string): { code: number | null; text: string } {
  const args = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
  const { status, stdout, stderr } = spawnSync(process.execPath, ["src/cli/main.ts", ...args], {
    cwd: root,
    encoding: "utf8",
    timeout: 60_000,
    env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined },
  });
  return { code: status, text: `${stdout}${stderr}` };
}

if (process.env["UPDATE_CASES"] === "1") {
  const text = readFileSync(page, "utf8");
  writeFileSync(
    page,
    text.replaceAll(EXAMPLE, (_, line: string) => `\`\`\`\n$ understudy ${line}\n${run(line).text}\`\`\``),
  );
}

const text = readFileSync(page, "utf8");
const examples = [...text.matchAll(EXAMPLE)].map(([, line = "", shown = ""]) => ({ line, shown }));

test("the page has examples", () => {
  expect(examples.length).toBeGreaterThan(3);
});

test.each(examples)("$line prints what the page shows", ({ line, shown }) => {
  expect(essence(run(line).text)).toBe(essence(shown));
});

test("the page describes every verb as the program does, and no other", () => {
  const rows = [...text.matchAll(/^\| `((?:[^`\\]|\\\|)+)` \| (.*) \|$/gm)].map(
    ([, usage = "", summary = ""]) => `${usage.replaceAll("\\|", "|")}: ${summary}`,
  );
  const verbs = Object.values(SCRIPT_VERBS).map(({ usage, summary }) => `${usage}: ${summary}`);
  expect(rows.filter((row) => /^[a-z]+ [A-Z[on]/.test(row))).toEqual(verbs);
});

test("the limits on the page are those of the program", () => {
  expect(text).toContain(`at most ${MAX_SCRIPT_STATEMENTS} statements and lasts at most one hour`);
  expect(MAX_SCRIPT_TIME_MS).toBe(3_600_000);
});

test("the example script passes", () => {
  const { code } = run("simulate --config examples/two-nodes.yaml --script examples/two-nodes.script");
  expect(code).toBe(0);
});
