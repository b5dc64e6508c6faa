/**
 * As much of RFC 6455 as it takes to see whether an upgraded connection survives: short text frames there and back.
 * Own code, because a library would connect again by itself and hide what is looked for.
 */

import { createHash, randomBytes } from "node:crypto";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { AnswerReader } from "./answer-reader.ts";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const TEXT = 1;
const CLOSE = 8;
const LONGEST_SHORT = 125;

export function acceptKey(key: string): string {
  return createHash("sha1")
    .update(key + GUID)
    .digest("base64");
}

/** Sends every frame back, until one says that it is over. */
export function echoFrames(socket: Duplex, head: Buffer): void {
  let rest = head;
  socket.on("data", (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    for (let frame = takeFrame(rest); frame !== undefined; frame = takeFrame(rest)) {
      rest = frame.rest;
      socket.write(makeFrame(frame.code, frame.payload, false));
      if (frame.code === CLOSE) socket.end();
    }
  });
  socket.on("end", () => socket.end());
}

interface Frame {
  readonly code: number;
  readonly payload: Buffer;
  readonly rest: Buffer;
}

function takeFrame(bytes: Buffer): Frame | undefined {
  const [first, second] = bytes;
  if (first === undefined || second === undefined) return undefined;
  const length = second & 0x7f;
  if (length > LONGEST_SHORT) throw new Error("only short frames are spoken here");
  const isMasked = (second & 0x80) !== 0;
  const start = isMasked ? 6 : 2;
  if (bytes.length < start + length) return undefined;
  const payload = Buffer.from(bytes.subarray(start, start + length));
  if (isMasked) for (const [index, byte] of payload.entries()) payload[index] = byte ^ (bytes[2 + (index % 4)] ?? 0);
  return { code: first & 0x0f, payload, rest: bytes.subarray(start + length) };
}

function makeFrame(code: number, payload: Buffer, isMasked: boolean): Buffer {
  const head = Buffer.from([0x80 | code, payload.length | (isMasked ? 0x80 : 0)]);
  if (!isMasked) return Buffer.concat([head, payload]);
  const mask = randomBytes(4);
  return Buffer.concat([head, mask, payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0))]);
}

export interface SocketTarget {
  readonly address: string;
  readonly port: number;
  readonly host: string;
  readonly path?: string;
  readonly cookie?: string;
}

/** A visitor's end of a WebSocket. */
export class WebSocketVisitor {
  readonly member: string;
  readonly #socket: Duplex;
  readonly #waiting: { readonly text: string; resolve(): void; reject(error: Error): void }[] = [];
  #rest: Buffer;
  /** Why it ended; undefined while it stands. */
  ended: string | undefined;

  private constructor(socket: Duplex, member: string, rest: Buffer) {
    this.#socket = socket;
    this.member = member;
    this.#rest = rest;
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", (error) => this.#end(error.message));
    socket.on("close", () => this.#end("closed by the other side"));
  }

  static async open({ address, port, host, path = "/ws", cookie }: SocketTarget): Promise<WebSocketVisitor> {
    const socket = connect(port, address);
    const key = randomBytes(16).toString("base64");
    const lines = [
      `GET ${path} HTTP/1.1`,
      `Host: ${host}`,
      "Upgrade: websocket",
      "Connection: Upgrade",
      `Sec-WebSocket-Key: ${key}`,
      "Sec-WebSocket-Version: 13",
      ...(cookie === undefined ? [] : [`Cookie: ${cookie}`]),
    ];
    socket.write(`${lines.join("\r\n")}\r\n\r\n`);
    const reader = new AnswerReader();
    reader.begin("GET");
    return await new Promise((resolve, reject) => {
      socket.on("error", reject);
      socket.on("close", () => reject(new Error("closed before it was upgraded")));
      socket.on("data", (chunk: Buffer) => {
        const answer = reader.read(chunk);
        if (answer === undefined) return;
        if (answer.status !== 101 || answer.headers["sec-websocket-accept"] !== acceptKey(key)) {
          socket.destroy();
          return reject(new Error(`not upgraded: ${answer.status} ${answer.beginning}`));
        }
        socket.removeAllListeners();
        resolve(new WebSocketVisitor(socket, answer.headers["x-member"] ?? "", reader.takeRest()));
      });
    });
  }

  /** Says something and returns when it came back. */
  async echo(text: string): Promise<void> {
    if (this.ended !== undefined) throw new Error(`the WebSocket is over: ${this.ended}`);
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push({ text, resolve, reject });
      this.#socket.write(makeFrame(TEXT, Buffer.from(text), true));
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    for (let frame = takeFrame(this.#rest); frame !== undefined; frame = takeFrame(this.#rest)) {
      this.#rest = frame.rest;
      const asked = this.#waiting.shift();
      const text = frame.payload.toString();
      if (asked?.text === text) asked.resolve();
      else asked?.reject(new Error(`"${text}" came back instead of "${asked.text}"`));
    }
  }

  #end(why: string): void {
    this.ended ??= why;
    for (const { reject } of this.#waiting.splice(0)) reject(new Error(`the WebSocket is over: ${this.ended}`));
  }
}
