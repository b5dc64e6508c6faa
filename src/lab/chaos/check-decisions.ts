/**
 * Every change of holder that the wire showed has a decision of the new holder, with its reason, on record. A node that
 * died right after it took over may have taken the record with it; such changes are counted as unknown, not as good.
 */

import type { Span } from "../../promises/explained-failures.ts";
import type { Evidence } from "./evidence.ts";
import type { CheckerRuns, Violation } from "./judge.ts";
import type { HolderSince } from "./spells.ts";

export const DECIDED = "every change of holder has a decision with a reason";

/** Reasons by which a node begins to serve a group. */
const BEGINNINGS: ReadonlySet<string> = new Set(["GROUP_TAKEN", "NODE_RESUMED"]);
/** A record is heard of a little after it was made, and much later when its main thread hung meanwhile. */
const BEFORE_MS = 2_000;
const AFTER_MS = 6_000;
/** A record is on its node's disk, or with the other nodes, after this. */
const ON_DISK_MS = 2_000;

export function checkDecisions(
  { decisions, spells, endedMs }: Evidence,
  holders: readonly HolderSince[],
  stalls: readonly Span[],
): { violations: Violation[]; checker: CheckerRuns } {
  let runs = 0;
  const violations = holders.slice(1).flatMap(({ node, sinceMs }): Violation[] => {
    const isUnknown =
      sinceMs + AFTER_MS > endedMs ||
      stalls.some(({ fromMs, toMs }) => fromMs < sinceMs + AFTER_MS && toMs > sinceMs) ||
      spells.some((spell) => endsRecords(spell.name) && spell.node === node && meetsRecord(spell, sinceMs));
    if (isUnknown) return [];
    runs += 1;
    const isDecided = decisions.some(
      ({ heardMs, record }) =>
        record.by === node &&
        BEGINNINGS.has(record.reason) &&
        heardMs >= sinceMs - BEFORE_MS &&
        heardMs <= sinceMs + AFTER_MS,
    );
    return isDecided ? [] : [{ promise: DECIDED, atMs: sinceMs, text: `${node} began to serve without a decision` }];
  });
  return { violations, checker: { promise: DECIDED, runs } };
}

function endsRecords(name: string): boolean {
  return ["power-off", "kill", "stop-daemon", "freeze", "block", "restart", "disk-full"].includes(name);
}

function meetsRecord({ fromMs, toMs }: Span, atMs: number): boolean {
  return fromMs <= atMs + ON_DISK_MS && toMs >= atMs - ON_DISK_MS;
}
