/**
 * Remembers the highest sequence number accepted from each sender, incarnation and link, so that a frame is
 * believed once. Several incarnations of a sender are kept, because a replayed capture of an old one must not
 * push out the one that is alive. Whether a new incarnation is alive is not decided here: the core asks it to
 * echo something recent.
 */

/** Incarnations of one sender on one link that are remembered. */
const MAX_INCARNATIONS = 8;

interface Seen {
  readonly incarnation: string;
  sequence: number;
  /** Larger is more recent. */
  turn: number;
  /** It echoed this node's present incarnation, so it was alive during this node's life. */
  proven: boolean;
}

/** The memory of one node; bounded by peers, links and incarnations. */
export class ReplayGuard {
  /** By sender and link. */
  readonly #seen = new Map<string, Seen[][]>();
  #turn = 0;

  /** True when the sequence is new for this sender, incarnation and link; it is then used up. */
  accept(frame: {
    readonly node: string;
    readonly link: number;
    readonly incarnation: string;
    readonly sequence: number;
  }): boolean {
    this.#turn += 1;
    const list = this.#listOf(frame.node, frame.link);
    const known = list.find((s) => s.incarnation === frame.incarnation);
    if (known === undefined) {
      if (list.length >= MAX_INCARNATIONS) list.splice(leastWorthKeeping(list), 1);
      list.push({ incarnation: frame.incarnation, sequence: frame.sequence, turn: this.#turn, proven: false });
      return true;
    }
    if (frame.sequence <= known.sequence) return false;
    known.sequence = frame.sequence;
    known.turn = this.#turn;
    return true;
  }

  /** States that this incarnation echoed ours: unproven ones are forgotten before it. */
  prove(frame: { readonly node: string; readonly link: number; readonly incarnation: string }): void {
    const known = this.#listOf(frame.node, frame.link).find((s) => s.incarnation === frame.incarnation);
    if (known !== undefined) known.proven = true;
  }

  #listOf(node: string, link: number): Seen[] {
    let links = this.#seen.get(node);
    if (links === undefined) {
      links = [];
      this.#seen.set(node, links);
    }
    return (links[link] ??= []);
  }
}

function leastWorthKeeping(list: readonly Seen[]): number {
  let worst = 0;
  for (let i = 1; i < list.length; i += 1) {
    const [a, b] = [list[i] as Seen, list[worst] as Seen];
    if (a.proven === b.proven ? a.turn < b.turn : !a.proven) worst = i;
  }
  return worst;
}
