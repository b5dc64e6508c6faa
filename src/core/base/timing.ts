/**
 * The timing inequality, in one place. With beats every `interval`, evidence that lasts `evidence` (E) and a
 * `margin` for timers and transit:
 *
 *   a holder's gate closes at the latest   interval + E           after it SENT a beat that a peer heard,
 *                                          E                      after it ASKED a gateway that answered;
 *   a taker opens at the earliest          interval + E + margin  after it HEARD the holder's last frame.
 *
 * A peer cannot hear a beat before it was sent, so the gate is closed `margin` before anyone else's opens.
 */

/** A restarting daemon may be away for so long; the address behind the gate lives no longer than this either. */
export const RESTART_MS = 2_000;

/** All durations that follow from the three settings, in milliseconds. */
export interface Timing {
  readonly intervalMs: number;
  readonly evidenceMs: number;
  readonly marginMs: number;
  /** Silence after which a beat counts as missing and everybody is asked. */
  readonly lateMs: number;
  /** Silence after which a takeover is prepared: claims are sent, VIPs are probed. */
  readonly suspectMs: number;
  /** Silence after which a peer is dead and its leases are over. */
  readonly waitMs: number;
  /** How long an echoed beat keeps a gate open, from the beat's sending. */
  readonly echoMs: number;
  /** Pause between two questions while something is missing. */
  readonly askMs: number;
}

/** Derives all durations from the configured three. */
export function timingFrom(settings: { intervalMs: number; evidenceMs: number; marginMs: number }): Timing {
  const { intervalMs, evidenceMs, marginMs } = settings;
  return {
    intervalMs,
    evidenceMs,
    marginMs,
    lateMs: intervalMs + Math.max(10, intervalMs * 0.15),
    suspectMs: intervalMs + evidenceMs / 2,
    waitMs: intervalMs + evidenceMs + marginMs,
    echoMs: intervalMs + evidenceMs,
    askMs: Math.min(100, Math.max(5, intervalMs / 10)),
  };
}
