/**
 * Frames as bytes. An envelope of 64 bytes says who sent it to whom and is checked, signature included, before
 * a single byte of the body is parsed: whoever does not know the cluster key reaches nothing but comparisons.
 *
 *    0  magic "Us"          2  version           3  highest version the sender reads
 *    4  key id (4)          8  cluster tag (4)  12  incarnation (8)
 *   20  sequence (4)       24  sender tag (4)   28  link        29  kind
 *   30  recipient tag (2)  32  HMAC-SHA256 over bytes 0..31 and the body (32)
 *   64  body, see frame-body.ts
 *
 * Numbers are big-endian. A tag is FNV-1a of a name: it finds things, the HMAC proves them. The recipient is
 * in the envelope because sequence numbers run per recipient: without it, a frame captured on its way to one
 * node could be given to another and would use up numbers there.
 */

import { assert } from "../base/assert.ts";
import { MAX_FRAME_BYTES } from "../base/limits.ts";
import { FRAME_VERSION, type Frame, type FrameKind } from "./frame.ts";
import {
  type FrameBody,
  isIncarnation,
  readBody,
  rereadBody,
  type SaidBody,
  writeHead,
  writeRest,
} from "./frame-body.ts";
import { ReplayGuard } from "./replay.ts";

/** Oldest frame version that this program writes and reads. */
export const OLDEST_FRAME_VERSION = 1;
export const ENVELOPE_BYTES = 64;
/** The part of the envelope that is signed together with the body. */
export const SIGNED_HEAD_BYTES = 32;

const MAGIC_0 = 0x55;
const MAGIC_1 = 0x73;
const HEX_BYTES: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const KINDS: readonly FrameKind[] = ["beat", "probe", "answer"];

/** Why a datagram was dropped. */
export type FrameRejection =
  | "malformed"
  | "oversized"
  | "unknown-version"
  | "foreign-cluster"
  | "wrong-key"
  | "unknown-node"
  | "wrong-link"
  | "replayed";

/** Signs and verifies with the cluster's keys; the core has no cryptography of its own. */
export interface FrameSeal {
  /** Id of the key that signs, 32 bits unsigned. */
  readonly keyId: number;
  /** HMAC-SHA256 with the signing key over both parts, 32 bytes. */
  sign(head: Uint8Array, body: Uint8Array): Uint8Array;
  /** True when `mac` is right under the key with this id; false for an unknown id. Compares in constant time. */
  verify(keyId: number, head: Uint8Array, body: Uint8Array, mac: Uint8Array): boolean;
}

export interface FrameCodecOptions {
  readonly cluster: string;
  /** This node. */
  readonly node: string;
  /** This node's incarnation: a frame that echoes it was written during this node's life. */
  readonly incarnation: string;
  /** All nodes of the cluster with their number of links. */
  readonly nodes: readonly { readonly name: string; readonly links: number }[];
  readonly seal: FrameSeal;
  /** Highest version that is written, told and read; default the newest. A lower one is that of an older program. */
  readonly speaks?: number | undefined;
}

export type Decoded =
  | { readonly ok: true; readonly frame: Frame }
  | { readonly ok: false; readonly why: FrameRejection };

/** The highest version that everybody reads: `heard` holds what each peer that is heard now says it reads. */
export function chooseVersion(heard: Iterable<number>): number {
  let version = FRAME_VERSION;
  for (const speaks of heard) version = Math.min(version, speaks);
  return Math.max(version, OLDEST_FRAME_VERSION);
}

/** FNV-1a of a name's UTF-16 code units, 32 bits unsigned. */
export function tagOf(name: string): number {
  let hash = 0x811c_9dc5;
  for (let i = 0; i < name.length; i += 1) hash = Math.imul(hash ^ name.charCodeAt(i), 0x0100_0193);
  return hash >>> 0;
}

/** Writes and reads the frames of one node; remembers what it accepted. */
export class FrameCodec {
  readonly #options: FrameCodecOptions;
  readonly #clusterTag: number;
  readonly #ownTag: number;
  /** The older version that this codec is bound to, if any. */
  readonly #speaks: number | undefined;
  readonly #senders = new Map<number, { readonly name: string; readonly links: number }>();
  readonly #replays = new ReplayGuard();
  /** Tags of all nodes. */
  readonly #tags = new Map<string, number>();
  /** This node's incarnation as it stands in envelopes. */
  readonly #incarnation = new Uint8Array(8);
  /** Room for the body that is being written: a new array for each would cost more than the writing. */
  readonly #room = new Uint8Array(MAX_FRAME_BYTES);
  /** The last body, for the same one on the next link, and its part that seldom changes, for the next beat. */
  #written: { frame: Frame; version: number; rest: Uint8Array; bytes: Uint8Array } | undefined;
  /** Per sender: the last body and what it said, for the same one on the next link or nearly the same in the next beat. */
  readonly #read = new Map<string, ReadBody & { readonly version: number }>();

