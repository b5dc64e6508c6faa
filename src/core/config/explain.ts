/**
 * The timing inequality with a config's numbers: why a holder's gate is closed before anybody else may open.
 * Nobody should have to believe it: `understudy check` shows the sum.
 */

import { CLOCK_DRIFT, timingFrom } from "../base/timing.ts";
import type { ClusterConfig } from "./cluster.ts";
import { formatDuration } from "./duration.ts";

/** The moments that the inequality compares, counted from the last frame of the holder that its peer heard. */
export interface Timing {
  /** The holder's gate is closed by then, whatever became of the holder. */
  readonly holderClosedMs: number;
  /** A taker opens its gate no earlier. */
  readonly takerWaitsMs: number;
}

/** Adds the numbers up. */
export function timingOf(config: Pick<ClusterConfig, "heartbeat" | "lease">): Timing {
  const { intervalMs } = config.heartbeat;
  const { echoMs, waitMs } = timingFrom({ intervalMs, ...config.lease });
  return { holderClosedMs: echoMs, takerWaitsMs: waitMs };
}

/** The inequality in words and numbers, for a terminal; several lines without a trailing newline. */
export function timingText(config: Pick<ClusterConfig, "heartbeat" | "lease">): string {
  const { intervalMs } = config.heartbeat;
  const { evidenceMs, marginMs } = config.lease;
  const { holderClosedMs, takerWaitsMs } = timingOf(config);
  const interval = `interval ${formatDuration(intervalMs)}`;
  const evidence = `evidence ${formatDuration(evidenceMs)}`;
  const slowestMs = Math.ceil(holderClosedMs / (1 - CLOCK_DRIFT));
  const fastestMs = Math.floor(takerWaitsMs / (1 + CLOCK_DRIFT));
  const gapMs = takerWaitsMs - holderClosedMs;
  const margin = `margin ${formatDuration(gapMs)}`;
  const more = gapMs > marginMs ? ` (the margin of ${formatDuration(marginMs)} is too small for the clocks)` : "";
  return [
    "Timing, counted from the last frame of the holder that its peer heard:",
    `  a holder's gate is closed by   ${interval} + ${evidence} = ${holderClosedMs}ms`,
    `  a taker opens no earlier than  ${interval} + ${evidence} + ${margin} = ${takerWaitsMs}ms${more}`,
    `  ${holderClosedMs}ms < ${takerWaitsMs}ms: there are ${gapMs}ms between them for timers, the way through the network and clocks`,
    `  that run up to ${CLOCK_DRIFT * 100} % wrong: the slowest holder's gate is closed after ${slowestMs} true ms, the fastest taker opens after ${fastestMs}`,
    `  each proof lasts ${evidenceMs}ms and the next is due after ${intervalMs}ms: ${evidenceMs - intervalMs}ms to spare before a healthy gate would close`,
  ].join("\n");
}
