/**
 * One address never has two holders that one observer can reach. An observer is whoever uses the address: a client on
 * a segment, a gateway and everybody behind it. Two holders that no observer can reach both are counted, and are no
 * violation: a segment in two parts is two segments.
 *
 * It is fed in one of two ways. A simulator knows at every instant whom an observer could reach (`reached`). Who looks
 * from outside sees only answers (`answered`): one holder, then another, then the first again, faster than a group
 * can move there and back, is two holders.
 */

/** Everybody who would serve this observer's next packet, at an instant; times in milliseconds of one clock. */
export interface Reached {
  readonly at: number;
  readonly observer: string;
  readonly vip: string;
  readonly holders: readonly string[];
}

/** A holder sent an answer for the address; `at` is when it left, as near as that can be told. */
export interface Answered {
  readonly at: number;
  readonly observer: string;
  readonly vip: string;
  readonly holder: string;
}

/** Two holders were reachable at once. */
export interface Overlap {
  readonly observer: string;
  readonly vip: string;
  readonly holders: readonly string[];
  readonly from: number;
  /** Undefined while it lasts. */
  until: number | undefined;
}

interface Turn {
  readonly holder: string;
  last: number;
}

/** Watches any number of observers and addresses. */
export class OneHolderReachable {
  /** How often something was compared. */
  runs = 0;
  readonly overlaps: Overlap[] = [];
  readonly #slackMs: number;
  readonly #turnMs: number;
  readonly #open = new Map<string, Overlap>();
  /** The last two holders that answered, by observer and address; the present one is last. */
  readonly #turns = new Map<string, Turn[]>();

  /**
   * `slackMs`: how wrong the times of answers may be against each other. `turnMs`: a group does not move away and
   * back within so long.
   */
  constructor(options: { slackMs: number; turnMs: number }) {
    this.#slackMs = options.slackMs;
    this.#turnMs = options.turnMs;
  }

  /** Tells whom an observer reaches from now on; a sentence when that breaks the promise, once for each overlap. */
  reached({ at, observer, vip, holders }: Reached): string | undefined {
    this.runs++;
    const key = `${observer} ${vip}`;
    const open = this.#open.get(key);
    if (holders.length < 2) {
      if (open !== undefined) open.until = at;
      this.#open.delete(key);
      return undefined;
    }
    if (open !== undefined) return undefined;
    const overlap: Overlap = { observer, vip, holders, from: at, until: undefined };
    this.overlaps.push(overlap);
    this.#open.set(key, overlap);
    return `${vip} is served by ${holders.join(" and ")}, and ${observer} reaches both`;
  }

  /** Tells that an answer left; a sentence when that breaks the promise. Answers come in the order of their times. */
  answered({ at, observer, vip, holder }: Answered): string | undefined {
    this.runs++;
    const key = `${observer} ${vip}`;
    const turns = this.#turns.get(key) ?? [];
    const present = turns.at(-1);
    if (present?.holder === holder) {
      present.last = at;
      return undefined;
    }
    this.#turns.set(key, [...(present === undefined ? [] : [present]), { holder, last: at }]);
    const former = turns.length > 1 ? turns[0] : undefined;
    if (present === undefined || former?.holder !== holder) return undefined;
    const isInOrder = former.last + this.#slackMs < present.last && present.last + this.#slackMs < at;
    if (!isInOrder || at - former.last > this.#turnMs) return undefined;
    this.overlaps.push({ observer, vip, holders: [holder, present.holder], from: present.last, until: at });
    const between = `${(at - former.last).toFixed(1)} ms`;
    return `${vip} answered ${observer} from ${holder}, then from ${present.holder}, then from ${holder} again, within ${between}`;
  }

  /** Longest overlap in milliseconds, those that last until `now` included. */
  longestMs(now: number): number {
    return this.overlaps.reduce((longest, { from, until }) => Math.max(longest, (until ?? now) - from), 0);
  }
}
