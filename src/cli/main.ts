/**
 * The command line: finds the verb, loads it and nothing else (so that `status` starts fast), and turns every
 * end into an exit code. Each verb is a file of its own in `commands/`.
 */

import { readFileSync } from "node:fs";

import { Command, CommanderError } from "commander";

import { nearestWord } from "../core/config/nearest.ts";
import { DaemonError } from "./daemon-client.ts";
import { EXIT_ERRORS, EXIT_OK, EXIT_USAGE } from "./exit-codes.ts";
import { printProblems } from "./print-problems.ts";

interface Verb {
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

const VERBS: Readonly<Record<string, Verb>> = {
  status: {
    summary: "show the whole cluster",
    load: async () => (await import("./commands/status.ts")).statusCommand(),
  },
  why: {
    summary: "explain where a group is, and what would change it",
    load: async () => (await import("./commands/why.ts")).whyCommand(),
  },
  events: {
    summary: "show what was decided, on all nodes",
    load: async () => (await import("./commands/events.ts")).eventsCommand(),
  },
  switch: {
    summary: "move a group to another node",
    load: async () => (await import("./commands/switch.ts")).switchCommand(),
  },
  standby: {
    summary: "let a node hold nothing",
    load: async () => (await import("./commands/standby.ts")).standbyCommand(),
  },
  online: {
    summary: "let a node hold groups again",
    load: async () => (await import("./commands/online.ts")).onlineCommand(),
  },
  clear: {
    summary: "forget a group's failures after they were mended",
    load: async () => (await import("./commands/clear.ts")).clearCommand(),
  },
  maintenance: {
    summary: "keep everything where it is",
    load: async () => (await import("./commands/maintenance.ts")).maintenanceCommand(),
  },
  pools: {
    summary: "show the pools and their members, all nodes together",
    load: async () => (await import("./commands/pools.ts")).poolsCommand(),
  },
  drain: {
    summary: "send new visitors elsewhere and let present ones finish",
    load: async () => (await import("./commands/drain.ts")).drainCommand(),
  },
  undrain: {
    summary: "let a member take new visitors again",
    load: async () => (await import("./commands/undrain.ts")).undrainCommand(),
  },
  weight: {
    summary: "set a member's share of new visitors",
    load: async () => (await import("./commands/weight.ts")).weightCommand(),
  },
  check: { summary: "check a cluster file", load: async () => (await import("./commands/check.ts")).checkCommand() },
  diff: {
    summary: "show what a new cluster file would change, and how",
    load: async () => (await import("./commands/diff.ts")).diffCommand(),
  },
  reload: {
    summary: "read the cluster file again",
    load: async () => (await import("./commands/reload.ts")).reloadCommand(),
  },
  render: {
    summary: "print the engine's files that a cluster file means",
    load: async () => (await import("./commands/render.ts")).renderCommand(),
  },
  keygen: { summary: "make a cluster key", load: async () => (await import("./commands/keygen.ts")).keygenCommand() },
  daemon: { summary: "run one node", load: async () => (await import("./commands/daemon.ts")).daemonCommand() },
  restart: {
    summary: "restart the daemon and keep its leases",
    load: async () => (await import("./commands/restart.ts")).restartCommand(),
  },
  release: {
    summary: "release what a dead daemon left on this machine",
    load: async () => (await import("./commands/release.ts")).releaseCommand(),
  },
  simulate: {
    summary: "what the cluster would do, without touching anything",
    load: async () => (await import("./commands/simulate.ts")).simulateCommand(),
  },
  replay: {
    summary: "run a node's recorded inputs again and compare the decisions",
    load: async () => (await import("./commands/replay.ts")).replayCommand(),
  },
  bundle: {
    summary: "collect what a bug report needs, secrets left out",
    load: async () => (await import("./commands/bundle.ts")).bundleCommand(),
  },
  lab: {
    summary: "a whole cluster on this machine, to try faults",
    load: async () => (await import("./commands/lab.ts")).labCommand(),
  },
};

/** Options of the program that take a value; needed to find the verb before it is loaded. */
const VALUED_OPTIONS = ["--runtime-dir"];

async function main(argv: readonly string[]): Promise<number> {
  const program = new Command("understudy")
    .description("Keeps a web site online on two or more ordinary Linux servers.")
    .version(version(), "-V, --version", "show the version")
    .option(
      "--runtime-dir <dir>",
      "the daemon's runtime directory (default: /run/understudy, or UNDERSTUDY_RUNTIME_DIR)",
    )
    .helpOption("-h, --help", "show help")
    .showHelpAfterError("see `understudy help`")
    .exitOverride();
  const wanted = findVerb(argv);
  if (wanted !== undefined && wanted !== "help" && !Object.hasOwn(VERBS, wanted)) return refuseVerb(wanted);
  const needed = wanted === "help" ? findVerb(argv.slice(argv.indexOf("help") + 1)) : wanted;
  for (const [name, verb] of Object.entries(VERBS)) {
    const command = name === needed ? await verb.load() : new Command(name);
    program.addCommand(
      command.name(name).summary(verb.summary).exitOverride().showHelpAfterError(`see \`understudy help ${name}\``),
    );
  }
  if (wanted === undefined && argv.length === 0) {
    program.outputHelp({ error: true });
    return EXIT_USAGE;
  }
  try {
    await program.parseAsync([...argv], { from: "user" });
  } catch (error) {
    return exitCodeOf(error);
  }
  return Number(process.exitCode ?? EXIT_OK);
}

/** The first word that is neither an option nor an option's value. */
function findVerb(argv: readonly string[]): string | undefined {
  return argv.find((word, index) => !word.startsWith("-") && !VALUED_OPTIONS.includes(argv[index - 1] ?? ""));
}

function refuseVerb(word: string): number {
  const nearest = nearestWord(word, Object.keys(VERBS));
  const problem = {
    code: "VERB_UNKNOWN",
    severity: "error",
    message: `there is no verb "${word}"`,
    next: "`understudy help` lists all verbs",
  } as const;
  printProblems([nearest === undefined ? problem : { ...problem, nearest }]);
  return EXIT_USAGE;
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
  if (error instanceof DaemonError) printProblems(error.problems);
  else process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return EXIT_ERRORS;
}

function version(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

// A reader that ends early (`understudy events | head`) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(EXIT_OK);
  throw error;
});

process.exitCode = await main(process.argv.slice(2));
