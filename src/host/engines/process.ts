/**
 * Programs that outlive the daemon: started in a session of their own with their words in a file, found again by a pid
 * file that is believed only when the process behind it is the right one, and watched by a descriptor of the process,
 * which tells its end at once, whoever's child it is. A daemon's next self inherits children that its Node knows
 * nothing of, so their records are taken here.
 */

import { spawn, type StdioOptions } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, statSync, truncateSync } from "node:fs";
import { closeDescriptor, onReadable, openProcess, reap } from "../linux/libc.ts";

export interface Launch {
  readonly argv: readonly string[];
  /** Working directory. */
  readonly directory: string;
  /** File that its standard output and standard error are appended to. */
  readonly words: string;
}

/** Starts a program that goes on without us. Rejects when it cannot be started at all. */
export async function launch({ argv, directory, words }: Launch): Promise<number> {
  const [program = "", ...rest] = argv;
  const output = openSync(words, "a", 0o640);
  try {
    const environment = {
      PATH: process.env["PATH"] ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      LANG: "C.UTF-8",
    };
    const stdio: StdioOptions = ["ignore", output, output];
    const child = spawn(program, rest, { detached: true, cwd: directory, env: environment, stdio });
    await once(child, "spawn");
    child.unref();
    return child.pid as number;
  } finally {
    closeSync(output);
  }
}

/** What tells a process from another that has the same number later. */
export interface ProcessIdentity {
  readonly pid: number;
  /** In clock ticks since boot. */
  readonly startTicks: string;
  readonly group: number;
  /** By SIGSTOP or a debugger. */
  readonly isStopped: boolean;
  readonly argv: readonly string[];
}

/** Who runs under this number; undefined: nobody, or only the record of somebody who has ended. */
export function identify(pid: number): ProcessIdentity | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name stands in parentheses and may hold any of them itself.
    const fields = status.slice(status.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return undefined;
    const argv = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
    const isStopped = fields[0] === "T" || fields[0] === "t";
    return { pid, startTicks: fields[19] ?? "", group: Number(fields[2]), isStopped, argv };
  } catch {
    return undefined;
  }
}

/** Processes of a group that have not ended, its leader too. */
export function processesOf(group: number): ProcessIdentity[] {
  const names = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const all = names.flatMap((name) => identify(Number(name)) ?? []);
  return all.filter((identity) => identity.group === group);
}

/** The process that a pid file names, when it is one that `isOurs` knows. */
export function findByPidFile(
  file: string,
  isOurs: (identity: ProcessIdentity) => boolean,
): ProcessIdentity | undefined {
  if (!existsSync(file)) return undefined;
  const pid = Number(readFileSync(file, "latin1").trim());
  if (!Number.isInteger(pid) || pid <= 1) return undefined;
  const identity = identify(pid);
  return identity !== undefined && isOurs(identity) ? identity : undefined;
}

/** Calls back once, when the process has ended; returns a function that ends the watch. */
export function watchEnd(pid: number, ended: () => void): () => void {
  const fd = openProcess(pid);
  if (fd === undefined) {
    const soon = setImmediate(ended);
    return () => clearImmediate(soon);
  }
  let isWatched = true;
  const stop = (): void => {
    if (!isWatched) return;
    isWatched = false;
    unwatch();
    closeDescriptor(fd);
  };
  const unwatch = onReadable(fd, () => {
    if (!isWatched) return;
    stop();
    reap(pid);
    ended();
  });
  return stop;
}

/** Whether the process ended within `limitMs`. */
export function awaitEnd(pid: number, limitMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const stop = watchEnd(pid, () => {
      clearTimeout(timer);
      resolve(true);
    });
    const timer = setTimeout(() => {
      stop();
      resolve(false);
    }, limitMs);
  });
}

/** Signals a process or, with a negative number, a process group; one that is gone is fine. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

const MAX_WORDS_BYTES = 65_536;

/** How long a file of words is; the place from which later words are read. */
export function wordsLength(file: string): number {
  return existsSync(file) ? statSync(file).size : 0;
}

/** What was written to a file of words after `from`; at most the last 64 kB. */
export function wordsSince(file: string, from: number): string {
  if (!existsSync(file)) return "";
  const size = statSync(file).size;
  const begin = Math.max(from <= size ? from : 0, size - MAX_WORDS_BYTES);
  const bytes = Buffer.alloc(size - begin);
  const fd = openSync(file, "r");
  try {
    return bytes.toString("utf8", 0, readSync(fd, bytes, 0, bytes.length, begin));
  } finally {
    closeSync(fd);
  }
}

/** Empties a file of words that became long. Who appends to it goes on at its beginning. */
export function shortenWords(file: string, limitBytes = 4_194_304): void {
  if (wordsLength(file) > limitBytes) truncateSync(file, 0);
}
