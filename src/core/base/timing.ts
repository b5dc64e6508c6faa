/**
 * The timing inequality, in one place. With beats every `interval`, evidence that lasts `evidence` (E) and a
 * `margin` for timers and transit:
 *
 *   a holder's gate closes at the latest   interval + E           after it SENT a beat that a peer heard,
 *                                          E                      after it ASKED a gateway that answered;
 *   a taker opens at the earliest          interval + E + margin  after it HEARD the holder's last frame.
 *
 * A peer cannot hear a beat before it was sent, so the gate is closed `margin` before anyone else's opens.
 *
 * The two sides count on two clocks. Each may run wrong by up to `CLOCK_DRIFT`, so the taker's wait is at least as
 * long as the holder's time takes when the holder's clock is the slowest and the taker's the fastest allowed. The
 * default margin covers that; with settings whose margin does not, the wait is longer than their sum.
 */

/** Every clock's milliseconds are true ones to within this share: 5 %, far beyond any quartz, near a bad hypervisor. */
export const CLOCK_DRIFT = 0.05;
/** What lasts a second on the slowest allowed clock lasts so many on the fastest. */
export const CLOCK_STRETCH = (1 + CLOCK_DRIFT) / (1 - CLOCK_DRIFT);
/** A gate that is an element with a timeout closes up to a tick of the kernel late. */
const GATE_LATENESS_MS = 5;

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
    waitMs: Math.max(intervalMs + evidenceMs + marginMs, leastWaitMs(intervalMs + evidenceMs)),
    echoMs: intervalMs + evidenceMs,
    askMs: Math.min(100, Math.max(5, intervalMs / 10)),
  };
}

/** A gate that stays open for so long on the slowest clock is closed after this time on the fastest. */
function leastWaitMs(openMs: number): number {
  return Math.ceil(openMs * CLOCK_STRETCH + GATE_LATENESS_MS * (1 + CLOCK_DRIFT));
}
