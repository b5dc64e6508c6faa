/** The command line of a chaos run, read strictly: what is wrong is told with its place, and nothing is guessed. */

import type { Problem } from "../../core/base/report.ts";
import { nearestWord } from "../../core/config/nearest.ts";
import { MOST_NODES } from "../plan.ts";
import { isKindName, KIND_NAMES } from "./kinds.ts";
import type { KindName } from "./kinds.ts";

export interface ChaosOptions {
  /** Undefined: one is drawn and told. */
  readonly seed: number | undefined;
  readonly minutes: number;
  readonly nodes: number | undefined;
  readonly kinds: readonly KindName[] | undefined;
  readonly json: boolean;
  readonly keep: boolean;
  /** Print the schedule and end. */
  readonly plan: boolean;
  /** Print the faults and end. */
  readonly list: boolean;
  readonly help: boolean;
}

/** Half a minute holds one short phase; a week is longer than anybody watches. */
const LEAST_MINUTES = 0.5;
const MOST_MINUTES = 7 * 24 * 60;
const DEFAULT_MINUTES = 10;
const MOST_SEED = 2 ** 32 - 1;

export const USAGE = `usage: npm run chaos -- [--seed N] [--minutes M] [--nodes 2..${MOST_NODES}] [--faults a,b,c] [--json] [--keep] [--plan]

  --seed N         decides everything that happens; without it one is drawn and told
  --minutes M      how long, ${LEAST_MINUTES} to ${MOST_MINUTES} (default ${DEFAULT_MINUTES})
  --nodes K        how many nodes; without it the seed decides
  --faults a,b,c   only these faults; --list shows all
  --json           the report as JSON on standard output, progress on standard error
  --keep           keep the logs although nothing failed
  --plan           print the schedule and end
  --list           print the faults and end
`;

type Setting = "seed" | "minutes" | "nodes" | "faults";
type Switch = "json" | "keep" | "plan" | "list" | "help";
const SETTINGS: readonly Setting[] = ["seed", "minutes", "nodes", "faults"];
const SWITCHES: readonly Switch[] = ["json", "keep", "plan", "list", "help"];

/** Reads the arguments; with any problem there are no options. */
export function readOptions(argv: readonly string[]): { options: ChaosOptions } | { problems: Problem[] } {
  const problems: Problem[] = [];
  const values: Partial<Record<Setting, string>> = {};
  const switches = new Set<Switch>();
  for (let index = 0; index < argv.length; index += 1) {
    const argument = argv[index] ?? "";
    const [name, inline] = argument.startsWith("--") ? splitOnce(argument.slice(2)) : [argument];
    if (isOneOf(SWITCHES, name) && inline === undefined && argument.startsWith("--")) {
      switches.add(name);
    } else if (isOneOf(SETTINGS, name) && argument.startsWith("--")) {
      const value = inline ?? argv[++index];
      if (value === undefined) problems.push(missing(name));
      else if (values[name] !== undefined) problems.push(twice(name));
      else values[name] = value;
    } else {
      problems.push(unknown(argv, index));
      // What follows was probably meant as its value, and is no mistake of its own.
      if (argument.startsWith("--") && argv[index + 1]?.startsWith("--") === false) index += 1;
    }
  }
  const seed = readNumber("seed", values.seed, { least: 0, most: MOST_SEED, whole: true }, problems);
  const minutes = readNumber(
    "minutes",
    values.minutes,
    { least: LEAST_MINUTES, most: MOST_MINUTES, whole: false },
    problems,
  );
  const nodes = readNumber("nodes", values.nodes, { least: 2, most: MOST_NODES, whole: true }, problems);
  const kinds = values.faults === undefined ? undefined : readKinds(values.faults, problems);
  if (problems.length > 0) return { problems };
  const has = (name: Switch): boolean => switches.has(name);
  return {
    options: {
      seed,
      minutes: minutes ?? DEFAULT_MINUTES,
      nodes,
      kinds,
      json: has("json"),
      keep: has("keep"),
      plan: has("plan"),
      list: has("list"),
      help: has("help"),
    },
  };
}

function isOneOf<Name extends string>(names: readonly Name[], name: string): name is Name {
  return (names as readonly string[]).includes(name);
}

function splitOnce(text: string): [string, string?] {
  const at = text.indexOf("=");
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

interface Bounds {
  readonly least: number;
  readonly most: number;
  readonly whole: boolean;
}

function readNumber(
  name: Setting,
  text: string | undefined,
  { least, most, whole }: Bounds,
  problems: Problem[],
): number | undefined {
  if (text === undefined) return undefined;
  const isWritten = whole ? /^\d+$/.test(text) : /^\d+(\.\d+)?$/.test(text);
  const value = Number(text);
  if (isWritten && value >= least && value <= most) return value;
  problems.push({
    code: "CHAOS_BAD_NUMBER",
    severity: "error",
    message: `--${name} cannot be ${JSON.stringify(text)}`,
    at: placeIn(name, text, 0, text.length),
    expected: `a ${whole ? "whole " : ""}number from ${least} to ${most}`,
  });
  return undefined;
}

function readKinds(text: string, problems: Problem[]): KindName[] {
  const kinds: KindName[] = [];
  let offset = 0;
  for (const word of text.split(",")) {
    const name = word.trim();
    const start = offset + word.indexOf(name);
    offset += word.length + 1;
    const at = placeIn("faults", text, start, name.length);
    if (isKindName(name)) {
      if (kinds.includes(name)) problems.push({ ...wrongFault(`the fault "${name}" is named twice`), at });
      kinds.push(name);
      continue;
    }
    const nearest = nearestWord(name, KIND_NAMES);
    const message = name === "" ? "a fault is missing" : `there is no fault "${name}"`;
    problems.push({
      ...wrongFault(message),
      at,
      ...(nearest === undefined ? {} : { nearest }),
      next: "`npm run chaos -- --list` shows all faults",
    });
  }
  return kinds;
}

function wrongFault(message: string): Problem {
  return { code: "CHAOS_UNKNOWN_FAULT", severity: "error", message };
}

function unknown(argv: readonly string[], index: number): Problem {
  const argument = argv[index] ?? "";
  const before = argv.slice(0, index).map((one) => one.length + 1);
  const column = before.reduce((sum, one) => sum + one, 0);
  const nearest = nearestWord(
    argument,
    [...SETTINGS, ...SWITCHES].map((name) => `--${name}`),
  );
  return {
    code: "CHAOS_UNKNOWN_OPTION",
    severity: "error",
    message: `there is no option "${argument}"`,
    at: { file: "arguments", line: 1, column: column + 1, length: Math.max(1, argument.length), text: argv.join(" ") },
    ...(nearest === undefined ? {} : { nearest }),
    next: "`npm run chaos -- --help` shows all options",
  };
}

function missing(name: Setting): Problem {
  return { code: "CHAOS_VALUE_MISSING", severity: "error", message: `--${name} needs a value` };
}

function twice(name: Setting): Problem {
  return { code: "CHAOS_OPTION_TWICE", severity: "error", message: `--${name} is given twice` };
}

function placeIn(name: Setting, text: string, start: number, length: number): NonNullable<Problem["at"]> {
  return { file: `--${name}`, line: 1, column: start + 1, length: Math.max(1, length), text };
}
