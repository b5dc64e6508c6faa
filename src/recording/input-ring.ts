/**
 * Keeps the recorded inputs on disk in a ring of segments of limited size. Whoever hands something in never waits:
 * what the disk does not take is given up, told once, and recording begins anew with a checkpoint when the disk
 * takes something again. Nothing is flushed to the platter on purpose: the last seconds before a power cut are not
 * worth a busy disk.
 */

import { mkdir, open, readdir, rm, stat, statfs, type FileHandle } from "node:fs/promises";
import { join } from "node:path";

import type { Checkpoint } from "../core/node/checkpoint.ts";
import { leaveSecretsOut } from "../core/recording/redact.ts";
import { BlockWriter, MAGIC } from "./segment-format.ts";
import type { SegmentHeader } from "./segment-header.ts";

/** Directory of the ring inside the state directory. */
export const RING_DIRECTORY = "inputs";
const FILE = /^inputs-(\d{8,12})\.rec$/;
/** A ring of so many full segments: the oldest goes when the next begins. */
const SEGMENTS = 16;
/** A daemon that starts again and again leaves many short ones; no more than these are kept. */
const MOST_SEGMENTS = 256;
/** The ring takes no more than this share of a small disk, and leaves as much as half of that free. */
const DISK_SHARE = 1 / 8;
/** After the disk refused, the next try comes so much later. */
const RETRY_MS = 60_000;
/** A new beginning that was asked for and did not come is asked for again. */
const ASK_AGAIN_MS = 30_000;
/** Bytes that wait for a slow disk. */
const MAX_QUEUED_BYTES = 8 * 1_024 * 1_024;

export interface InputRingOptions {
  readonly stateDir: string;
  /** Of all segments together. */
  readonly limitBytes: number;
  /** Asks the heart for a new beginning: a checkpoint, and batches that go on from it. */
  askToBegin(): void;
  /** The disk refused, or it works again. */
  stopped(error: Error): void;
  resumed(): void;
  /** Milliseconds; for waiting only. */
  now(): number;
}

/** Bytes for the present segment, or the first ones of the next. */
type Waiting = { readonly isFirst: boolean; readonly bytes: Buffer };

export class InputRing {
  readonly #options: InputRingOptions;
  readonly #directory: string;
  #queue: Waiting[] = [];
  #queuedBytes = 0;
  #running: Promise<void> | undefined;
  #segment: FileHandle | undefined;
  #blocks: BlockWriter | undefined;
  #sizeBytes = 0;
  /** What the ring may take on this disk. */
  #limitBytes: number;
  #nextNumber: number | undefined;
  #isStopped = false;
  #retryAt = 0;
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(options: InputRingOptions) {
    this.#options = options;
    this.#directory = join(options.stateDir, RING_DIRECTORY);
    this.#limitBytes = options.limitBytes;
  }

