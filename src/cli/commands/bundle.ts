/** `understudy bundle`: collects what a bug report needs into one file, secrets left out. */

import { hostname } from "node:os";

import { Command, InvalidArgumentError } from "commander";

import { version } from "../../api/version.ts";
import type { Problem } from "../../core/base/report.ts";
import { EXIT_ERRORS, EXIT_OK, EXIT_USAGE } from "../exit-codes.ts";
import { DaemonClient } from "../daemon-client.ts";
import { printProblems } from "../print-problems.ts";
import { runtimeDirOf } from "../runtime-dir.ts";
import { harmless } from "../terminal.ts";
import { parseWallTime, WALL_TIME_WORDS } from "../wall-time.ts";

interface BundleFlags {
  readonly output?: string;
  readonly since?: number;
  readonly config: string;
  readonly stateDir: string;
  readonly json?: boolean;
}

const DAY_MS = 86_400_000;

/** Exit codes: 0 written, 1 it cannot be written, 2 an option makes no sense. */
export function bundleCommand(): Command {
  return new Command("bundle")
    .description(
      "Collects what a bug report needs into one tar.gz, also when the daemon is dead; secrets are left out.",
    )
    .option("--output <file>", "the file to make (default: understudy-HOST-TIME.tar.gz here)")
    .option("--since <time>", `logs and recordings since: ${WALL_TIME_WORDS} (default: a day ago)`, wallTime)
    .option("--config <file>", "the cluster file", "/etc/understudy/cluster.yaml")
    .option("--state-dir <dir>", "the daemon's state directory", "/var/lib/understudy")
    .option("--json", "print one JSON object instead of text")
    .action(async (flags: BundleFlags, command: Command) => {
      process.exitCode = await bundle(flags, runtimeDirOf(command));
    });
}

function wallTime(text: string): number {
  const time = parseWallTime(text);
  if (time === undefined) throw new InvalidArgumentError(WALL_TIME_WORDS);
  return time;
}

async function bundle(flags: BundleFlags, runtimeDir: string): Promise<number> {
  const now = Date.now();
  const since = flags.since ?? now - DAY_MS;
  if (since > now) {
    const problem = { code: "TIME_IN_FUTURE", severity: "error", message: "--since is in the future" } as const;
    printProblems([{ ...problem, next: "name a time that has been" }]);
    return EXIT_USAGE;
  }
  const { makeBundle, WARNING } = await import("../../bundle/make-bundle.ts");
  const { partsOf } = await import("../../bundle/parts.ts");
  const stamp = new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const folder = `understudy-${hostname().split(".")[0]}-${stamp}`;
  const file = flags.output ?? `${folder}.tar.gz`;
  const client = new DaemonClient(runtimeDir);
  const { config: configFile, stateDir } = flags;
  const sources = {
    version: version(),
    configFile,
    stateDir,
    runtimeDir,
    since,
    get: (path: string) => client.get(path),
  };
  try {
    const about = `Understudy ${version()} on ${hostname()}, made ${new Date(now).toISOString()}, logs and recordings since ${new Date(since).toISOString()}`;
    const made = await makeBundle({ file, folder, parts: partsOf(sources), time: now, about });
    if (flags.json) {
      const parts = made.collected.map(({ title, files, missing }) => ({
        title,
        missing,
        files: files.map(({ name, content, leftOut, isCut }) => ({ name, sizeBytes: content.length, leftOut, isCut })),
      }));
      process.stdout.write(
        `${JSON.stringify({ file, sizeBytes: made.sizeBytes, warning: WARNING, parts }, undefined, 2)}\n`,
      );
    } else {
      process.stdout.write(`${harmless(file)}: ${made.sizeBytes} bytes, readable only by you\n\n`);
      process.stdout.write(
        made.manifest
          .split("\n")
          .map((line) => `${harmless(line)}\n`)
          .join("")
          .trimEnd() + "\n",
      );
    }
    return EXIT_OK;
  } catch (error) {
    printProblems([explain(error as NodeJS.ErrnoException, file)]);
    return EXIT_ERRORS;
  }
}

function explain(error: NodeJS.ErrnoException, file: string): Problem {
  const about = { severity: "error", subject: { file } } as const;
  if (error.code === "EEXIST") {
    const message = `${file} exists already`;
    return { ...about, code: "OUTPUT_EXISTS", message, next: "name another file with `--output FILE`" };
  }
  const message = `${file} cannot be written: ${error.message}`;
  return {
    ...about,
    code: "OUTPUT_REFUSED",
    message,
    next: "name a file in a directory that you may write to, with room for some megabytes",
  };
}
