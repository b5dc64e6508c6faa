/**
 * Epochs only grow: what one incarnation of a daemon says of a group's epoch never falls, and no two nodes ever take a
 * group with the same epoch.
 */

import type { Evidence } from "./evidence.ts";
import type { CheckerRuns, Violation } from "./judge.ts";

export const EPOCHS = "epochs only grow";

export function checkEpochs({ epochs, decisions }: Evidence): { violations: Violation[]; checker: CheckerRuns } {
  const violations: Violation[] = [];
  let runs = 0;
  const highest = new Map<string, number>();
  for (const { node, incarnation, group, epoch, atMs } of epochs) {
    runs += 1;
    const key = `${node} ${incarnation} ${group}`;
    const before = highest.get(key) ?? 0;
    if (epoch < before) {
      violations.push({
        promise: EPOCHS,
        atMs,
        text: `${node} went back from epoch ${before} of ${group} to ${epoch}`,
      });
    }
    highest.set(key, Math.max(before, epoch));
  }
  const takers = new Map<string, string>();
  for (const { heardMs, record } of decisions) {
    if (record.reason !== "GROUP_TAKEN" || record.group === undefined) continue;
    runs += 1;
    const key = `${record.group} ${String(record.facts["epoch"])}`;
    const taker = takers.get(key) ?? record.by;
    if (taker !== record.by) {
      const text = `${taker} and ${record.by} both took ${record.group} at epoch ${String(record.facts["epoch"])}`;
      violations.push({ promise: EPOCHS, atMs: heardMs, text });
    }
    takers.set(key, taker);
  }
  return { violations, checker: { promise: EPOCHS, runs } };
}