  /** A new segment begins. */
  begin(header: SegmentHeader, checkpoint: Checkpoint | undefined): void {
    this.#askedAt = Number.NEGATIVE_INFINITY;
    this.#blocks = new BlockWriter();
    const blocks = [MAGIC, this.#blocks.write("header", JSON.stringify(header))];
    if (checkpoint !== undefined) blocks.push(this.#blocks.write("checkpoint", checkpointText(checkpoint)));
    this.#sizeBytes = 0;
    this.#put(Buffer.concat(blocks), true);
  }

  /** The next batch of the present segment; given up when there is none. */
  add(batch: string): void {
    const now = this.#options.now();
    if (this.#blocks === undefined) {
      if (now >= this.#retryAt) this.#ask(now);
      return;
    }
    this.#put(this.#blocks.write("batch", batch), false);
    if (this.#sizeBytes >= this.#limitBytes / SEGMENTS) this.#ask(now);
  }

  /** There is a gap in what was handed in: the segment ends here. */
  breakOff(): void {
    this.#blocks = undefined;
    this.#ask(this.#options.now());
  }

  /** Waits until everything handed in so far was written or given up. */
  async flush(): Promise<void> {
    await this.#running;
  }

  /** Waits likewise and closes the present segment; nothing is taken any more. */
  async close(): Promise<void> {
    this.#blocks = undefined;
    await this.flush();
    await this.#close();
  }

  #ask(now: number): void {
    if (now - this.#askedAt < ASK_AGAIN_MS) return;
    this.#askedAt = now;
    this.#options.askToBegin();
  }

  #put(bytes: Buffer, isFirst: boolean): void {
    if (this.#queuedBytes + bytes.length > MAX_QUEUED_BYTES) {
      this.#giveUp(new Error(`the disk is too slow: ${MAX_QUEUED_BYTES} bytes wait for it`));
      return;
    }
    this.#sizeBytes += bytes.length;
    this.#queuedBytes += bytes.length;
    this.#queue.push({ isFirst, bytes });
    this.#running ??= this.#run();
  }

  /** Forgets what waits; the next try begins with a new segment. */
  #giveUp(error: Error): void {
    this.#blocks = undefined;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#retryAt = this.#options.now() + RETRY_MS;
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#options.stopped(error);
  }

  async #run(): Promise<void> {
    // One turn later, so that what is handed in together is written together.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      try {
        for (const { isFirst, bytes } of batch) {
          if (isFirst) await this.#openNext();
          await this.#segment?.appendFile(bytes);
          this.#queuedBytes -= bytes.length;
        }
        if (this.#isStopped && this.#segment !== undefined) {
          this.#isStopped = false;
          this.#options.resumed();
        }
      } catch (error) {
        await this.#close();
        this.#giveUp(error as Error);
      }
    }
    this.#running = undefined;
  }

  /** Closes the present segment, makes room and opens the next one. */
  async #openNext(): Promise<void> {
    await this.#close();
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const files = await listSegments(this.#directory);
    this.#nextNumber ??= (files.at(-1)?.number ?? 0) + 1;
    const disk = await statfs(this.#directory);
    const diskBytes = disk.blocks * disk.bsize;
    this.#limitBytes = Math.min(this.#options.limitBytes, diskBytes * DISK_SHARE);
    let total = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    for (const [index, { path, sizeBytes }] of files.entries()) {
      const isMuch = total > this.#limitBytes * (1 - 1 / SEGMENTS);
      if (!isMuch && files.length - index < MOST_SEGMENTS) break;
      await rm(path, { force: true });
      total -= sizeBytes;
    }
    // Whatever else is to be kept there, epochs first of all, is worth more than a record.
    const { bavail, bsize } = await statfs(this.#directory);
    if (bavail * bsize < this.#limitBytes / 2) throw new Error("the disk of the state directory is nearly full");
    const path = join(this.#directory, `inputs-${String(this.#nextNumber).padStart(8, "0")}.rec`);
    this.#nextNumber += 1;
    this.#segment = await open(path, "ax", 0o600);
  }

  async #close(): Promise<void> {
    const segment = this.#segment;
    this.#segment = undefined;
    await segment?.close().catch(() => {});
  }
}

/** A segment as a file. */
export interface SegmentOnDisk {
  readonly path: string;
  readonly number: number;
  readonly sizeBytes: number;
  /** By the wall clock. */
  readonly changedAt: number;
}

/** Segments of a directory, the oldest first. */
export async function listSegments(directory: string): Promise<SegmentOnDisk[]> {
  const names = await readdir(directory);
  const found: SegmentOnDisk[] = [];
  for (const name of names) {
    const number = Number(FILE.exec(name)?.[1] ?? Number.NaN);
    if (!Number.isSafeInteger(number)) continue;
    const path = join(directory, name);
    const about = await stat(path).catch(() => undefined);
    if (about?.isFile() === true) found.push({ path, number, sizeBytes: about.size, changedAt: about.mtimeMs });
  }
  return found.sort((a, b) => a.number - b.number);
}

/** A checkpoint as JSON. In what programs said (`detail`, as in inputs) whatever looks like a secret is left out. */
function checkpointText(checkpoint: Checkpoint): string {
  return JSON.stringify(checkpoint, (key, value: unknown) => {
    if (value instanceof Float64Array) return [...value];
    return key === "detail" && typeof value === "string" ? leaveSecretsOut(value) : value;
  });
}
