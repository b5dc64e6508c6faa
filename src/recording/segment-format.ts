/**
 * How a segment of recorded inputs lies on disk: a line that says what the file is, then blocks, each whole or
 * absent. Power may go in the middle of a block: the reader stops at the last whole one and says where.
 *
 *   "understudy-inputs 1\n"
 *   block: kind (1 byte) · length of the payload (4 bytes) · its CRC-32 (4 bytes) · payload
 *
 * A payload is JSON, compressed; a batch is compressed with the batch before it as dictionary, because a quiet
 * cluster says nearly the same all the time. Numbers have their low byte first.
 */

import { crc32, deflateRawSync, inflateRawSync } from "node:zlib";

/** Version of this format; a reader refuses others by name. */
export const FORMAT = 1;
export const MAGIC = Buffer.from(`understudy-inputs ${FORMAT}\n`);
/** What all versions of the format begin with. */
export const FAMILY = "understudy-inputs ";

/** Who recorded what, then the state that it begins with, then what happened. */
export type BlockKind = "header" | "checkpoint" | "batch";

const KINDS: readonly BlockKind[] = ["header", "checkpoint", "batch"];
const HEAD_BYTES = 9;
/** What deflate may look back on; more gains nothing and costs memory that is cleared for every batch. */
const DICTIONARY_BYTES = 16_384;
/** A block beyond this is no block: a whole batch is a few kilobytes, the largest some megabytes. */
export const MAX_BLOCK_BYTES = 16 * 1_024 * 1_024;
const MAX_TEXT_BYTES = 64 * 1_024 * 1_024;
const EFFORT = { level: 9, windowBits: 14, memLevel: 7 };

/** Writes the blocks of one segment, in order. */
export class BlockWriter {
  #before: Buffer | undefined;

  /** A block as bytes. */
  write(kind: BlockKind, text: string): Buffer {
    const bytes = Buffer.from(text);
    const dictionary = kind === "batch" ? this.#before : undefined;
    const payload = deflateRawSync(bytes, dictionary === undefined ? EFFORT : { ...EFFORT, dictionary });
    if (kind === "batch") this.#before = bytes.subarray(-DICTIONARY_BYTES);
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt8(KINDS.indexOf(kind), 0);
    head.writeUInt32LE(payload.length, 1);
    head.writeUInt32LE(crc32(payload), 5);
    return Buffer.concat([head, payload]);
  }
}

/** What stands at a place of a segment. */
export type BlockRead =
  | { readonly kind: BlockKind; readonly text: string; readonly bytes: number }
  /** The file ends before the block does. */
  | { readonly kind: "torn" }
  | { readonly kind: "broken"; readonly detail: string };

/** Reads blocks in order; `bytes` begins at a block and may hold less than all of it. */
export class BlockReader {
  #before: Buffer | undefined;

  /** How many bytes the block at the front needs, as far as its head tells; the head's size when that is not whole. */
  needs(bytes: Buffer): number {
    return bytes.length < HEAD_BYTES ? HEAD_BYTES : HEAD_BYTES + Math.min(bytes.readUInt32LE(1), MAX_BLOCK_BYTES);
  }

  read(bytes: Buffer): BlockRead {
    if (bytes.length < HEAD_BYTES) return { kind: "torn" };
    const kind = KINDS[bytes.readUInt8(0)];
    const length = bytes.readUInt32LE(1);
    if (kind === undefined) return { kind: "broken", detail: `no block is of kind ${bytes.readUInt8(0)}` };
    if (length > MAX_BLOCK_BYTES) return { kind: "broken", detail: `a block of ${length} bytes is too large` };
    if (bytes.length < HEAD_BYTES + length) return { kind: "torn" };
    const payload = bytes.subarray(HEAD_BYTES, HEAD_BYTES + length);
    if (crc32(payload) !== bytes.readUInt32LE(5)) return { kind: "broken", detail: "a block's checksum is wrong" };
    const dictionary = kind === "batch" ? this.#before : undefined;
    const limit = { maxOutputLength: MAX_TEXT_BYTES };
    try {
      const text = inflateRawSync(payload, dictionary === undefined ? limit : { ...limit, dictionary });
      if (kind === "batch") this.#before = text.subarray(-DICTIONARY_BYTES);
      return { kind, text: text.toString("utf8"), bytes: HEAD_BYTES + length };
    } catch (error) {
      return { kind: "broken", detail: `a block cannot be unpacked: ${(error as Error).message}` };
    }
  }
}