  constructor(options: FrameCodecOptions) {
    assert(isIncarnation(options.incarnation), "an incarnation is 16 hexadecimal digits");
    this.#options = options;
    this.#speaks = options.speaks;
    this.#clusterTag = tagOf(options.cluster);
    this.#ownTag = tagOf(options.node);
    putIncarnation(this.#incarnation, 0, options.incarnation);
    for (const node of options.nodes) {
      const tag = tagOf(node.name);
      const other = this.#senders.get(tag);
      assert(other === undefined, `the names ${other?.name} and ${node.name} have the same tag: rename one of them`);
      this.#senders.set(tag, node);
      this.#tags.set(node.name, tag);
    }
    // A frame of our own that comes back is nobody's.
    this.#senders.delete(this.#ownTag);
  }

  /** The frame for `to` as a new array; undefined when it is larger than one datagram may be. */
  encode(frame: Frame, to: string): Uint8Array | undefined {
    assert(frame.version >= OLDEST_FRAME_VERSION && frame.version <= FRAME_VERSION, "its version can be written");
    const version = Math.min(frame.version, this.#speaks ?? FRAME_VERSION);
    const body = this.#bodyOf(frame, version);
    const size = ENVELOPE_BYTES + body.length;
    if (size > MAX_FRAME_BYTES) return undefined;
    const bytes = new Uint8Array(size);
    bytes[0] = MAGIC_0;
    bytes[1] = MAGIC_1;
    bytes[2] = version;
    bytes[3] = Math.min(frame.speaks, this.#speaks ?? frame.speaks);
    putU32(bytes, 4, this.#options.seal.keyId);
    putU32(bytes, 8, this.#clusterTag);
    if (frame.incarnation === this.#options.incarnation) bytes.set(this.#incarnation, 12);
    else putIncarnation(bytes, 12, frame.incarnation);
    putU32(bytes, 20, frame.sequence);
    putU32(bytes, 24, frame.node === this.#options.node ? this.#ownTag : tagOf(frame.node));
    bytes[28] = frame.link;
    bytes[29] = KINDS.indexOf(frame.kind);
    putU16(bytes, 30, shortTag(this.#tags.get(to) ?? tagOf(to)));
    bytes.set(body, ENVELOPE_BYTES);
    bytes.set(
      this.#options.seal.sign(bytes.subarray(0, SIGNED_HEAD_BYTES), bytes.subarray(ENVELOPE_BYTES)),
      SIGNED_HEAD_BYTES,
    );
    return bytes;
  }

  /** The body's bytes; what goes out on all links in one moment is written once. */
  #bodyOf(frame: Frame, version: number): Uint8Array {
    const last = this.#written;
    const isAfter = last !== undefined && last.version === version;
    if (isAfter && last.frame.heard === frame.heard && isSameRest(last.frame, frame)) return last.bytes;
    const head = writeHead(frame);
    const rest = isAfter && isSameRest(last.frame, frame) ? last.rest : bytesOf(writeRest(frame, version));
    const length = head.length + rest.length;
    const bytes = length > this.#room.length ? new Uint8Array(length) : this.#room.subarray(0, length);
    for (let i = 0; i < head.length; i += 1) bytes[i] = head.charCodeAt(i);
    bytes.set(rest, head.length);
    this.#written = { frame, version, rest, bytes };
    return bytes;
  }

  /** The frame in a datagram that arrived on our address of `link`, or why it is dropped. Never throws. */
  decode(bytes: Uint8Array, link: number): Decoded {
    if (bytes.length > MAX_FRAME_BYTES) return rejected("oversized");
    if (bytes.length < ENVELOPE_BYTES || bytes[0] !== MAGIC_0 || bytes[1] !== MAGIC_1) return rejected("malformed");
    const version = bytes[2] as number;
    if (version < OLDEST_FRAME_VERSION || version > (this.#speaks ?? FRAME_VERSION)) return rejected("unknown-version");
    if (u32(bytes, 8) !== this.#clusterTag) return rejected("foreign-cluster");
    const head = bytes.subarray(0, SIGNED_HEAD_BYTES);
    const body = bytes.subarray(ENVELOPE_BYTES);
    const mac = bytes.subarray(SIGNED_HEAD_BYTES, ENVELOPE_BYTES);
    if (!this.#options.seal.verify(u32(bytes, 4), head, body, mac)) return rejected("wrong-key");
    const sender = this.#senders.get(u32(bytes, 24));
    if (sender === undefined) return rejected("unknown-node");
    if (bytes[28] !== link || u16(bytes, 30) !== shortTag(this.#ownTag)) return rejected("wrong-link");
    const incarnation = incarnationAt(bytes, 12);
    const sequence = u32(bytes, 20);
    if (!this.#replays.accept({ node: sender.name, link, incarnation, sequence })) return rejected("replayed");
    return this.#decodeBody(bytes, { sender, version, incarnation, sequence, link });
  }

  #decodeBody(bytes: Uint8Array, envelope: Envelope): Decoded {
    const kind = KINDS[bytes[29] as number];
    if (kind === undefined) return rejected("malformed");
    const { sender, version, incarnation, sequence, link } = envelope;
    const body = this.#bodyIn(bytes.subarray(ENVELOPE_BYTES), sender, version);
    if (body === undefined) return rejected("malformed");
    const own = this.#options.incarnation;
    for (const heard of body.heard) {
      if (heard.incarnation === own) this.#replays.prove({ node: sender.name, link, incarnation });
    }
    const { config, mode, restartMs, heard, groups, reach, claims, claimAnswers, wishes } = body;
    const said = { config, mode, restartMs, heard, groups, reach, claims, claimAnswers, wishes };
    const speaks = bytes[3] as number;
    return { ok: true, frame: { version, speaks, kind, node: sender.name, incarnation, sequence, link, ...said } };
  }

  #bodyIn(bytes: Uint8Array, sender: { name: string; links: number }, version: number): FrameBody | undefined {
    const last = this.#read.get(sender.name);
    const isAfter = last !== undefined && last.version === version;
    if (isAfter && last.length === bytes.length && isSame(last, bytes, { before: bytes.length, behind: 0 }))
      return last.said.body;
    const said = (isAfter ? reread(bytes, last) : undefined) ?? read(bytes, version, sender.links);
    if (said === undefined) return undefined;
    // The datagram's own bytes may be overwritten by the next one; its room here is that of the body before.
    const room = last?.room ?? new Uint8Array(MAX_FRAME_BYTES);
    room.set(bytes);
    this.#read.set(sender.name, { room, length: bytes.length, version, said });
    return said.body;
  }
}

/** A body that was read, as it came. */
interface ReadBody {
  readonly room: Uint8Array;
  readonly length: number;
  readonly said: SaidBody;
}

function read(bytes: Uint8Array, version: number, links: number): SaidBody | undefined {
  const text = asciiFrom(bytes);
  return text === undefined ? undefined : readBody(text, version, links);
}

/** Reads what stands where the last body had the list of what was heard, if all around it is the same. */
function reread(bytes: Uint8Array, last: ReadBody): SaidBody | undefined {
  const { said } = last;
  const { before, behind } = said;
  const end = bytes.length - behind;
  if (before === 0 || end < before || !isSame(last, bytes, said)) return undefined;
  const list = asciiFrom(bytes.subarray(before, end));
  return list === undefined ? undefined : rereadBody(list, said);
}

/** Are the first so many bytes the same as in the last body, and the last so many? */
function isSame(last: ReadBody, bytes: Uint8Array, { before, behind }: { before: number; behind: number }): boolean {
  const { room, length } = last;
  for (let i = 0; i < before; i += 1) if (room[i] !== bytes[i]) return false;
  const shift = bytes.length - length;
  for (let i = length - behind; i < length; i += 1) if (room[i] !== bytes[i + shift]) return false;
  return true;
}

/** Do two frames say the same, but for what was heard? Lists are the same when they are one and the same list. */
function isSameRest(a: Frame, b: Frame): boolean {
  return (
    a.groups === b.groups &&
    a.reach === b.reach &&
    a.claims === b.claims &&
    a.claimAnswers === b.claimAnswers &&
    a.wishes === b.wishes &&
    a.config === b.config &&
    a.mode === b.mode &&
    a.restartMs === b.restartMs
  );
}

interface Envelope {
  readonly sender: { readonly name: string; readonly links: number };
  readonly version: number;
  readonly incarnation: string;
  readonly sequence: number;
  readonly link: number;
}

function rejected(why: FrameRejection): Decoded {
  return { ok: false, why };
}

function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** The text of printable ASCII; undefined when a byte is anything else. */
function asciiFrom(bytes: Uint8Array): string | undefined {
  for (let i = 0; i < bytes.length; i += 1) {
    const byte = bytes[i] as number;
    if (byte < 0x20 || byte > 0x7e) return undefined;
  }
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}

function shortTag(tag: number): number {
  return (tag ^ (tag >>> 16)) & 0xffff;
}

function putU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

function putU32(bytes: Uint8Array, at: number, value: number): void {
  assert(value >>> 0 === value, "a number fits into 32 bits");
  putU16(bytes, at, value >>> 16);
  putU16(bytes, at + 2, value & 0xffff);
}

function u32(bytes: Uint8Array, at: number): number {
  return u16(bytes, at) * 0x1_0000 + u16(bytes, at + 2);
}

function putIncarnation(bytes: Uint8Array, at: number, incarnation: string): void {
  assert(isIncarnation(incarnation), "an incarnation is 16 hexadecimal digits");
  for (let i = 0; i < 8; i += 1) {
    bytes[at + i] = (digitOf(incarnation.charCodeAt(2 * i)) << 4) | digitOf(incarnation.charCodeAt(2 * i + 1));
  }
}

/** The value of a lower-case hexadecimal digit's character code. */
function digitOf(code: number): number {
  return code < 0x3a ? code - 0x30 : code - 0x57;
}

function incarnationAt(bytes: Uint8Array, at: number): string {
  let text = "";
  for (let i = 0; i < 8; i += 1) text += HEX_BYTES[bytes[at + i] as number];
  return text;
}
