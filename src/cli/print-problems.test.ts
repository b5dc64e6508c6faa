import { expect, test } from "vitest";
import type { Problem } from "../core/base/report.ts";
import { drawProblems } from "./print-problems.ts";

const misspelled: Problem = {
  code: "CONFIG_UNKNOWN_KEY",
  severity: "error",
  message: 'groups.www.resources[0] has no setting "adress"',
  at: { file: "cluster.yaml", line: 7, column: 5, length: 6, text: "    adress: 192.0.2.10/24" },
  expected: "address, link",
  nearest: "address",
  next: "fix the key, then `understudy check`",
};

test("a problem in a text is drawn with its line, a pointer and the next step", () => {
  expect(drawProblems([misspelled])).toBe(
    [
      'cluster.yaml:7:5  CONFIG_UNKNOWN_KEY  groups.www.resources[0] has no setting "adress"',
      "     7 |     adress: 192.0.2.10/24",
      '       |     ^^^^^^  did you mean "address"?   next: fix the key, then `understudy check`',
    ].join("\n"),
  );
});

test("a problem without a place says what it is about, and a warning says that it is one", () => {
  const problem: Problem = {
    code: "RISK_X",
    severity: "warning",
    message: "it is risky",
    subject: { node: "srv1" },
    next: "do this",
  };
  expect(drawProblems([problem])).toBe("srv1  warning  RISK_X  it is risky\n     next: do this");
});

test("long hints stand below the pointer", () => {
  const lines = drawProblems([{ ...misspelled, nearest: "x".repeat(80) }]).split("\n");
  expect(lines).toHaveLength(5);
  expect(lines[2]).toBe("       |     ^^^^^^");
});

test("control characters never reach the terminal, and the pointer stays where it was", () => {
  const at = { file: "f", line: 1, column: 9, length: 1, text: "a\t\u001b[31m\u0007x\u202ey" };
  const drawn = drawProblems([{ code: "X", severity: "error", message: "evil \u001b]0;title\u0007", at }]);
  const controls = [...drawn].filter((character) => character !== "\n" && /[\p{Cc}\p{Cf}]/u.test(character));
  expect(controls).toEqual([]);
  const [, line = "", pointer = ""] = drawn.split("\n");
  expect(pointer.indexOf("^")).toBe(line.indexOf("x"));
});

test("of a very long line the part around the pointer is drawn", () => {
  const text = `${"a".repeat(500)}HERE${"b".repeat(500)}`;
  const drawn = drawProblems([
    { code: "X", severity: "error", message: "m", at: { file: "f", line: 1, column: 501, length: 4, text } },
  ]);
  const [, line = "", pointer = ""] = drawn.split("\n");
  expect(line.length).toBeLessThan(140);
  expect(line.slice(pointer.indexOf("^"), pointer.lastIndexOf("^") + 1)).toBe("HERE");
});

test("colour is used only when asked for", () => {
  expect(drawProblems([misspelled])).not.toContain("\u001b");
  expect(drawProblems([misspelled], true)).toContain("\u001b[31m");
});
