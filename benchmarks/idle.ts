/** What the daemon alone costs while nothing happens: no client, no probe. */

import { pause } from "../src/lab/clock.ts";
import type { Lab } from "../src/lab/lab.ts";

export interface Idle {
  /** Resident memory of all its processes on one node; the larger of the two nodes. */
  readonly memoryBytes: number;
  /** Share of one core, of the busier node; with the programs that it runs to check things. */
  readonly processorShare: number;
  readonly measuredMs: number;
}

/** Measures for that long on both nodes at once. */
export async function measureIdle(lab: Lab, forMs: number): Promise<Idle> {
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
