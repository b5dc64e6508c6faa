/**
 * nginx' worker processes as the kernel shows them: they are in the process group of their master, also after it died
 * without them, and say in their titles whether they still take connections.
 */

import { readdirSync, readFileSync } from "node:fs";

export interface Worker {
  readonly pid: number;
  /** Serves only the connections that it has. */
  readonly isOld: boolean;
  /** In clock ticks since boot. */
  readonly startTicks: number;
}

const TITLE = /^nginx: worker process( is shutting down)?/;

/** Workers of a master, dead or alive, the oldest first. */
export function workersOf(master: number): readonly Worker[] {
  const found = candidates(master).flatMap((pid) => readWorker(pid, master) ?? []);
  return found.sort((a, b) => a.startTicks - b.startTicks || a.pid - b.pid);
}

/** Children of a living master, which the kernel lists; orphans must be looked for among all processes. */
function candidates(master: number): readonly number[] {
  try {
    const children = readFileSync(`/proc/${master}/task/${master}/children`, "latin1").trim();
    if (children !== "") return children.split(" ").map(Number);
  } catch {
    // It is dead, or the kernel keeps no such lists.
  }
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function readWorker(pid: number, master: number): Worker | undefined {
  if (pid === master) return undefined;
  try {
    const status = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name stands in parentheses and may hold any of them itself.
    const [state, , group, ...rest] = status.slice(status.lastIndexOf(")") + 2).split(" ");
    if (Number(group) !== master || state === "Z" || state === "X") return undefined;
    const title = TITLE.exec(readFileSync(`/proc/${pid}/cmdline`, "latin1"));
    if (title === null) return undefined;
    return { pid, isOld: title[1] !== undefined, startTicks: Number(rest[16]) };
  } catch {
    return undefined; // ended meanwhile
  }
}
