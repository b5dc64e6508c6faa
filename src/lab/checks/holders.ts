/**
 * Who held the VIP, as the wire saw it. Evidence is a frame that a node's port let through with the VIP as its
 * sender: an ARP or NDP answer, an announcement, a TCP segment, an echo. An observer asks for the VIP every
 * millisecond, so a holder leaves evidence every millisecond.
 *
 * A node serves from its first evidence to its last, split where it was silent for longer than `SILENCE_MS`.
 * Two holders is every moment at which two nodes serve; and the millisecond after a question that two nodes
 * answered, even when the observer itself was slow.
 */

/** Silence that ends a stretch of serving. */
export const SILENCE_MS = 5;

const WORTH_KEEPING_MS = 10;
const MOST_BLINDS = 10_000;

export interface Stretch {
  readonly node: string;
  readonly fromMs: number;
  toMs: number;
}

export interface Meeting {
  readonly nodes: readonly string[];
  readonly fromMs: number;
  readonly toMs: number;
}

export interface HolderReport {
  /** Questions asked and frames seen: a report with none of either proves nothing. */
  readonly questions: number;
  readonly evidence: number;
  /** Longest time between two questions in the window: how blind the observer was at worst; 0 below 10 ms. */
  readonly longestBlindMs: number;
  readonly twoHoldersMs: number;
  readonly meetings: readonly Meeting[];
  /** Each node's total serving time. */
  readonly servedMs: Readonly<Record<string, number>>;
  /** Nodes in the order in which they served, without repetition of neighbours. */
  readonly order: readonly string[];
}

/** Collects evidence as it is seen. Memory is bounded by the number of stretches, not of frames. */
export class HolderTimeline {
  readonly #stretches: Stretch[] = [];
  readonly #latest = new Map<string, Stretch>();
  readonly #answers = new Map<number, Set<string>>();
  readonly #doubles: Meeting[] = [];
  readonly #silenceMs: number;
  #questions = 0;
  #evidence = 0;
  #lastQuestionMs: number | undefined;
  /** Times between two questions that were long enough to be worth keeping. */
  readonly #blinds: { readonly fromMs: number; readonly toMs: number }[] = [];

  constructor(silenceMs = SILENCE_MS) {
    this.#silenceMs = silenceMs;
  }

  /** A question with this number was sent. */
  asked(question: number, atMs: number): void {
    this.#questions += 1;
    if (this.#lastQuestionMs !== undefined && atMs - this.#lastQuestionMs > WORTH_KEEPING_MS) {
      this.#blinds.push({ fromMs: this.#lastQuestionMs, toMs: atMs });
      if (this.#blinds.length > MOST_BLINDS) this.#blinds.shift();
    }
    this.#lastQuestionMs = atMs;
    this.#answers.set(question, new Set());
    // Answers come within a millisecond or not at all; a second is generous.
    if (this.#answers.size > 1000) this.#answers.delete(this.#answers.keys().next().value as number);
  }

  /** A node used the VIP on the wire; `question` says which question it answered, if any. */
  seen(node: string, atMs: number, question?: number): void {
    this.#evidence += 1;
    const latest = this.#latest.get(node);
    if (latest !== undefined && atMs - latest.toMs <= this.#silenceMs) {
      latest.toMs = Math.max(latest.toMs, atMs);
    } else {
      const stretch = { node, fromMs: atMs, toMs: atMs };
      this.#stretches.push(stretch);
      this.#latest.set(node, stretch);
    }
    if (question === undefined) return;
    const answered = this.#answers.get(question);
    if (answered === undefined) return;
    answered.add(node);
    if (answered.size > 1) {
      this.#doubles.push({ nodes: [...answered].sort(), fromMs: atMs, toMs: atMs + 1 });
    }
  }

  /** Who serves now: evidence within the last `freshMs`. */
  serving(nowMs: number, freshMs = 20): string[] {
    return [...this.#latest.values()].filter((one) => nowMs - one.toMs <= freshMs).map((one) => one.node);
  }

  /** Sums up a window. */
  report(window: { readonly fromMs: number; readonly toMs: number }): HolderReport {
    const inside = this.#stretches
      .filter((one) => one.toMs >= window.fromMs && one.fromMs <= window.toMs)
      .map((one) => ({
        node: one.node,
        fromMs: Math.max(one.fromMs, window.fromMs),
        toMs: Math.min(one.toMs, window.toMs),
      }))
      .sort((a, b) => a.fromMs - b.fromMs);
    const doubles = this.#doubles.filter((one) => one.toMs >= window.fromMs && one.fromMs <= window.toMs);
    const meetings = [...overlaps(inside), ...doubles].sort((a, b) => a.fromMs - b.fromMs);
    const servedMs: Record<string, number> = {};
    for (const one of inside) servedMs[one.node] = (servedMs[one.node] ?? 0) + (one.toMs - one.fromMs);
    return {
      questions: this.#questions,
      evidence: this.#evidence,
      longestBlindMs: this.#blinds
        .filter((one) => one.toMs >= window.fromMs && one.fromMs <= window.toMs)
        .reduce((longest, one) => Math.max(longest, one.toMs - one.fromMs), 0),
      twoHoldersMs: unionLengthMs(meetings),
      meetings: merge(meetings),
      servedMs,
      order: inside.map((one) => one.node).filter((node, index, all) => node !== all[index - 1]),
    };
  }
}

/** Times at which stretches of different nodes overlap, pair by pair. A touch at one point is a millisecond. */
export function overlaps(stretches: readonly Readonly<Stretch>[]): Meeting[] {
  const found: Meeting[] = [];
  const open: Readonly<Stretch>[] = [];
  for (const one of [...stretches].sort((a, b) => a.fromMs - b.fromMs)) {
    for (let index = open.length - 1; index >= 0; index -= 1) {
      const other = open[index] as Readonly<Stretch>;
      if (other.toMs < one.fromMs) open.splice(index, 1);
      else if (other.node !== one.node) {
        const toMs = Math.min(one.toMs, other.toMs);
        found.push({ nodes: [one.node, other.node].sort(), fromMs: one.fromMs, toMs: Math.max(toMs, one.fromMs + 1) });
      }
    }
    open.push(one);
  }
  return found;
}

/** Length of the union of intervals. */
export function unionLengthMs(intervals: readonly { readonly fromMs: number; readonly toMs: number }[]): number {
  let total = 0;
  let end = Number.NEGATIVE_INFINITY;
  for (const one of [...intervals].sort((a, b) => a.fromMs - b.fromMs)) {
    total += Math.max(0, one.toMs - Math.max(one.fromMs, end));
    end = Math.max(end, one.toMs);
  }
  return total;
}

/** Joins meetings of the same nodes that follow closely, so that a long one is one line in a report. */
function merge(meetings: readonly Meeting[]): Meeting[] {
  const merged: { nodes: readonly string[]; fromMs: number; toMs: number }[] = [];
  for (const one of meetings) {
    const last = merged.findLast((other) => other.nodes.join() === one.nodes.join());
    if (last !== undefined && one.fromMs - last.toMs <= 50) last.toMs = Math.max(last.toMs, one.toMs);
    else merged.push({ ...one });
  }
  return merged;
}
