/** Finds processes by what the kernel says about them, because members' programs fork and change as they like. */

import { readFileSync, readdirSync, readlinkSync } from "node:fs";

export interface FoundProcess {
  /** As seen from the lab's supervisor. */
  readonly pid: number;
  readonly parent: number;
  /** Arguments joined by blanks; empty for the dead that nobody has buried. */
  readonly commandLine: string;
}

/** All processes visible here. */
export function allProcesses(): FoundProcess[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, "utf8");
        const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
        const commandLine = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0").join(" ").trim();
        return [{ pid: Number(name), parent, commandLine }];
      } catch {
        return []; // it ended while we looked
      }
    });
}

/** The only child of a process such as `unshare --fork`; undefined when it has none (yet). */
export function childOf(pid: number): number | undefined {
  return allProcesses().find((found) => found.parent === pid)?.pid;
}

/** Processes in the same process namespace as `pid`, which is its first process. */
export function processesBeside(pid: number): FoundProcess[] {
  const namespace = namespaceOf(pid);
  if (namespace === undefined) return [];
  return allProcesses().filter((found) => namespaceOf(found.pid) === namespace);
}

function namespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

/** Sends a signal; a process that is gone needs none. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
