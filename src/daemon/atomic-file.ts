/**
 * Files that are whole or absent, whatever happens while they are written: a temporary file beside the target,
 * flushed to disk, renamed over it, and the directory flushed so that the rename itself survives a power cut.
 */

import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** Writes `text` with mode 0600; rejects when the disk refuses, and then the old content still stands. */
export async function writeAtomically(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  try {
    const file = await open(temporary, "w", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
  const directory = await open(dirname(path), "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/**
 * Writes the latest of several values: while one write runs, only the newest waits. With `retryMs`, what the disk
 * refused is tried again until it is written or something newer is; a refusal is told once, not every time.
 */
export class LatestWriter {
  readonly #path: string;
  readonly #failed: (error: Error) => void;
  readonly #retryMs: number | undefined;
  #told: string | undefined;
  #waiting: string | undefined;
  #running: Promise<void> | undefined;

  constructor(path: string, failed: (error: Error) => void, options: { retryMs?: number } = {}) {
    this.#path = path;
    this.#failed = failed;
    this.#retryMs = options.retryMs;
  }

  /** Returns at once; a failure is reported, and the next value is tried in any case. */
  write(text: string): void {
    this.#waiting = text;
    this.#running ??= this.#run();
  }

  /** The disk refused the latest value, and has not taken it since. */
  get isBehind(): boolean {
    return this.#waiting !== undefined;
  }

  /** Waits until everything given so far is on disk (or was refused). */
  async flush(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting !== undefined) {
      const text = this.#waiting;
      this.#waiting = undefined;
      try {
        await writeAtomically(this.#path, text);
        this.#told = undefined;
      } catch (error) {
        this.#refused(error as Error);
        if (this.#retryMs === undefined) continue;
        this.#waiting ??= text;
        break;
      }
    }
    this.#running = undefined;
    if (this.#waiting === undefined || this.#retryMs === undefined) return;
    const again = setTimeout(() => {
      if (this.#waiting !== undefined) this.#running ??= this.#run();
    }, this.#retryMs);
    again.unref();
  }

  #refused(error: Error): void {
    if (this.#retryMs !== undefined && this.#told === error.message) return;
    this.#told = error.message;
    this.#failed(error);
  }
}
