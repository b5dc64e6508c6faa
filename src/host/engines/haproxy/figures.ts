/**
 * HAProxy's figures: the table of `show stat` per worker, and what they come to when older workers still serve. A worker
 * counts from its own start, so what ended workers had counted is kept here, or every reload would begin at zero.
 */

import { fallbackName, STATS_PROXY } from "../../../core/balancer/haproxy-names.ts";
import { memberId, type MemberKey, type Wanted } from "../../../core/balancer/wanted.ts";
import type { MemberFigures } from "../engine.ts";

/** One line of `show stat` by the names of its columns. */
export type StatRow = ReadonlyMap<string, string>;

/** Reads the columns that are asked for; a cell in quotes may hold commas. */
export function parseStat(text: string, columns: readonly string[]): StatRow[] {
  const [header = "", ...lines] = text.split("\n");
  const names = header.replace(/^# /, "").split(",");
  const places = columns.map((column) => [column, names.indexOf(column)] as const).filter(([, place]) => place >= 0);
  return lines.flatMap((line) => {
    if (line.trim() === "") return [];
    const cells = line.includes('"') ? splitQuoted(line) : line.split(",");
    return [new Map(places.map(([column, place]) => [column, cells[place] ?? ""]))];
  });
}

function splitQuoted(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, plain = ""]) => quoted?.replaceAll('""', '"') ?? plain,
  );
}

const SERVER_COLUMNS = [
  ...["pxname", "svname", "qcur", "scur", "stot", "status", "weight", "lastsess", "check_status"],
  ...["check_code", "check_desc", "last_chk"],
];
const FRONT_COLUMNS = ["pxname", "svname", "scur", "req_rate", "req_tot", "hrsp_5xx"];

/** Commands whose answers `readWorker` takes. */
export const SERVER_QUESTION = "show stat -1 4 -1";
export const FRONT_QUESTION = "show stat -1 1 -1";

interface ServerCount {
  readonly sessions: number;
  readonly queued: number;
  readonly requests: number;
  readonly idleSeconds: number | undefined;
  readonly row: StatRow;
}

/** What one worker counted. */
export interface WorkerCount {
  readonly servers: ReadonlyMap<string, ServerCount>;
  readonly connections: number;
  readonly requestsPerSecond: number;
  readonly requests: number;
  readonly serverErrors: number;
}

export function readWorker(serverText: string, frontText: string): WorkerCount {
  const servers = new Map<string, ServerCount>();
  for (const row of parseStat(serverText, SERVER_COLUMNS)) {
    const idle = Number(row.get("lastsess") || -1);
    servers.set(`${row.get("pxname")}/${row.get("svname")}`, {
      sessions: number(row, "scur"),
      queued: number(row, "qcur"),
      requests: number(row, "stot"),
      idleSeconds: idle < 0 ? undefined : idle,
      row,
    });
  }
  const fronts = parseStat(frontText, FRONT_COLUMNS).filter((row) => row.get("pxname") !== STATS_PROXY);
  const sum = (column: string): number => fronts.reduce((total, row) => total + number(row, column), 0);
  return {
    servers,
    connections: sum("scur"),
    requestsPerSecond: sum("req_rate"),
    requests: sum("req_tot"),
    serverErrors: sum("hrsp_5xx"),
  };
}

function number(row: StatRow, column: string): number {
  return Number(row.get(column) || 0);
}

/** Totals over all workers since the engine's start. */
export class Counters {
  /** The last count of each worker that lives. */
  readonly #living = new Map<number, WorkerCount>();
  readonly #requestsOfEnded = new Map<string, number>();
  /** When a server was last given a request, which a new worker does not know of the one before. */
  readonly #usedAtMs = new Map<string, number>();
  #requests = 0;
  #serverErrors = 0;

  /** Takes new counts of workers; what those had counted last that do not live any more is added to the past. */
  take(counts: ReadonlyMap<number, WorkerCount>, living: readonly number[], nowMs = performance.now()): void {
    for (const [pid, count] of this.#living) {
      if (living.includes(pid)) continue;
      this.#requests += count.requests;
      this.#serverErrors += count.serverErrors;
      for (const [id, { requests }] of count.servers)
        this.#requestsOfEnded.set(id, (this.#requestsOfEnded.get(id) ?? 0) + requests);
      this.#living.delete(pid);
    }
    for (const [pid, count] of counts) {
      this.#living.set(pid, count);
      for (const [id, { idleSeconds }] of count.servers) {
        if (idleSeconds === undefined) continue;
        this.#usedAtMs.set(id, Math.max(this.#usedAtMs.get(id) ?? -Infinity, nowMs - idleSeconds * 1_000));
      }
    }
  }

  /** Forgets everything: another engine was started. */
  clear(): void {
    this.#living.clear();
    this.#requestsOfEnded.clear();
    this.#usedAtMs.clear();
    this.#requests = 0;
    this.#serverErrors = 0;
  }

  /** Of clients, at one worker. */
  connectionsOf(pid: number): number {
    return this.#living.get(pid)?.connections ?? 0;
  }

  totals(): Omit<WorkerCount, "servers"> {
    const all = [...this.#living.values()];
    const sum = (of: (count: WorkerCount) => number): number => all.reduce((total, count) => total + of(count), 0);
    return {
      connections: sum(({ connections }) => connections),
      requestsPerSecond: sum(({ requestsPerSecond }) => requestsPerSecond),
      requests: this.#requests + sum(({ requests }) => requests),
      serverErrors: this.#serverErrors + sum(({ serverErrors }) => serverErrors),
    };
  }

  /** Figures of all members; health is what `worker`, the one with new connections, found. */
  members(wanted: Wanted, worker: number, nowMs = performance.now()): MemberFigures[] {
    const current = this.#living.get(worker);
    return wanted.members.map((want) => {
      const ids = [memberId(want), memberId({ ...want, pool: fallbackName(want.pool) })];
      const counts = [...this.#living.values()].flatMap(({ servers }) => ids.flatMap((id) => servers.get(id) ?? []));
      const sum = (of: (count: ServerCount) => number): number => counts.reduce((total, count) => total + of(count), 0);
      const ended = ids.reduce((total, id) => total + (this.#requestsOfEnded.get(id) ?? 0), 0);
      const usedAtMs = Math.max(...ids.map((id) => this.#usedAtMs.get(id) ?? -Infinity));
      const key: MemberKey = { pool: want.pool, member: want.member };
      return {
        ...key,
        ...healthOf(current?.servers.get(memberId(want))?.row),
        sessions: sum(({ sessions }) => sessions),
        queued: sum(({ queued }) => queued),
        requests: ended + sum(({ requests }) => requests),
        idleSeconds: usedAtMs === -Infinity ? undefined : Math.max(0, Math.round((nowMs - usedAtMs) / 1_000)),
        weight: want.weight,
        isDraining: want.drain !== undefined,
      };
    });
  }
}

function healthOf(row: StatRow | undefined): Pick<MemberFigures, "health" | "detail"> {
  const status = row?.get("status") ?? "";
  const check = (row?.get("check_status") ?? "").replace(/^\* /, "");
  const words = [row?.get("check_desc"), row?.get("check_code"), row?.get("last_chk")];
  const detail = [...new Set(words.filter((word) => word !== undefined && word !== ""))].join(", ");
  if (check === "" || check === "INI" || check === "UNK" || status === "no check") return { health: "unknown", detail };
  if (status.startsWith("DOWN")) return { health: "down", detail };
  return { health: "up", detail };
}
