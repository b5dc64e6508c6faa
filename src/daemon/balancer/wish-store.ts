/**
 * Operators' wishes about members, kept in the state directory. A wish is on disk before it is confirmed to the operator
 * who stated it; one that another node tells counts at once and is written again and again until the disk takes it.
 *
 * A file that cannot be read is set aside and told as an alert, as in `store.ts`: the other nodes tell what they know,
 * and only what this node alone knew is lost.
 */

import { mkdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";

import type { MemberWish, WishBook } from "../../core/balancer/wishes.ts";
import { mergeWishes, NO_WISHES, readWish } from "../../core/balancer/wishes.ts";
import { writeAtomically } from "../atomic-file.ts";
import type { SetAside } from "../store.ts";

const FILE_NAME = "member-wishes.json";
const VERSION = 1;
/** A refused write is tried again so often. */
const RETRY_MS = 5_000;

export interface WishStoreOptions {
  readonly stateDir: string;
  /** Called once for every stretch in which the disk refuses. */
  readonly failed: (error: Error) => void;
  readonly retryMs?: number;
}

/** Opens the store; rejects when the state directory cannot be made. */
export async function openWishStore(options: WishStoreOptions): Promise<WishStore> {
  await mkdir(options.stateDir, { recursive: true, mode: 0o700 });
  const path = join(options.stateDir, FILE_NAME);
  return new WishStore(path, options, await load(path));
}

export class WishStore {
  /** Set when the file found at the start was unreadable. */
  readonly setAside: SetAside | undefined;
  readonly #path: string;
  readonly #options: WishStoreOptions;
  #book: WishBook;
  #changed: (wishes: readonly MemberWish[]) => void = () => {};
  /** One change at a time, so that what was confirmed is in every later file. */
  #line: Promise<unknown> = Promise.resolve();
  #isBehind = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(path: string, options: WishStoreOptions, found: { book: WishBook; setAside: SetAside | undefined }) {
    this.#path = path;
    this.#options = options;
    this.#book = found.book;
    this.setAside = found.setAside;
  }

  get book(): WishBook {
    return this.#book;
  }

  /** Calls back for wishes that are new here, whoever stated them. */
  onChange(changed: (wishes: readonly MemberWish[]) => void): void {
    this.#changed = changed;
  }

  /** States wishes made from the present book; rejects when the disk refuses, and then nothing has changed. */
  state(make: (book: WishBook) => readonly MemberWish[]): Promise<void> {
    return this.#inTurn(async () => {
      const { book, changed } = mergeWishes(this.#book, make(this.#book));
      if (changed.length === 0) return;
      await this.#write(book);
      this.#book = book;
      this.#changed(changed);
    });
  }

  /** Takes over what another node tells; resolves when it is on disk or the disk refused. */
  take(wishes: readonly MemberWish[]): Promise<void> {
    return this.#inTurn(async () => {
      const { book, changed } = mergeWishes(this.#book, wishes);
      if (changed.length === 0) return;
      this.#book = book;
      this.#changed(changed);
      await this.#write(book).catch((error: unknown) => this.#refused(error as Error));
    });
  }

  /** Waits until everything so far is on disk, or was refused. */
  async flush(): Promise<void> {
    await this.#line;
  }

  close(): void {
    clearTimeout(this.#retry);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#line.then(work);
    this.#line = done.catch(() => {});
    return done;
  }

  async #write(book: WishBook): Promise<void> {
    const wishes = [...book.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1));
    await writeAtomically(this.#path, `${JSON.stringify({ version: VERSION, wishes }, undefined, 1)}\n`);
    this.#isBehind = false;
  }

  #refused(error: Error): void {
    if (!this.#isBehind) this.#options.failed(error);
    this.#isBehind = true;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      void this.#inTurn(async () => {
        if (this.#isBehind) await this.#write(this.#book).catch((again: unknown) => this.#refused(again as Error));
      });
    }, this.#options.retryMs ?? RETRY_MS);
    this.#retry.unref();
  }
}

async function load(path: string): Promise<{ book: WishBook; setAside: SetAside | undefined }> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { book: NO_WISHES, setAside: undefined };
    return { book: NO_WISHES, setAside: await setAside(path, (error as Error).message) };
  }
  const read = readBook(text);
  if (typeof read !== "string") return { book: read, setAside: undefined };
  return { book: NO_WISHES, setAside: await setAside(path, read) };
}

/** Keeps what cannot be read for people: the next wish writes a new file in its place. */
async function setAside(path: string, detail: string): Promise<SetAside> {
  const file = `${path}.corrupt`;
  try {
    await rename(path, file);
    return { file, detail };
  } catch {
    return { file: path, detail };
  }
}

/** The wishes in a file's text, or a sentence about what is wrong with it. */
function readBook(text: string): WishBook | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return (error as Error).message;
  }
  if (typeof value !== "object" || value === null) return "it holds no object";
  const { version, wishes } = value as { version?: unknown; wishes?: unknown };
  if (version !== VERSION) return `its version ${JSON.stringify(version)} is not understood`;
  if (!Array.isArray(wishes)) return "its wishes cannot be read";
  const read = wishes.map(readWish);
  if (read.includes(undefined)) return "one of its wishes cannot be read";
  return mergeWishes(
    NO_WISHES,
    read.flatMap((wish) => wish ?? []),
  ).book;
}
