/** What the daemon alone costs while nothing happens: no client, no probe. */

import { pause } from "../src/lab/clock.ts";
import { Lab } from "../src/lab/lab.ts";
import type { Contender } from "./contender.ts";
import { settled } from "./trial.ts";

export interface Idle {
  /** Resident memory of all its processes on one node; the larger of the two nodes. */
  readonly memoryBytes: number;
  /** Share of one core, of the busier node; with the programs that it runs to check things. */
  readonly processorShare: number;
  readonly measuredMs: number;
}

/**
 * Starts a cluster, leaves it alone for `afterMs`, because a daemon runs for months and not for the seconds of its
 * start, and then watches both nodes at once for `forMs`.
 */
export async function measureIdle(
  contender: Contender,
  { afterMs, forMs }: { afterMs: number; forMs: number },
): Promise<Idle> {
  await using lab = await Lab.up(contender.idleLab ?? contender.lab);
  await lab.holders.start();
  await settled(lab, contender);
  await lab.holders.stop();
  await pause(afterMs);
  const before = await Promise.all(lab.nodes.map((node) => node.usage()));
  const beganMs = lab.now();
  await pause(forMs);
  const after = await Promise.all(lab.nodes.map((node) => node.usage()));
  const measuredMs = lab.now() - beganMs;
  const busyMs = after.map((usage, index) => usage.processorMs - (before[index]?.processorMs ?? 0));
  return {
    memoryBytes: Math.max(...after.map((usage) => usage.memoryBytes)),
    processorShare: Math.max(...busyMs) / measuredMs,
    measuredMs,
  };
}
