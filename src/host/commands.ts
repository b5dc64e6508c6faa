/**
 * Runs programs: argument lists only, each in a process group of its own, with an obligatory time limit after
 * which the whole group is asked to end and then killed. The result is there soon after the program itself
 * ended, also when a grandchild (a daemon that it started) keeps the output open: what such a grandchild
 * writes later is read and thrown away, because closing the pipe would kill it.
 */

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";

import type { CommandConfig } from "../core/config/cluster.ts";
import type { CommandResult, Commands } from "./ports.ts";

/** Output kept of one command unless told otherwise: its end, where the reason of a failure stands. */
const OUTPUT_LIMIT_BYTES = 4_096;
/** How long the output may lag behind the end of the program. */
const DRAIN_MS = 50;

/** Settings of the runner; the defaults suit a daemon, tests shorten them. */
export interface CommandsOptions {
  /** Between the polite and the last signal. */
  readonly graceMs?: number;
  /** Output kept of one command, from its end. */
  readonly outputLimitBytes?: number;
  /** Variables that every command sees, besides its own. */
  readonly base?: Readonly<Record<string, string>>;
}

/** Makes a runner. Its promises never reject: whatever happens is in the result. */
export function createCommands(options: CommandsOptions = {}): Commands {
  const graceMs = options.graceMs ?? 2_000;
  const base = options.base ?? cleanEnvironment();
  const outputLimitBytes = options.outputLimitBytes ?? OUTPUT_LIMIT_BYTES;
  return {
    run: (command, environment) =>
      runOne({ command, graceMs, outputLimitBytes, environment: { ...base, ...environment } }),
  };
}

/**
 * What commands inherit. The daemon's own environment stays out: a service must not find the daemon's
 * notification socket or watchdog there.
 */
function cleanEnvironment(): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: process.env["HOME"] ?? "/root",
    LANG: "C.UTF-8",
  };
}

interface Job {
  readonly command: CommandConfig;
  readonly environment: Readonly<Record<string, string>>;
  readonly graceMs: number;
  readonly outputLimitBytes: number;
}

function runOne(job: Job): Promise<CommandResult> {
  const { argv, timeoutMs } = job.command;
  const startedMs = performance.now();
  const output = new Tail(job.outputLimitBytes);
  const result = (end: Partial<CommandResult>): CommandResult => ({
    argv,
    code: undefined,
    signal: undefined,
    timedOut: false,
    error: undefined,
    ...end,
    durationMs: performance.now() - startedMs,
    output: output.text(),
  });
  const [program, ...rest] = argv;
  if (program === undefined || program === "") return Promise.resolve(result({ error: "the argument list is empty" }));

  let child: ChildProcess;
  try {
    child = spawn(program, rest, {
      detached: true,
      shell: false,
      cwd: "/",
      env: job.environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
  } catch (error) {
    // Arguments that the system cannot take at all, such as one with a zero byte.
    return Promise.resolve(result({ error: describe(error) }));
  }
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => output.add(chunk));
    stream?.on("error", () => {}); // a broken pipe says nothing about how the command ended
  }
  return awaitEnd(child, { timeoutMs, graceMs: job.graceMs }, result);
}

function awaitEnd(
  child: ChildProcess,
  limits: { timeoutMs: number; graceMs: number },
  result: (end: Partial<CommandResult>) => CommandResult,
): Promise<CommandResult> {
  return new Promise((resolve) => {
    let timedOut = false;
    let exit: { code: number | undefined; signal: string | undefined } | undefined;
    let timer: NodeJS.Timeout | undefined;

    const settle = (end: Partial<CommandResult>): void => {
      clearTimeout(timer);
      output.stop();
      resolve(result({ ...end, timedOut }));
    };
    // From here on the streams are only emptied, and keep neither memory nor the event loop alive.
    const output = {
      stop: (): void => {
        for (const stream of [child.stdout, child.stderr]) {
          stream?.removeAllListeners("data");
          stream?.resume();
          (stream as { unref?: () => void } | null)?.unref?.();
        }
        child.unref();
      },
    };
    timer = setTimeout(() => {
      timedOut = true;
      signalGroup(child, "SIGTERM");
      timer = setTimeout(() => {
        signalGroup(child, "SIGKILL");
        // A process in uninterruptible sleep survives even that; nobody waits for it longer.
        timer = setTimeout(() => settle(exit ?? { signal: "SIGKILL" }), limits.graceMs);
        if (exit !== undefined) settle(exit);
      }, limits.graceMs);
    }, limits.timeoutMs);

    child.once("error", (error) => {
      if (child.pid === undefined) settle({ error: describe(error) });
    });
    child.once("close", () => {
      if (exit !== undefined && !timedOut) settle(exit);
    });
    child.once("exit", (code, signal) => {
      exit = { code: code ?? undefined, signal: signal ?? undefined };
      if (!timedOut) {
        clearTimeout(timer);
        timer = setTimeout(() => settle(exit ?? {}), DRAIN_MS);
        return;
      }
      // The leader obeyed; members of its group that do not are killed without waiting the rest of the grace.
      signalGroup(child, "SIGKILL");
      settle(exit);
    });
  });
}

/** Signals the whole group; one that is gone already is fine. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // ESRCH: nobody is left, which is what was wanted.
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The last bytes of a stream. */
class Tail {
  readonly #limitBytes: number;
  #kept: Buffer = Buffer.alloc(0);

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  add(chunk: Buffer): void {
    const joined = this.#kept.length === 0 ? chunk : Buffer.concat([this.#kept, chunk]);
    this.#kept = Buffer.from(joined.subarray(Math.max(0, joined.length - this.#limitBytes)));
  }

  text(): string {
    return this.#kept.toString("utf8").trim();
  }
}

/** One line for people: how it ended, how long it took and its last words. */
export function describeResult(result: CommandResult): string {
  const took = `${Math.round(result.durationMs)} ms`;
  const words = result.output === "" ? "" : `: ${lastLines(result.output, 3)}`;
  if (result.error !== undefined) return `could not be started: ${result.error}`;
  if (result.timedOut) return `did not end within its time limit and was killed after ${took}${words}`;
  if (result.code !== undefined) return `exit code ${result.code} after ${took}${words}`;
  return `ended by ${result.signal ?? "an unknown cause"} after ${took}${words}`;
}

function lastLines(text: string, count: number): string {
  return text.split("\n").slice(-count).join(" | ").slice(-400);
}
