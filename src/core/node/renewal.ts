/**
 * When a gate is told of more evidence. Each renewal is a call to the kernel, so a small gain waits for a larger one;
 * but a gate that would close soon takes what there is.
 */

import { after, type Instant } from "../base/time.ts";
import type { Timing } from "../base/timing.ts";

/** A gate is renewed when that gains at least this share of the interval. */
const RENEW_SHARE = 0.4;
/** With less left than this share of the interval, every gain counts. */
const HURRY_SHARE = 0.5;

/** From then on a gate is renewed for any gain. */
export function hurryAt(timing: Timing, openUntil: Instant): Instant {
  return after(openUntil, -timing.intervalMs * HURRY_SHARE);
}

/** Is more evidence worth a renewal? When the gate stays open for much longer, or would close soon. */
export function isWorthRenewing(
  timing: Timing,
  gate: { openUntil: Instant; deadline: Instant; now: Instant },
): boolean {
  const gainMs = gate.deadline - gate.openUntil;
  return gainMs >= timing.intervalMs * RENEW_SHARE || (gainMs > 0 && gate.now >= hurryAt(timing, gate.openUntil));
}
