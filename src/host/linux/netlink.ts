/**
 * Netlink as a request and its answers: messages with nested attributes, one socket, synchronous exchange.
 * The kernel works a request off inside `sendto` and leaves the answers in the socket, so nothing here waits
 * for anybody but the kernel.
 *
 * Integers of rtnetlink are in host order (little-endian on every machine this runs on), those of nfnetlink
 * in network order.
 */

import { constants } from "node:os";
import * as libc from "./libc.ts";
import { SystemError } from "./libc.ts";

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;
const NLM_F_DUMP_INTR = 0x10;
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;

const ENODEV = constants.errno.ENODEV;

const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const HEADER_BYTES = 16;
const NESTED = 0x8000;
const TYPE_MASK = 0x3fff;

/** A message without its sequence number. */
export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly body: Buffer;
}

/** A message from the kernel. */
export interface Received extends Message {
  readonly sequence: number;
  /** Port id of the socket whose request caused it; 0 for the kernel itself. */
  readonly port: number;
}

function padded(bytes: number): number {
  return (bytes + 3) & ~3;
}

/** One attribute: its type and its value. */
export function attribute(type: number, value: Uint8Array): Buffer {
  const buffer = Buffer.alloc(padded(4 + value.length));
  buffer.writeUInt16LE(4 + value.length, 0);
  buffer.writeUInt16LE(type, 2);
  buffer.set(value, 4);
  return buffer;
}

/** An attribute made of attributes. */
export function nested(type: number, ...parts: readonly Buffer[]): Buffer {
  return attribute(type | NESTED, Buffer.concat(parts));
}

/** A zero-terminated string. */
export function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}

export function u32le(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value >>> 0);
  return buffer;
}

export function u32be(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32BE(value >>> 0);
  return buffer;
}

export function u64be(value: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64BE(BigInt(value));
  return buffer;
}

/** One attribute as found. */
export interface Attribute {
  readonly type: number;
  /** The sender marked it as made of attributes; the kernel does not always. */
  readonly nested: boolean;
  readonly value: Buffer;
}

/** The attributes of a buffer in order. */
export function attributeList(buffer: Buffer): Attribute[] {
  const list: Attribute[] = [];
  let at = 0;
  while (at + 4 <= buffer.length) {
    const length = buffer.readUInt16LE(at);
    if (length < 4 || at + length > buffer.length) break;
    const type = buffer.readUInt16LE(at + 2);
    list.push({ type: type & TYPE_MASK, nested: (type & NESTED) !== 0, value: buffer.subarray(at + 4, at + length) });
    at += padded(length);
  }
  return list;
}

/** The attributes of a buffer by type (the last of each wins). */
export function attributes(buffer: Buffer): Map<number, Buffer> {
  return new Map(attributeList(buffer).map(({ type, value }) => [type, value]));
}

/** A message as bytes. */
export function encodeMessage(message: Message, sequence: number): Buffer {
  const buffer = Buffer.alloc(padded(HEADER_BYTES + message.body.length));
  buffer.writeUInt32LE(HEADER_BYTES + message.body.length, 0);
  buffer.writeUInt16LE(message.type, 4);
  buffer.writeUInt16LE(message.flags, 6);
  buffer.writeUInt32LE(sequence, 8);
  buffer.set(message.body, HEADER_BYTES);
  return buffer;
}

/** The messages of one datagram. */
export function decodeMessages(datagram: Buffer): Received[] {
  const messages: Received[] = [];
  let at = 0;
  while (at + HEADER_BYTES <= datagram.length) {
    const length = datagram.readUInt32LE(at);
    if (length < HEADER_BYTES || at + length > datagram.length) break;
    messages.push({
      type: datagram.readUInt16LE(at + 4),
      flags: datagram.readUInt16LE(at + 6),
      sequence: datagram.readUInt32LE(at + 8),
      port: datagram.readUInt32LE(at + 12),
      body: datagram.subarray(at + HEADER_BYTES, at + length),
    });
    at += padded(length);
  }
  return messages;
}

/** The kernel's refusal in an error message: errno and what it says beyond that; errno 0 is an acknowledgement. */
function decodeError(message: Received): { errno: number; detail: string | undefined } {
  const errno = -message.body.readInt32LE(0);
  let detail: string | undefined;
  if ((message.flags & NLM_F_ACK_TLVS) !== 0) {
    const echoed = (message.flags & NLM_F_CAPPED) !== 0 ? HEADER_BYTES : message.body.readUInt32LE(4);
    const NLMSGERR_ATTR_MSG = 1;
    const said = attributes(message.body.subarray(4 + padded(echoed))).get(NLMSGERR_ATTR_MSG);
    detail = said?.toString("utf8").replace(/\0.*$/s, "");
  }
  return { errno, detail };
}

const SOL_NETLINK_CAP_ACK = 10;
const SOL_NETLINK_EXT_ACK = 11;
const SOL_NETLINK_ADD_MEMBERSHIP = 1;
const SO_RCVTIMEO = 20;
const SO_RCVBUF = 8;
const DUMP_ATTEMPTS = 20;

/** One netlink socket. */
export class NetlinkSocket {
  readonly fd: number;
  /** The kernel's name for this socket in messages that it caused. */
  readonly port: number;
  #sequence = 0;
  #buffer = Buffer.alloc(64 * 1024);

