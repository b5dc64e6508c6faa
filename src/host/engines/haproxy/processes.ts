/**
 * HAProxy's processes as its master shows them. What a reload did is read here: a new worker and no failure counted is
 * success; a failure counted means that the old worker goes on and the master waits for a better config.
 */

import { ask } from "./socket.ts";

export interface Processes {
  readonly master: number;
  /** Reloads since the master's start, those that failed too. */
  readonly reloads: number;
  /** Reloads that failed one after the other until now. */
  readonly failed: number;
  /** The worker that takes new connections; undefined: between two. */
  readonly worker: number | undefined;
  /** Workers that serve only the connections they have, the oldest first. */
  readonly old: readonly number[];
}

/** Reads the answer to `show proc`; undefined when it is none. */
export function parseProcesses(text: string): Processes | undefined {
  let section = "";
  let master: { pid: number; reloads: number; failed: number } | undefined;
  const workers: number[] = [];
  const old: { pid: number; reloads: number }[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("# ")) section = line.slice(2).trim();
    const [, pid = "", kind = "", reloads = "", failed = "0"] =
      /^(\d+)\s+(master|worker)\s+(\d+)(?:\s+\[failed: (\d+)\])?/.exec(line) ?? [];
    if (kind === "master") master = { pid: Number(pid), reloads: Number(reloads), failed: Number(failed) };
    if (kind === "worker" && section === "workers") workers.push(Number(pid));
    if (kind === "worker" && section === "old workers") old.push({ pid: Number(pid), reloads: Number(reloads) });
  }
  if (master === undefined) return undefined;
  old.sort((a, b) => b.reloads - a.reloads);
  return {
    master: master.pid,
    reloads: master.reloads,
    failed: master.failed,
    worker: workers.at(-1),
    old: old.map(({ pid }) => pid),
  };
}

/** Asks the master; undefined while it replaces itself or does not answer. */
export async function readProcesses(masterSocket: string, timeoutMs = 2_000): Promise<Processes | undefined> {
  try {
    return parseProcesses(await ask(masterSocket, "show proc", { timeoutMs }));
  } catch {
    return undefined;
  }
}
