/**
 * Figures from what nginx and the kernel tell: nginx counts connections and requests of all members together, the
 * failed answers are counted by a file's size, and connections to members by the kernel's tables.
 */

import { truncateSync } from "node:fs";
import { join } from "node:path";

import { FAILURE_BYTES, FAILURES_FILE } from "../../../core/balancer/nginx-log.ts";
import { memberId, type Wanted } from "../../../core/balancer/wanted.ts";
import type { EngineFigures, MemberFigures } from "../engine.ts";
import { wordsLength } from "../process.ts";
import { connectionKey, countConnections } from "./connections.ts";
import type { StatusFigures } from "./status.ts";

/** The file lies in memory, mostly. */
const MAX_FAILURES_BYTES = 1_048_576;
/** Rates of shorter times say nothing. */
const MIN_RATE_MS = 1_000;

type Totals = Pick<EngineFigures, "connections" | "requests" | "requestsPerSecond" | "serverErrors">;

/** What must be remembered between two questions. */
export class Counters {
  readonly #file: string;
  /** Failed answers in files that were emptied since. */
  #failures = 0;
  #before: { readonly at: number; readonly requests: number } | undefined;

  constructor(directory: string) {
    this.#file = join(directory, FAILURES_FILE);
  }

  totals(status: StatusFigures | undefined): Totals {
    const requests = status?.requests ?? 0;
    return {
      connections: status?.connections ?? 0,
      requests,
      requestsPerSecond: this.#rate(requests),
      serverErrors: this.#countFailures(),
    };
  }

  /** nginx counts from its start. */
  clear(): void {
    this.#before = undefined;
  }

  #rate(requests: number): number {
    const now = performance.now();
    const { at, requests: earlier } = this.#before ?? { at: now, requests };
    if (this.#before === undefined || now - at >= MIN_RATE_MS) this.#before = { at: now, requests };
    return now === at ? 0 : (1_000 * Math.max(0, requests - earlier)) / (now - at);
  }

  #countFailures(): number {
    const bytes = wordsLength(this.#file);
    const count = this.#failures + Math.floor(bytes / FAILURE_BYTES);
    if (bytes > MAX_FAILURES_BYTES) {
      this.#failures = count;
      truncateSync(this.#file, 0);
    }
    return count;
  }
}

/** `underWay`: of all members together; what a member has beyond that are idle connections, kept for the next request. */
export function memberFigures({ config, members }: Wanted, underWay: number): readonly MemberFigures[] {
  const places = new Map(
    config.pools.flatMap((pool) =>
      pool.members.map((member) => [memberId({ pool: pool.name, member: member.name }), member] as const),
    ),
  );
  const counts = underWay === 0 ? undefined : countConnections([...places.values()]);
  return members.map(({ pool, member, weight, drain }) => {
    const place = places.get(memberId({ pool, member }));
    const connected = place === undefined ? 0 : (counts?.get(connectionKey(place.address, place.port)) ?? 0);
    const unknown = { health: "unknown", detail: "", queued: 0, requests: 0, idleSeconds: undefined } as const;
    return {
      pool,
      member,
      ...unknown,
      sessions: Math.min(connected, underWay),
      weight,
      isDraining: drain !== undefined,
    };
  });
}