  constructor(protocol: number) {
    this.fd = libc.openSocket(libc.AF_NETLINK, libc.SOCK_RAW, protocol);
    const address = Buffer.alloc(12);
    address.writeUInt16LE(libc.AF_NETLINK);
    libc.bindSocket(this.fd, address);
    this.port = libc.socketName(this.fd).readUInt32LE(4);
    libc.setOption(this.fd, libc.SOL_NETLINK, SOL_NETLINK_CAP_ACK, 1);
    libc.setOption(this.fd, libc.SOL_NETLINK, SOL_NETLINK_EXT_ACK, 1);
    // The answer lies in the socket when sendto returns; the limit only keeps a kernel bug from freezing us.
    const limit = Buffer.alloc(16);
    limit.writeBigInt64LE(5n);
    libc.setOption(this.fd, libc.SOL_SOCKET, SO_RCVTIMEO, limit);
  }

  /** Subscribes to notifications. */
  join(group: number): void {
    libc.setOption(this.fd, libc.SOL_NETLINK, SOL_NETLINK_ADD_MEMBERSHIP, group);
  }

  /** Bounds what the kernel keeps for a slow reader. */
  setReceiveBuffer(bytes: number): void {
    libc.setOption(this.fd, libc.SOL_SOCKET, SO_RCVBUF, bytes);
  }

  /** Sends one request and waits for its acknowledgement; throws SystemError when the kernel refuses. */
  request(message: Message, name: string): void {
    const refused = this.batch([{ ...message, flags: message.flags | NLM_F_ACK }]);
    const first = refused[0];
    if (first !== undefined) throw new SystemError(name, first.errno, first.detail);
  }

  /**
   * Sends all messages as one datagram and waits for the acknowledgement of those that ask for one; the
   * answer names the refused messages by index.
   */
  batch(messages: readonly Message[]): { index: number; errno: number; detail: string | undefined }[] {
    const first = this.#sequence + 1;
    this.#sequence += messages.length;
    const datagram = Buffer.concat(messages.map((message, i) => encodeMessage(message, first + i)));
    this.#discard();
    libc.send(this.fd, datagram);
    const refused: { index: number; errno: number; detail: string | undefined }[] = [];
    let wanted = messages.reduce((count, message) => count + ((message.flags & NLM_F_ACK) === 0 ? 0 : 1), 0);
    // A refused batch answers only for the refused messages, so after the first refusal what lies there is all.
    while (wanted > 0 || refused.length > 0) {
      const answers = this.#receive(refused.length === 0);
      if (answers === undefined) {
        if (refused.length === 0) throw new SystemError("netlink", constants.errno.ETIMEDOUT);
        break;
      }
      for (const answer of answers) {
        if (answer.type !== NLMSG_ERROR || answer.sequence < first) continue;
        wanted--;
        const { errno, detail } = decodeError(answer);
        if (errno !== 0) refused.push({ index: answer.sequence - first, errno, detail });
      }
    }
    return refused;
  }

  /** Sends a dump request and returns all answers; asks again when the table changed meanwhile. */
  dump(message: Message, name: string): Received[] {
    for (let attempt = 1; ; attempt++) {
      const answers = this.#dumpOnce(message, name);
      if (answers.consistent || attempt === DUMP_ATTEMPTS) return answers.list;
    }
  }

  /** Sends a request for one object; undefined when there is none. */
  get(message: Message, name: string): Received | undefined {
    this.#discard();
    const sequence = ++this.#sequence;
    libc.send(this.fd, encodeMessage({ ...message, flags: message.flags | NLM_F_REQUEST }, sequence));
    for (;;) {
      const answers = this.#receive(true);
      if (answers === undefined) throw new SystemError(name, constants.errno.ETIMEDOUT);
      for (const answer of answers) {
        if (answer.sequence !== sequence) continue;
        if (answer.type !== NLMSG_ERROR) return copied(answer);
        const { errno, detail } = decodeError(answer);
        if (errno === constants.errno.ENOENT || errno === ENODEV) return undefined;
        throw new SystemError(name, errno, detail);
      }
    }
  }

  /** Takes the next waiting notifications; undefined when there are none. Throws ENOBUFS when some were lost. */
  notifications(): Received[] | undefined {
    return this.#receive(false);
  }

  close(): void {
    libc.closeDescriptor(this.fd);
  }

  #dumpOnce(message: Message, name: string): { list: Received[]; consistent: boolean } {
    this.#discard();
    const sequence = ++this.#sequence;
    libc.send(this.fd, encodeMessage({ ...message, flags: message.flags | NLM_F_REQUEST | NLM_F_DUMP }, sequence));
    const list: Received[] = [];
    let consistent = true;
    for (;;) {
      const answers = this.#receive(true);
      if (answers === undefined) throw new SystemError(name, constants.errno.ETIMEDOUT);
      for (const answer of answers) {
        if (answer.sequence !== sequence) continue;
        if ((answer.flags & NLM_F_DUMP_INTR) !== 0) consistent = false;
        if (answer.type === NLMSG_DONE) return { list, consistent };
        if (answer.type === NLMSG_ERROR) {
          const { errno, detail } = decodeError(answer);
          if (errno === constants.errno.ENOENT) return { list, consistent };
          throw new SystemError(name, errno, detail);
        }
        list.push(copied(answer));
      }
    }
  }

  /** Drops answers that an earlier, failed exchange left behind. */
  #discard(): void {
    while (this.#receive(false) !== undefined);
  }

  #receive(wait: boolean): Received[] | undefined {
    const length = libc.receive(this.fd, this.#buffer, { wait });
    if (length === undefined) return undefined;
    return decodeMessages(this.#buffer.subarray(0, Math.min(length, this.#buffer.length)));
  }
}

/** The receive buffer is used again; what outlives the exchange is copied. */
function copied(message: Received): Received {
  return { ...message, body: Buffer.from(message.body) };
}
