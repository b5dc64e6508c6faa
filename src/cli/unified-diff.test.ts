import fc from "fast-check";
import { expect, test } from "vitest";

import { unifiedDiff } from "./unified-diff.ts";

const NAMES = { before: "running", after: "new.yaml" };

test("the same text has no difference", () => {
  expect(unifiedDiff("a\nb\n", "a\nb\n", NAMES)).toEqual([]);
  expect(unifiedDiff("", "", NAMES)).toEqual([]);
});

test("a change is drawn with the lines around it, and with its section", () => {
  const before =
    "backend apache\n  balance roundrobin\n  # 1\n  # 2\n  # 3\n  server srv1 10.0.0.11:8000\n  server srv2 10.0.0.12:8000\n";
  const after = before.replace(
    "  server srv1 10.0.0.11:8000\n",
    "  server srv1 10.0.0.11:8001\n  server srv3 10.0.0.13:8000\n",
  );
  expect(unifiedDiff(before, after, NAMES).join("\n")).toMatchInlineSnapshot(`
    "--- running
    +++ new.yaml
    @@ -3,5 +3,6 @@ backend apache
       # 1
       # 2
       # 3
    -  server srv1 10.0.0.11:8000
    +  server srv1 10.0.0.11:8001
    +  server srv3 10.0.0.13:8000
       server srv2 10.0.0.12:8000"
  `);
});

test("what is new or gone altogether begins at line 0, as diff writes it", () => {
  expect(unifiedDiff("", "a\nb\n", NAMES).slice(2)).toEqual(["@@ -0,0 +1,2 @@", "+a", "+b"]);
  expect(unifiedDiff("a\n", "", NAMES).slice(2)).toEqual(["@@ -1 +0,0 @@", "-a"]);
});

test("texts with nothing in common are told as one replacement, soon", () => {
  const many = (word: string): string => Array.from({ length: 20_000 }, (_, index) => `${word} ${index}\n`).join("");
  const lines = unifiedDiff(many("old"), many("new"), NAMES);
  expect(lines).toHaveLength(2 + 1 + 40_000);
});

test("the diff makes the new text of the old one, with as few lines as can be", () => {
  const line = fc.constantFrom("a", "b", "c", "backend x", "  server y");
  const text = fc.array(line, { maxLength: 40 });
  fc.assert(
    fc.property(text, text, (before, after) => {
      const diff = unifiedDiff(textOf(before), textOf(after), NAMES);
      expect(patched(before, diff)).toEqual(after);
      const edits = diff.slice(2).filter((one) => /^[+-]/.test(one)).length;
      expect(edits).toBe(before.length + after.length - 2 * commonLines(before, after));
    }),
    { numRuns: 200 },
  );
});

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}

/** A small `patch`, which believes the numbers of every heading. */
function patched(before: readonly string[], diff: readonly string[]): string[] {
  const made: string[] = [];
  let taken = 0;
  for (const line of diff.slice(2)) {
    const [, first, length = "1", newFirst, newLength = "1"] =
      /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/.exec(line) ?? [];
    if (first !== undefined) {
      const start = length === "0" ? Number(first) : Number(first) - 1;
      made.push(...before.slice(taken, start));
      taken = start;
      expect(made.length).toBe(newLength === "0" ? Number(newFirst) : Number(newFirst) - 1);
      continue;
    }
    if (!line.startsWith("+")) {
      expect(before[taken]).toBe(line.slice(1));
      taken += 1;
    }
    if (!line.startsWith("-")) made.push(line.slice(1));
  }
  return [...made, ...before.slice(taken)];
}

/** Length of the longest common subsequence, by the table that everybody knows. */
function commonLines(a: readonly string[], b: readonly string[]): number {
  let last = Array.from({ length: b.length + 1 }, () => 0);
  for (const one of a) {
    const row = [0];
    for (const [column, other] of b.entries())
      row.push(one === other ? (last[column] ?? 0) + 1 : Math.max(last[column + 1] ?? 0, row[column] ?? 0));
    last = row;
  }
  return last[b.length] ?? 0;
}
