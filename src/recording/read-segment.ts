/**
 * Reads a segment of recorded inputs batch by batch, so that a file of any size needs little memory. Nothing in a
 * file is believed: what is torn, broken or of another kind ends the reading and is told with its place in bytes.
 */

import { open, type FileHandle } from "node:fs/promises";

import type { Problem, Result } from "../core/base/report.ts";
import type { Checkpoint } from "../core/node/checkpoint.ts";
import type { Batch } from "../core/recording/tape.ts";
import { BlockReader, type BlockRead, FAMILY, FORMAT, MAGIC } from "./segment-format.ts";
import { readHeader, type SegmentHeader } from "./segment-header.ts";

const CHUNK_BYTES = 262_144;

/** Where and why the reading of a segment ended before the file did, or in the middle of a block. */
export interface Stop {
  readonly offset: number;
  /** Torn: the file ends in a block, as after a power cut or while the daemon writes on. */
  readonly isTorn: boolean;
  readonly detail: string;
}

/** A segment, open. */
export class SegmentFile {
  readonly path: string;
  readonly header: SegmentHeader;
  readonly checkpoint: Checkpoint | undefined;
  /** Known when the batches were read. */
  stop: Stop | undefined;
  readonly #source: Blocks;

  private constructor(path: string, header: SegmentHeader, checkpoint: Checkpoint | undefined, source: Blocks) {
    this.path = path;
    this.header = header;
    this.checkpoint = checkpoint;
    this.#source = source;
  }

  /** Opens a segment and reads how it begins. */
  static async open(path: string): Promise<Result<SegmentFile>> {
    let file: FileHandle;
    try {
      file = await open(path, "r");
    } catch (error) {
      return unreadable(path, error);
    }
    try {
      const opened = await begin(path, file);
      if (!opened.ok) await file.close();
      return opened;
    } catch (error) {
      await file.close();
      return unreadable(path, error);
    }
  }

  /** All whole batches in order; `stop` says whether something came after them. */
  async *batches(): AsyncGenerator<Batch> {
    for (;;) {
      const offset = this.#source.offset;
      const block = await this.#source.next();
      if (block === undefined) return;
      if (block.kind === "torn") {
        this.stop = { offset, isTorn: true, detail: "the file ends in the middle of a batch" };
        return;
      }
      const batch = block.kind === "batch" ? readBatch(block.text) : undefined;
      if (batch === undefined) {
        const detail = block.kind === "broken" ? block.detail : `a ${block.kind} stands where a batch must be`;
        this.stop = { offset, isTorn: false, detail };
        return;
      }
      yield batch;
    }
  }

  async close(): Promise<void> {
    await this.#source.close();
  }

  /** Used by `open` only. */
  static of(path: string, header: SegmentHeader, checkpoint: Checkpoint | undefined, source: Blocks): SegmentFile {
    return new SegmentFile(path, header, checkpoint, source);
  }
}

const READ_NEXT =
  "name a file or directory that you may read; a node's recordings lie in its state directory, in `inputs`";
const KIND_NEXT =
  "name a file that the daemon recorded: `inputs-*.rec` in the directory `inputs` of its state directory";

function unreadable(path: string, error: unknown): Result<never> {
  const { code, message } = error as NodeJS.ErrnoException;
  const why = code === "ENOENT" ? "there is no such file or directory" : message;
  return refused(path, "RECORDING_UNREADABLE", `${path} cannot be read: ${why}`, READ_NEXT);
}

