/** The simulator's command line as data: every flag with its range, and errors that say what is wrong and what is meant. */

import { type Mix, MIXES } from "./faults/fault.ts";

export interface SimOptions {
  readonly seed: number;
  readonly runs: number;
  readonly nodes: number | undefined;
  readonly links: number | undefined;
  readonly seconds: number | undefined;
  readonly hours: number | undefined;
  readonly mix: Mix | undefined;
  readonly only: readonly number[] | undefined;
  readonly drop: number | undefined;
  readonly forever: boolean;
  readonly trace: boolean;
  readonly verbose: boolean;
  readonly brief: boolean;
  readonly once: boolean;
}

export const USAGE = `usage: npm run sim -- [--seed N] [--runs R | --forever] [--nodes K] [--links L] [--hours H | --seconds S] [--mix M] …
  --seed N      first seed (1)                --runs R     number of seeds (1)
  --forever     seed after seed until one fails or you interrupt, with a line about it now and then
  --nodes K     2 to 16 (the seed decides)    --links L    1 to 4 (the seed decides)
  --hours H     rounds of faults, healing and convergence in one world, for so many simulated hours
  --seconds S   length of a phase with faults (the seed decides)
  --mix M       ${MIXES.join(", ")} (the seed decides)
  --only A,B,…  only these faults of the drawn schedule      --drop K  without the last K nodes
  --trace       print the trace even when nothing fails      --verbose  every input and effect in it
  --brief       only the violations of a failing seed        --once     do not repeat a run to compare the hashes`;

interface NumberFlag {
  readonly least: number;
  readonly most: number;
  readonly isWhole: boolean;
}

const whole = (least: number, most: number): NumberFlag => ({ least, most, isWhole: true });

const NUMBERS = {
  seed: whole(0, Number.MAX_SAFE_INTEGER),
  runs: whole(1, 10_000_000),
  nodes: whole(2, 16),
  links: whole(1, 4),
  seconds: whole(1, 86_400),
  hours: { least: 0.001, most: 10_000, isWhole: false },
  drop: whole(1, 14),
} as const satisfies Record<string, NumberFlag>;

const SWITCHES = ["forever", "trace", "verbose", "brief", "once"] as const;
const FLAGS = [...Object.keys(NUMBERS), ...SWITCHES, "mix", "only"];

type Given = Partial<Record<string, unknown>>;

/** The options, or one sentence about what is wrong. */
export function readArguments(argv: readonly string[]): SimOptions | string {
  const given: Given = {};
  for (let index = 0; index < argv.length; index++) {
    const [flag, attached] = splitFlag(argv[index] as string);
    if (flag === undefined) return `"${argv[index]}" is no flag: flags begin with --`;
    if (!FLAGS.includes(flag)) return `there is no --${flag}`;
    if (Object.hasOwn(given, flag)) return `--${flag} is given twice`;
    if ((SWITCHES as readonly string[]).includes(flag)) {
      if (attached !== undefined) return `--${flag} takes no value`;
      given[flag] = true;
      continue;
    }
    const value = attached ?? argv[++index];
    if (value === undefined || value.startsWith("--")) return `--${flag} needs a value`;
    const wrong = take(given, flag, value);
    if (wrong !== undefined) return wrong;
  }
  return together(given);
}

function splitFlag(word: string): [string | undefined, string | undefined] {
  const match = /^--([a-z]+)(?:=(.*))?$/.exec(word);
  return [match?.[1], match?.[2]];
}

function take(given: Given, flag: string, value: string): string | undefined {
  if (flag === "mix") {
    if (!MIXES.includes(value as Mix)) return `--mix takes ${MIXES.join(", ")}, not "${value}"`;
    given[flag] = value;
    return undefined;
  }
  if (flag === "only") {
    if (!/^(\d+(,\d+)*|none)$/.test(value))
      return `--only takes numbers with commas between them, or none, not "${value}"`;
    given[flag] = value === "none" ? [] : value.split(",").map(Number);
    return undefined;
  }
  const { least, most, isWhole } = NUMBERS[flag as keyof typeof NUMBERS];
  const number = Number(value);
  const isNumber = isWhole ? /^\d+$/.test(value) : /^\d+(\.\d+)?$/.test(value);
  if (!isNumber || number < least || number > most)
    return `--${flag} takes a ${isWhole ? "whole " : ""}number from ${least} to ${most}, not "${value}"`;
  given[flag] = number;
  return undefined;
}

/** Flags that exclude each other, and defaults. */
function together(given: Given): SimOptions | string {
  const has = (flag: string) => Object.hasOwn(given, flag);
  if (has("forever") && has("runs")) return "--forever runs until something fails: it does not go with --runs";
  if (has("only") && (has("forever") || (given["runs"] ?? 1) !== 1))
    return "--only names faults of one seed: it does not go with more";
  const nodes = given["nodes"] as number | undefined;
  const drop = given["drop"] as number | undefined;
  if (nodes !== undefined && drop !== undefined && nodes - drop < 2) return "--drop must leave at least two nodes";
  return {
    seed: 1,
    runs: 1,
    nodes: undefined,
    links: undefined,
    seconds: undefined,
    hours: undefined,
    mix: undefined,
    only: undefined,
    drop: undefined,
    forever: false,
    trace: false,
    verbose: false,
    brief: false,
    once: false,
    ...given,
  };
}

/** The command that runs one seed in the same way, or a part of it. */
export function commandFor(
  seed: number,
  options: Partial<Pick<SimOptions, "nodes" | "links" | "seconds" | "hours" | "mix" | "only" | "drop">>,
): string {
  const flags = (["nodes", "links", "seconds", "hours", "mix", "drop"] as const).map((name) =>
    options[name] === undefined ? "" : ` --${name} ${options[name]}`,
  );
  const only =
    options.only === undefined ? "" : ` --only ${options.only.length === 0 ? "none" : options.only.join(",")}`;
  return `npm run sim -- --seed ${seed}${flags.join("")}${only}`;
}
