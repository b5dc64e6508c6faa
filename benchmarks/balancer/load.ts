/**
 * Load by wrk, with what it saw as numbers, and what the balancer's processes spent on it. Requests per second depend on
 * everything that shares the machine; processor time per request belongs to the measured program alone.
 */

import { readdirSync, readFileSync } from "node:fs";
import { runAt, writeInRoom } from "./wire.ts";

export interface Load {
  readonly url: string;
  /** A new connection for each request. */
  readonly isNewConnection: boolean;
  readonly connections: number;
  readonly seconds: number;
}

export interface Seen {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
  /** Processor time of the measured processes per request; NaN when none were named. */
  readonly processorUs: number;
}

/** wrk's only way to tell exact numbers; a script with nothing but `done` costs no time per request. */
const TELL = `done = function(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  local p50, p99 = latency:percentile(50), latency:percentile(99)
  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration, p50, p99, failed))
end
`;

/** Clock ticks of processes, in microseconds; Linux has a hundred per second on all usual machines. */
const TICK_US = 10_000;

/** wrk's TLS now and then reads nothing at all on a busy machine; then the measurement is made again. */
const ATTEMPTS = 3;

/** Runs wrk against an address and answers what it saw; `pids` are the processes whose time is counted. */
export function load({ url, isNewConnection, connections, seconds }: Load, pids: readonly number[]): Seen {
  const script = writeInRoom("tell.lua", TELL);
  const headers = isNewConnection ? ["-H", "Connection: close"] : [];
  const argv = ["wrk", "-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "5s", "-s", script, ...headers, url];
  let output = "";
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const before = processorTicks(pids);
    output = runAt("client", argv, { timeoutMs: (seconds + 20) * 1_000 });
    const ticks = processorTicks(pids) - before;
    const [, requests = 0, micros = 0, p50 = 0, p99 = 0, failed = 0] =
      /RESULT (\d+) (\d+) (\d+) (\d+) (\d+)/.exec(output)?.map(Number) ?? [];
    if (requests === 0) continue;
    return {
      requestsPerSecond: (requests * 1e6) / micros,
      p50Ms: p50 / 1_000,
      p99Ms: p99 / 1_000,
      failed,
      processorUs: pids.length === 0 ? Number.NaN : (ticks * TICK_US) / requests,
    };
  }
  throw new Error(`${url} answered nothing: ${output}`);
}

function processorTicks(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    try {
      // Fields after the name in brackets, which may hold blanks: utime is the 12th of them, stime the 13th.
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
      ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // it ended meanwhile
    }
  }
  return ticks;
}

/** A process and all its descendants. */
export function family(root: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const fields = readFileSync(`/proc/${name}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
      parents.set(Number(name), Number(fields[1]));
    } catch {
      // it ended meanwhile
    }
  }
  const found = [root];
  for (const pid of found) for (const [child, parent] of parents) if (parent === pid) found.push(child);
  return found;
}

/** Memory of processes, what they share counted once. */
export function memoryBytes(pids: readonly number[]): number {
  let kilobytes = 0;
  for (const pid of pids) {
    try {
      kilobytes += Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0);
    } catch {
      // it ended meanwhile
    }
  }
  return kilobytes * 1_024;
}
