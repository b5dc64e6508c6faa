/**
 * The state file of a pretended machine, kept as the daemon keeps its own: one write at a time, the newest waits,
 * what the disk refuses is tried again, and a copy lies in memory, which only a loss of power takes away.
 */

import type { Wish } from "../core/membership/frame.ts";

export interface StoredState {
  readonly epochs: Readonly<Record<string, number>>;
  readonly wishes: readonly Wish[];
}

/** A refused write is tried again so often. */
const RETRY_MS = 5_000;
/** Looks after a write that does not come back. */
const HANGING_MS = 50;
const COPY_MS = 1;

const NOTHING: StoredState = { epochs: {}, wishes: [] };

export class StateFile {
  state: "works" | "full" | "hangs" = "works";
  /** Power was lost when the copy knew epochs that the disk had refused: they may be used once more. */
  hasLostEpochs = false;
  readonly #after: (ms: number, run: () => void) => void;
  #disk = NOTHING;
  #copy: StoredState | undefined;
  #owner: unknown;
  #waiting: StoredState | undefined;
  #isWriting = false;
  #hasRefused = false;

  /** `after` is a timer of the machine. */
  constructor(after: (ms: number, run: () => void) => void) {
    this.#after = after;
  }

  /** A daemon starts: it reads what is there, and what another one left half done stays so. */
  open(owner: unknown): StoredState {
    this.#owner = owner;
    this.#waiting = undefined;
    this.#isWriting = false;
    const copy = this.#copy ?? NOTHING;
    const epochs: Record<string, number> = { ...this.#disk.epochs };
    for (const [group, epoch] of Object.entries(copy.epochs)) epochs[group] = Math.max(epoch, epochs[group] ?? 0);
    return { epochs, wishes: [...this.#disk.wishes, ...copy.wishes] };
  }

  /** Keeps this; `writingMs` is how long the disk takes. */
  save(owner: unknown, state: StoredState, writingMs: number): void {
    this.#waiting = state;
    this.#after(COPY_MS, () => {
      if (owner === this.#owner) this.#copy = state;
    });
    if (!this.#isWriting) this.#write(owner, writingMs);
  }

  lostPower(): void {
    const isBehind = Object.entries(this.#copy?.epochs ?? {}).some(
      ([group, epoch]) => epoch > (this.#disk.epochs[group] ?? 0),
    );
    if (isBehind && this.#hasRefused) this.hasLostEpochs = true;
    this.#copy = undefined;
    this.#owner = undefined;
    this.#hasRefused = false;
  }

  #write(owner: unknown, writingMs: number): void {
    const state = this.#waiting;
    if (state === undefined || owner !== this.#owner) return;
    this.#waiting = undefined;
    this.#isWriting = true;
    const finish = () => {
      if (owner !== this.#owner) return;
      if (this.state !== "works") this.#hasRefused = true;
      if (this.state === "hangs") {
        this.#after(HANGING_MS, finish);
        return;
      }
      this.#isWriting = false;
      if (this.state === "full") {
        this.#waiting ??= state;
        this.#after(RETRY_MS, () => {
          if (!this.#isWriting) this.#write(owner, writingMs);
        });
        return;
      }
      this.#disk = state;
      this.#write(owner, writingMs);
    };
    this.#after(writingMs, finish);
  }
}
