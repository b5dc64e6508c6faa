/** `understudy simulate`: what the cluster would do, played with the real core in a pretended world. */

import { Command, InvalidArgumentError } from "commander";

import type { Problem } from "../../core/base/report.ts";
import { parseDuration } from "../../core/config/duration.ts";
import { SCRIPT_VERBS } from "../../sim/what-if/verbs.ts";
import { EXIT_ERRORS, EXIT_OK, EXIT_USAGE } from "../exit-codes.ts";
import { printProblems } from "../print-problems.ts";

const MOST_RUNS = 1_000;
const MOST_SEED = 4_294_967_295;
const MOST_UNTIL_MS = 86_400_000;

interface SimulateFlags {
  readonly config: string;
  readonly script?: string;
  readonly seed: number;
  readonly runs: number;
  readonly until?: number;
  readonly json?: boolean;
}

/**
 * Exit codes: 0 done, 1 an expectation of the script was not met or a promise was broken, 2 script or cluster file
 * cannot be used.
 */
export function simulateCommand(): Command {
  return new Command("simulate")
    .description("Answers what the cluster would do, as a timeline with reasons, without touching anything.")
    .argument("[script]", 'what happens, as in "power srv1; wait 5s; boot srv1"')
    .option("--config <file>", "the cluster file", "/etc/understudy/cluster.yaml")
    .option("--script <file>", "read the script from a file, - for standard input")
    .option(
      "--seed <number>",
      "other chance: delays in the network, and when each daemon began",
      wholeNumber(0, MOST_SEED),
      1,
    )
    .option(
      "--runs <count>",
      "play it with so many seeds and show the spread of the gaps",
      wholeNumber(1, MOST_RUNS),
      1,
    )
    .option("--until <time>", "end so long after the script's begin, not when all is quiet", duration)
    .option("--json", "print one JSON object instead of text")
    .addHelpText("after", scriptHelp)
    .addHelpText("after", EXIT_CODES)
    .action(async (text: string | undefined, flags: SimulateFlags) => {
      process.exitCode = await simulate(text, flags);
    });
}

const EXIT_CODES = `Exit code 1 when an expectation is not met, or when clients reach two nodes with one address at once although no
machine's clock stood still; 2 when the script or the cluster file cannot be used.
`;

/** The script's verbs, as help shows them. */
function scriptHelp(): string {
  const verbs = Object.values(SCRIPT_VERBS).map(({ usage: line, summary }) => `  ${line}\n      ${summary}`);
  return `\nStatements of a script, separated by ; or new lines:\n${verbs.join("\n")}\n`;
}

function wholeNumber(least: number, most: number) {
  return (text: string): number => {
    const value = Number(text);
    if (!/^[0-9]+$/.test(text) || value < least || value > most)
      throw new InvalidArgumentError(`a whole number from ${least} to ${most}`);
    return value;
  };
}

function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms === 0) throw new InvalidArgumentError("a duration like 500ms, 30s or 5m");
  if (ms > MOST_UNTIL_MS) throw new InvalidArgumentError("at most 24h");
  return ms;
}