async function begin(path: string, file: FileHandle): Promise<Result<SegmentFile>> {
  const source = new Blocks(file);
  const magic = await source.take(MAGIC.length);
  if (!magic.equals(MAGIC)) return refuseKind(path, magic);
  const first = await source.next();
  const offset = MAGIC.length;
  if (first?.kind !== "header") return refuseBlock(path, offset, first, "header");
  const header = readHeader(first.text);
  if (typeof header === "string")
    return refused(path, "RECORDING_BROKEN", `${path} is no whole recording: at byte ${offset}, ${header}`, KIND_NEXT);
  if (header.begins === "start")
    return { ok: true, value: SegmentFile.of(path, header, undefined, source), problems: [] };
  const at = source.offset;
  const second = await source.next();
  if (second?.kind !== "checkpoint") return refuseBlock(path, at, second, "checkpoint");
  const checkpoint = parse(second.text);
  if (!Array.isArray(checkpoint))
    return refused(
      path,
      "RECORDING_BROKEN",
      `${path} is no whole recording: at byte ${at}, its checkpoint is no list`,
      KIND_NEXT,
    );
  return { ok: true, value: SegmentFile.of(path, header, checkpoint as Checkpoint, source), problems: [] };
}

function refuseKind(path: string, magic: Buffer): Result<never> {
  const text = magic.toString("latin1");
  if (text.startsWith(FAMILY)) {
    const version = text.slice(FAMILY.length).trim();
    const message = `${path} is a recording in format ${version}, and this program reads format ${FORMAT}`;
    return refused(path, "RECORDING_FORMAT", message, "replay it with the version of Understudy that recorded it");
  }
  return refused(
    path,
    "RECORDING_FOREIGN",
    `${path} is no recording: at byte 0, it does not begin like one`,
    KIND_NEXT,
  );
}

function refuseBlock(path: string, offset: number, block: BlockRead | undefined, wanted: string): Result<never> {
  if (block === undefined || block.kind === "torn") {
    const next = "replay the other files of its directory; this one was cut off at its beginning";
    return refused(path, "RECORDING_TORN", `${path} ends at byte ${offset}, before its ${wanted} does`, next);
  }
  const detail = block.kind === "broken" ? block.detail : `a ${block.kind} stands where the ${wanted} must be`;
  return refused(path, "RECORDING_BROKEN", `${path} is damaged at byte ${offset}: ${detail}`, KIND_NEXT);
}

function refused(file: string, code: string, message: string, next: string): Result<never> {
  const problem: Problem = { code, severity: "error", message, subject: { file }, next };
  return { ok: false, problems: [problem] };
}

function readBatch(text: string): Batch | undefined {
  const value = parse(text) as Partial<Batch> | undefined;
  const numbers = [value?.at, value?.wall, value?.gates, value?.messages];
  if (!numbers.every((each) => typeof each === "number") || !Array.isArray(value?.rows)) return undefined;
  return value.rows.every((row) => Array.isArray(row)) ? (value as Batch) : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The blocks of a file, one by one. */
class Blocks {
  /** Where the next block begins. */
  offset = 0;
  readonly #file: FileHandle;
  readonly #reader = new BlockReader();
  #bytes: Buffer = Buffer.alloc(0);
  #isAtEnd = false;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** So many bytes, or what there is. */
  async take(count: number): Promise<Buffer> {
    await this.#fill(count);
    const taken = this.#bytes.subarray(0, count);
    this.#drop(taken.length);
    return taken;
  }

  /** The next block; undefined at the end of the file. */
  async next(): Promise<BlockRead | undefined> {
    await this.#fill(this.#reader.needs(Buffer.alloc(0)));
    if (this.#bytes.length === 0) return undefined;
    await this.#fill(this.#reader.needs(this.#bytes));
    const block = this.#reader.read(this.#bytes);
    if (block.kind !== "torn" && block.kind !== "broken") this.#drop(block.bytes);
    return block;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  #drop(count: number): void {
    this.#bytes = this.#bytes.subarray(count);
    this.offset += count;
  }

  async #fill(count: number): Promise<void> {
    while (this.#bytes.length < count && !this.#isAtEnd) {
      const chunk = Buffer.alloc(Math.max(CHUNK_BYTES, count - this.#bytes.length));
      const { bytesRead } = await this.#file.read(chunk, 0, chunk.length);
      if (bytesRead === 0) this.#isAtEnd = true;
      else this.#bytes = Buffer.concat([this.#bytes, chunk.subarray(0, bytesRead)]);
    }
  }
}
