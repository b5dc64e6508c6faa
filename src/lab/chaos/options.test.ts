import { expect, test } from "vitest";
import { drawProblems } from "../../cli/print-problems.ts";
import { readOptions } from "./options.ts";

function told(...argv: string[]): string {
  const read = readOptions(argv);
  return "problems" in read ? drawProblems(read.problems) : "";
}

test("without arguments a run takes ten minutes and the seed decides the rest", () => {
  expect(readOptions([])).toMatchObject({
    options: { seed: undefined, minutes: 10, nodes: undefined, kinds: undefined, json: false },
  });
});

test("everything can be told, with a blank or an equals sign", () => {
  const argv = ["--seed", "7", "--minutes=0.5", "--nodes", "5", "--faults", "freeze, power-off", "--json", "--keep"];
  expect(readOptions(argv)).toMatchObject({
    options: { seed: 7, minutes: 0.5, nodes: 5, kinds: ["freeze", "power-off"], json: true, keep: true },
  });
});

test("an unknown fault is told with its place and the nearest word", () => {
  expect(told("--faults", "freeze,pover-off")).toBe(
    [
      '--faults:1:8  CHAOS_UNKNOWN_FAULT  there is no fault "pover-off"',
      "     1 | freeze,pover-off",
      '       |        ^^^^^^^^^  did you mean "power-off"?   next: `npm run chaos -- --list` shows all faults',
    ].join("\n"),
  );
  expect(told("--faults", "freeze,,kill")).toContain("a fault is missing");
  expect(told("--faults", "kill,kill")).toContain("named twice");
});

test("an unknown option is told with its place and the nearest word", () => {
  expect(told("--seed", "1", "--minuts", "3")).toContain('there is no option "--minuts"');
  expect(told("--seed", "1", "--minuts", "3")).toContain('did you mean "--minutes"?');
  expect(told("--seed", "1", "--minuts", "3")).not.toContain('"3"');
  expect(told("seed")).toContain('there is no option "seed"');
});

test("impossible numbers are refused with what would be possible", () => {
  expect(told("--nodes", "6")).toContain("a whole number from 2 to 5");
  expect(told("--nodes", "2.5")).toContain("CHAOS_BAD_NUMBER");
  expect(told("--minutes", "0")).toContain("a number from 0.5 to");
  expect(told("--seed", "-1")).toContain("CHAOS_BAD_NUMBER");
  expect(told("--seed", "1e3")).toContain("CHAOS_BAD_NUMBER");
  expect(told("--seed")).toContain("--seed needs a value");
  expect(told("--seed", "1", "--seed", "2")).toContain("--seed is given twice");
});