async function simulate(text: string | undefined, flags: SimulateFlags): Promise<number> {
  const refuse = (problems: readonly Problem[]): number => {
    if (flags.json) process.stdout.write(`${JSON.stringify({ ok: false, problems }, undefined, 2)}\n`);
    else printProblems(problems);
    return EXIT_USAGE;
  };
  const source = await sourceOf(text, flags.script);
  if ("problem" in source) return refuse([source.problem]);

  const { loadClusterFile } = await import("../../host/config-file.ts");
  const loaded = loadClusterFile(flags.config);
  if (!loaded.ok) return refuse(loaded.problems);
  const { config } = loaded.value;

  const { gatewaysOf } = await import("../../sim/what-if/gateways.ts");
  const { parseScript } = await import("../../sim/what-if/parse-script.ts");
  const gateways = gatewaysOf(config);
  const addresses = gateways.map((one) => one.addresses);
  const script = parseScript(source.text, { file: source.name, config, gateways: addresses });
  if (!script.ok) return refuse(script.problems);
  const early = tooEarly(flags.until, script.value.totalMs);
  if (early !== undefined) return refuse([early]);

  const { wiresOf } = await import("../../sim/wires.ts");
  const { showHeading, showRuns, showSimulation } = await import("../show-simulation.ts");
  const { seed, until: untilMs } = flags;
  const heading = { config, wires: wiresOf(config), gateways, seed };
  const options = { config, gateways: addresses, script: script.value, seed, untilMs };
  const about = {
    ok: true,
    config: flags.config,
    cluster: config.cluster,
    wires: heading.wires,
    gateways,
    problems: loaded.problems,
  };

  if (flags.runs === 1) {
    const { playScript } = await import("../../sim/what-if/play.ts");
    const { isFailure } = await import("../../sim/what-if/simulation.ts");
    const played = playScript(options);
    if (flags.json) writeJson({ ...about, ...played });
    else process.stdout.write(`${showHeading(heading, 1)}\n${showSimulation(played)}\n`);
    const failed = played.expectations.filter(({ isMet }) => !isMet);
    const broken = played.entries.filter(isFailure);
    return judge(flags, [
      ...failed.map(({ text: wanted, at, seen }) => notMet(wanted, at, seen)),
      ...broken.map((entry) => promiseBroken(entry.text)),
    ]);
  }
  const { playRuns } = await import("../../sim/what-if/runs.ts");
  const runs = playRuns(options, flags.runs);
  if (flags.json) writeJson({ ...about, ...runs });
  else process.stdout.write(`${showHeading(heading, flags.runs)}\n\n${showRuns(runs)}\n`);
  const failed = runs.expectations.filter(({ failedSeeds }) => failedSeeds.length > 0);
  return judge(flags, [
    ...failed.map(({ text: wanted, at, seen, failedSeeds }) =>
      notMet(wanted, at, `${seen ?? "something else was seen"} (seed ${failedSeeds.join(", ")})`),
    ),
    ...runs.failures.map((failure) => promiseBroken(`${failure.text} (seed ${failure.seed})`)),
  ]);
}

/** The script's text and its name in messages. */
async function sourceOf(
  text: string | undefined,
  path: string | undefined,
): Promise<{ text: string; name: string } | { problem: Problem }> {
  if (text !== undefined && path !== undefined)
    return {
      problem: usage("SCRIPT_TWICE", "there are two scripts", "give it as an argument or with --script, not both"),
    };
  if (text !== undefined) return { text, name: "script" };
  if (path === undefined)
    return {
      problem: usage(
        "SCRIPT_MISSING",
        "there is no script",
        'say what happens: understudy simulate "power srv1; wait 5s", or --script with a file',
      ),
    };
  const { readScript } = await import("../read-script.ts");
  const read = readScript(path);
  return typeof read === "string" ? { text: read, name: path === "-" ? "stdin" : path } : { problem: read };
}

function usage(code: string, message: string, next: string): Problem {
  return { code, severity: "error", message, next };
}

function tooEarly(untilMs: number | undefined, scriptMs: number): Problem | undefined {
  if (untilMs === undefined || untilMs >= scriptMs) return undefined;
  return {
    code: "SCRIPT_TOO_LONG",
    severity: "error",
    message: `--until ends the play after ${untilMs / 1_000} s, and the script's waits take ${scriptMs / 1_000} s`,
    next: "let --until end after the script, or leave it out",
  };
}

function notMet(text: string, at: Problem["at"], seen: string): Problem {
  return {
    code: "EXPECTATION_NOT_MET",
    severity: "error",
    message: `"${text}": ${seen}`,
    ...(at && { at }),
  };
}

function promiseBroken(text: string): Problem {
  return { code: "PROMISE_BROKEN", severity: "error", message: text };
}

/** The last word: expectations that were not met, promises that were broken, and the exit code. */
function judge(flags: SimulateFlags, problems: readonly Problem[]): number {
  if (problems.length === 0) return EXIT_OK;
  if (!flags.json) {
    process.stdout.write("\n");
    printProblems(problems);
  }
  return EXIT_ERRORS;
}

/** Milliseconds with as many digits as anybody can use. */
function writeJson(value: unknown): void {
  const rounded = (_: string, part: unknown) => (typeof part === "number" ? Math.round(part * 1_000) / 1_000 : part);
  process.stdout.write(`${JSON.stringify(value, rounded, 2)}\n`);
}
