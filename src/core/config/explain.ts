/**
 * The timing inequality with a config's numbers: why a holder's gate is closed before anybody else may open.
 * Nobody should have to believe it: `understudy check` shows the sum.
 */

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
  const { evidenceMs, marginMs } = config.lease;
  return { holderClosedMs: intervalMs + evidenceMs, takerWaitsMs: intervalMs + evidenceMs + marginMs };
}

/** The inequality in words and numbers, for a terminal; several lines without a trailing newline. */
export function timingText(config: Pick<ClusterConfig, "heartbeat" | "lease">): string {
  const { intervalMs } = config.heartbeat;
  const { evidenceMs, marginMs } = config.lease;
  const { holderClosedMs, takerWaitsMs } = timingOf(config);
  const interval = `interval ${formatDuration(intervalMs)}`;
  const evidence = `evidence ${formatDuration(evidenceMs)}`;
  const margin = `margin ${formatDuration(marginMs)}`;
  return [
    "Timing, counted from the last frame of the holder that its peer heard:",
    `  a holder's gate is closed by   ${interval} + ${evidence} = ${holderClosedMs}ms`,
    `  a taker opens no earlier than  ${interval} + ${evidence} + ${margin} = ${takerWaitsMs}ms`,
    `  ${holderClosedMs}ms < ${takerWaitsMs}ms: there are ${marginMs}ms between them for timers and the way through the network`,
    `  each proof lasts ${evidenceMs}ms and the next is due after ${intervalMs}ms: ${evidenceMs - intervalMs}ms to spare before a healthy gate would close`,
  ].join("\n");
}
