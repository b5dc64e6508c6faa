/**
 * What a visitor of the site felt, worked out from single requests. A gap is the time between the last page
 * that arrived before and the first page that arrived after: it counts waiting as well as failing.
 */

/** One request on a connection of its own. Times are CLOCK_MONOTONIC milliseconds. */
export interface Try {
  readonly startMs: number;
  readonly endMs: number;
  readonly ok: boolean;
  /** The node that answered, or why none did: `timeout`, `broken`, `bad-answer`, `ECONNREFUSED`, … */
  readonly word: string;
}

/** Word of a request whose connection stood and then broke. */
export const BROKEN = "broken";

/** Word of a request that was answered with an error. */
export const BAD_ANSWER = "bad-answer";

export interface Gap {
  /** Arrival of the last page before. */
  readonly fromMs: number;
  /** Arrival of the first page after; the end of the window while none came. */
  readonly toMs: number;
  readonly durationMs: number;
  /** Requests that failed inside. */
  readonly failed: number;
  /** Node that answered last before; undefined when none did. */
  readonly before: string | undefined;
  /** Node that answered first after; undefined while none did. */
  readonly after: string | undefined;
}

export interface TrySummary {
  readonly requests: number;
  readonly failed: number;
  /** Failures by their word. */
  readonly failures: Readonly<Record<string, number>>;
  /** Pages by node. */
  readonly pages: Readonly<Record<string, number>>;
  readonly gaps: readonly Gap[];
  readonly worstGapMs: number;
  readonly worstLatencyMs: number;
}

/** Requests follow each other every few milliseconds, so shorter pauses are the client's own. */
export const SHORTEST_GAP_MS = 30;

export interface Window {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Gaps that touch the window, in order. A gap at its end counts up to the window's end. */
export function findGaps(tries: readonly Try[], window: Window, shortestMs = SHORTEST_GAP_MS): Gap[] {
  const pages = tries.filter((one) => one.ok && one.endMs <= window.toMs).sort((a, b) => a.endMs - b.endMs);
  const failures = tries.filter((one) => !one.ok);
  const gaps: Gap[] = [];
  // Before its first request a client cannot miss a page.
  const beginMs = Math.max(
    window.fromMs,
    tries.reduce((least, one) => Math.min(least, one.startMs), window.toMs),
  );
  const add = (before: Try | undefined, after: Try | undefined): void => {
    const fromMs = before?.endMs ?? beginMs;
    const toMs = after?.endMs ?? window.toMs;
    if (toMs - fromMs < shortestMs || toMs < window.fromMs) return;
    const failed = failures.filter((one) => one.endMs > fromMs && one.startMs < toMs).length;
    gaps.push({ fromMs, toMs, durationMs: toMs - fromMs, failed, before: before?.word, after: after?.word });
  };
  let before: Try | undefined;
  for (const page of pages) {
    if (page.endMs >= window.fromMs) add(before, page);
    before = page;
  }
  add(before, undefined);
  return gaps;
}

/** Sums up the requests that started in the window. */
export function summarise(tries: readonly Try[], window: Window): TrySummary {
  const inside = tries.filter((one) => one.startMs >= window.fromMs && one.startMs <= window.toMs);
  const failures: Record<string, number> = {};
  const pages: Record<string, number> = {};
  let worstLatencyMs = 0;
  for (const one of inside) {
    const counts = one.ok ? pages : failures;
    counts[one.word] = (counts[one.word] ?? 0) + 1;
    if (one.ok) worstLatencyMs = Math.max(worstLatencyMs, one.endMs - one.startMs);
  }
  const gaps = findGaps(tries, window);
  return {
    requests: inside.length,
    failed: inside.filter((one) => !one.ok).length,
    failures,
    pages,
    gaps,
    worstGapMs: gaps.reduce((worst, gap) => Math.max(worst, gap.durationMs), 0),
    worstLatencyMs,
  };
}
