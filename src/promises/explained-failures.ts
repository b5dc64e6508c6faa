/**
 * Every request that failed is explained by a fault, and after each fault the site is served again within a stated
 * bound. Both are one comparison: what a visitor felt against the windows in which something may be felt. Who knows
 * the faults makes the windows; this only measures, and counts how often it did, because a comparison that never took
 * place proves nothing.
 */

/** A span of time on the observers' common clock, in milliseconds. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** A window in which requests may fail, and why. */
export interface Allowance extends Span {
  readonly cause: string;
}

/** A request that failed. */
export interface FailedRequest {
  readonly startMs: number;
  readonly endMs: number;
  /** How: `timeout`, `broken`, … */
  readonly word: string;
}

/** What may explain: windows that faults opened, and times in which the whole machine stood still. */
export interface Explanations {
  readonly allowances: readonly Allowance[];
  readonly stalls: readonly Span[];
}

export type Explanation =
  | { readonly kind: "fault"; readonly cause: string }
  /** No fault was at work, but the machine itself did not run. */
  | { readonly kind: "stall" }
  | { readonly kind: "none" };

/** A request without an explanation, or a time in which nobody was served without one. */
export interface Unexplained extends Span {
  readonly text: string;
}

/** Half a second is what a patient visitor waits; shorter pauses fail no request, and busy machines make them. */
const SHORTEST_MS = 500;

/** Explains failed requests one by one. */
export class ExplainedFailures {
  readonly name = "every failed request is explained by a fault";
  readonly #explanations: Explanations;
  /** Requests compared. */
  runs = 0;

  constructor(explanations: Explanations) {
    this.#explanations = explanations;
  }

  /** Tells why a request may have failed. The requests that did not fail are counted by `passed`. */
  explain({ startMs, endMs }: FailedRequest): Explanation {
    this.runs += 1;
    const span = { fromMs: startMs, toMs: endMs };
    const { allowances, stalls } = this.#explanations;
    // The most specific one: that which began last before the request ended.
    const fitting = allowances.filter((one) => touches(one, span)).sort((a, b) => b.fromMs - a.fromMs);
    if (fitting[0] !== undefined) return { kind: "fault", cause: fitting[0].cause };
    return stalls.some((one) => touches(one, span)) ? { kind: "stall" } : { kind: "none" };
  }

  /** Requests that succeeded were looked at, too. */
  passed(count: number): void {
    this.runs += count;
  }
}

/** Looks at the times in which no page came. */
export class ServedAgain {
  readonly name = "served again within its bound";
  readonly #explanations: Explanations;
  /** Times between two pages that were compared, short ones too. */
  runs = 0;

  constructor(explanations: Explanations) {
    this.#explanations = explanations;
  }

  /** Pages that followed each other without a gap were looked at, too. */
  passed(count: number): void {
    this.runs += count;
  }

  /** The part of a gap that no window covers, when it is long enough to be told. */
  look(gap: Span): Unexplained | undefined {
    this.runs += 1;
    const { allowances, stalls } = this.#explanations;
    const rest = uncovered(gap, [...allowances, ...stalls]);
    const longest = rest.toSorted((a, b) => b.toMs - b.fromMs - (a.toMs - a.fromMs))[0];
    if (longest === undefined || longest.toMs - longest.fromMs <= SHORTEST_MS) return undefined;
    const wholeMs = Math.round(gap.toMs - gap.fromMs);
    const restMs = Math.round(longest.toMs - longest.fromMs);
    return { ...longest, text: `nobody was served for ${wholeMs} ms, ${restMs} ms of which no fault explains` };
  }
}

function touches(one: Span, other: Span): boolean {
  return one.fromMs <= other.toMs && one.toMs >= other.fromMs;
}

/** What is left of a span when the covers are taken away. */
export function uncovered(span: Span, covers: readonly Span[]): Span[] {
  const rest: Span[] = [];
  let atMs = span.fromMs;
  for (const { fromMs, toMs } of covers.toSorted((a, b) => a.fromMs - b.fromMs)) {
    if (toMs <= atMs) continue;
    if (fromMs >= span.toMs) break;
    if (fromMs > atMs) rest.push({ fromMs: atMs, toMs: fromMs });
    atMs = toMs;
  }
  if (atMs < span.toMs) rest.push({ fromMs: atMs, toMs: span.toMs });
  return rest;
}
