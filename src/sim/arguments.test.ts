/** Every wrong word on the simulator's command line is told. */

import { expect, test } from "vitest";
import { commandFor, readArguments } from "./arguments.ts";

const read = (line: string) => readArguments(line === "" ? [] : line.split(" "));

test("without flags one seed is run, and every flag is understood", () => {
  expect(read("")).toMatchObject({ seed: 1, runs: 1, nodes: undefined, forever: false });
  expect(
    read("--seed 7 --runs=3 --nodes 5 --links 2 --seconds 20 --mix chaos --trace --brief --once --verbose"),
  ).toMatchObject({
    seed: 7,
    runs: 3,
    nodes: 5,
    links: 2,
    seconds: 20,
    mix: "chaos",
    trace: true,
    brief: true,
    once: true,
    verbose: true,
  });
  expect(read("--hours 0.5 --drop 1 --only 3,17")).toMatchObject({ hours: 0.5, drop: 1, only: [3, 17] });
  expect(read("--only none")).toMatchObject({ only: [] });
  expect(read("--forever")).toMatchObject({ forever: true });
});

test.each([
  ["--sed 1", "there is no --sed"],
  ["seed", `"seed" is no flag: flags begin with --`],
  ["-s 1", `"-s" is no flag: flags begin with --`],
  ["--seed", "--seed needs a value"],
  ["--seed --once", "--seed needs a value"],
  ["--seed one", `--seed takes a whole number from 0 to ${Number.MAX_SAFE_INTEGER}, not "one"`],
  ["--seed 1 --seed 2", "--seed is given twice"],
  ["--nodes 1", `--nodes takes a whole number from 2 to 16, not "1"`],
  ["--nodes 17", `--nodes takes a whole number from 2 to 16, not "17"`],
  ["--links 0", `--links takes a whole number from 1 to 4, not "0"`],
  ["--runs 1.5", `--runs takes a whole number from 1 to 10000000, not "1.5"`],
  ["--hours 0", `--hours takes a number from 0.001 to 10000, not "0"`],
  ["--hours -1", `--hours takes a number from 0.001 to 10000, not "-1"`],
  ["--mix calms", `--mix takes calm, lossy, power, chaos, not "calms"`],
  ["--only a,b", `--only takes numbers with commas between them, or none, not "a,b"`],
  ["--once=yes", "--once takes no value"],
  ["--forever --runs 3", "--forever runs until something fails: it does not go with --runs"],
  ["--only 1 --runs 2", "--only names faults of one seed: it does not go with more"],
  ["--nodes 3 --drop 2", "--drop must leave at least two nodes"],
])("%s is refused", (line, told) => {
  expect(read(line)).toBe(told);
});

test("the command for a run is read back as that run", () => {
  const wanted = { nodes: 3, links: 2, hours: 0.01, mix: "chaos", only: [1, 2], drop: 1 } as const;
  const command = commandFor(42, { ...wanted, seconds: undefined });
  expect(command).toBe("npm run sim -- --seed 42 --nodes 3 --links 2 --hours 0.01 --mix chaos --drop 1 --only 1,2");
  expect(read(command.replace("npm run sim -- ", ""))).toMatchObject({ seed: 42, ...wanted });
});
