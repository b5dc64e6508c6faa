/**
 * What the wire carried about a VIP, folded: frames of one kind from one node that follow each other are
 * one entry. So a run of hours stays small, and the excerpt around an instant is short enough to be read.
 */

/** How a frame used the VIP. */
export type UseKind = "arp-answer" | "announcement" | "packet";

export interface CaptureEntry {
  readonly vip: string;
  /** Node whose hardware address sent it, or the hardware address where it is nobody's. */
  readonly node: string;
  readonly kind: UseKind;
  readonly fromMs: number;
  toMs: number;
  frames: number;
}

/** Frames further apart than this are two entries even of one kind. */
const FOLD_MS = 20;
const MOST_ENTRIES = 200_000;

export class CaptureLog {
  readonly #entries: CaptureEntry[] = [];
  readonly #latest = new Map<string, CaptureEntry>();
  /** Entries that made room for newer ones. */
  forgotten = 0;

  seen(vip: string, node: string, kind: UseKind, atMs: number): void {
    const key = `${vip} ${kind}`;
    const latest = this.#latest.get(key);
    if (latest !== undefined && latest.node === node && atMs - latest.toMs <= FOLD_MS) {
      latest.toMs = Math.max(latest.toMs, atMs);
      latest.frames += 1;
      return;
    }
    const entry: CaptureEntry = { vip, node, kind, fromMs: atMs, toMs: atMs, frames: 1 };
    this.#latest.set(key, entry);
    this.#entries.push(entry);
    if (this.#entries.length <= MOST_ENTRIES) return;
    this.#entries.splice(0, MOST_ENTRIES / 10);
    this.forgotten += MOST_ENTRIES / 10;
  }

  /** Entries that touch a window, in the order of their beginning. */
  list({ fromMs, toMs }: { readonly fromMs: number; readonly toMs: number }): CaptureEntry[] {
    return this.#entries.filter((one) => one.toMs >= fromMs && one.fromMs <= toMs);
  }
}
