/**
 * Web servers behind a balancer, many of them cheaply in one process: each has a name, tells it in every answer,
 * remembers what it was asked, and misbehaves on request.
 *
 * What is answered depends on the path: `/check.txt` (200 or 404), `/slow?ms=`, `/download?bytes=&everyMs=`,
 * `/status?code=`, `/redirect?to=`, `/login` (an application's own cookie), `/text?bytes=`, `/ws` (WebSocket that
 * echoes), `/received` (what it was asked so far); anything else is a short page with the member's name.
 */

import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { nowMs } from "../clock.ts";
import { echoFrames, acceptKey } from "./web-socket.ts";

/** One request as the member saw it. */
export interface Received {
  readonly atMs: number;
  readonly method: string;
  /** With query. */
  readonly path: string;
  /** Names in lower case, in the order in which they came; a repeated one occurs twice. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Address of who connected: the balancer. */
  readonly from: string;
  /** Body that arrived; grows until the request is complete. */
  bodyBytes: number;
  isComplete: boolean;
}

export interface MemberOptions {
  readonly name: string;
  readonly address: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Answers `/check.txt`, asked before each; default always. */
  readonly isHealthy?: () => boolean;
}

/** What a member does instead of answering. */
export type Mood =
  | { readonly kind: "well" }
  /** Answers everything this much later. */
  | { readonly kind: "slow"; readonly ms: number }
  /** Reads and says nothing. */
  | { readonly kind: "silent" }
  /** Cuts the connection when a request arrived. */
  | { readonly kind: "cutting" }
  /** Answers with this status. */
  | { readonly kind: "failing"; readonly status: number };

const CHECK_PATH = "/check.txt";
const CHECK_TEXT = "all is well\n";
/** Older requests are forgotten; counts go on. */
const MOST_RECEIVED = 5_000;
const PAGE_BYTES = 1_024;

export class WebMember {
  readonly name: string;
  readonly address: string;
  port: number;
  mood: Mood = { kind: "well" };
  isHealthy: () => boolean;
  /** What a good check says. */
  checkText = CHECK_TEXT;
  /** How the last check asked. */
  lastCheck: { readonly method: string; readonly path: string; readonly host: string } | undefined;
  /** The last ones, checks apart. */
  readonly received: Received[] = [];
  /** When the check's path was asked. */
  readonly checkedMs: number[] = [];
  requests = 0;
  /** Requests in progress now, and the most at the same time so far. */
  now = 0;
  most = 0;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  constructor({ name, address, port, isHealthy }: MemberOptions) {
    this.name = name;
    this.address = address;
    this.port = port;
    this.isHealthy = isHealthy ?? (() => true);
  }

  async start(): Promise<void> {
    const server = createServer({ keepAliveTimeout: 0 }, (request, response) => this.#answer(request, response));
    server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#upgrade(request, socket, head),
    );
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: this.address, port: this.port, backlog: 1024 }, resolve);
    });
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Dies at once: connections are cut, new ones refused. */
  kill(): void {
    this.#server?.close();
    this.#server = undefined;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Forgets what it was asked. */
  forget(): void {
    this.received.length = 0;
    this.checkedMs.length = 0;
    this.requests = 0;
    this.most = 0;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "/", "http://member");
    if (url.pathname === CHECK_PATH) return this.#answerCheck(request, response);
    const one = this.#note(request);
    request.on("data", (chunk: Buffer) => (one.bodyBytes += chunk.length));
    request.on("end", () => (one.isComplete = true));
    this.now += 1;
    this.most = Math.max(this.most, this.now);
    response.on("close", () => (this.now -= 1));
    response.setHeader("x-member", this.name);
    if (this.mood.kind === "cutting") return void request.socket.resetAndDestroy();
    if (this.mood.kind === "silent") return;
    const waitMs = this.mood.kind === "slow" ? this.mood.ms : Number(url.searchParams.get("ms") ?? 0);
    const answer = (): void => this.#page(url, one, response);
    // The whole request first, as an application would.
    const whenRead = (): void => void (waitMs > 0 ? setTimeout(answer, waitMs) : answer());
    if (request.headers["content-length"] === undefined && request.headers["transfer-encoding"] === undefined)
      whenRead();
    else request.on("end", whenRead);
    request.resume();
  }

  #answerCheck(request: IncomingMessage, response: ServerResponse): void {
    this.checkedMs.push(nowMs());
    this.lastCheck = { method: request.method ?? "", path: request.url ?? "", host: request.headers.host ?? "" };
    request.resume();
    if (this.mood.kind === "cutting") return void request.socket.resetAndDestroy();
    if (this.mood.kind === "silent") return;
    const isWell = this.mood.kind !== "failing" && this.isHealthy();
    response.writeHead(isWell ? 200 : 404, { "content-type": "text/plain", "x-member": this.name });
    response.end(isWell ? this.checkText : "gone\n");
  }

  #note(request: IncomingMessage): Received {
    const headers: [string, string][] = [];
    for (let at = 0; at + 1 < request.rawHeaders.length; at += 2) {
      headers.push([(request.rawHeaders[at] ?? "").toLowerCase(), request.rawHeaders[at + 1] ?? ""]);
    }
    const one: Received = {
      atMs: nowMs(),
      method: request.method ?? "",
      path: request.url ?? "",
      headers,
      from: request.socket.remoteAddress ?? "",
      bodyBytes: 0,
      isComplete: false,
    };
    this.requests += 1;
    this.received.push(one);
    if (this.received.length > MOST_RECEIVED) this.received.splice(0, MOST_RECEIVED / 10);
    return one;
  }

  #page(url: URL, one: Received, response: ServerResponse): void {
    const text = (name: string, otherwise: string): string => url.searchParams.get(name) ?? otherwise;
    if (this.mood.kind === "failing") {
      response.writeHead(this.mood.status).end(`${this.name} fails\n`);
      return;
    }
    switch (url.pathname) {
      case "/download":
        return download(response, Number(text("bytes", "1000000")), Number(text("everyMs", "10")));
      case "/status":
        response.writeHead(Number(text("code", "200"))).end(`${this.name} says so\n`);
        return;
      case "/redirect":
        response.writeHead(302, { location: text("to", "/") }).end();
        return;
      case "/login":
        response.writeHead(200, { "set-cookie": `${text("cookie", "SESSION")}=${text("value", "abc123")}; Path=/` });
        response.end(`${this.name}\n`);
        return;
      case "/text":
        return longText(response, Number(text("bytes", "20000")), text("type", "text/html"));
      case "/received":
        response.writeHead(200, { "content-type": "application/json" });
        response.end(
          JSON.stringify({ requests: this.requests, checks: this.checkedMs.length, received: this.received }),
        );
        return;
      default:
        response.writeHead(200, { "content-type": "text/plain", "x-body-bytes": String(one.bodyBytes) });
        response.end(`${this.name}\n`);
    }
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#note(request).isComplete = true;
    socket.on("error", () => {}); // "close" follows
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        `Sec-WebSocket-Accept: ${acceptKey(request.headers["sec-websocket-key"] ?? "")}\r\nX-Member: ${this.name}\r\n\r\n`,
    );
    echoFrames(socket, head);
  }
}

function longText(response: ServerResponse, bytes: number, type: string): void {
  const body = "a line that compresses well\n".repeat(Math.ceil(bytes / 28)).slice(0, bytes);
  response.writeHead(200, { "content-type": type, "content-length": bytes });
  response.end(body);
}

/** Sends a body of this length in pieces, so that it takes its time. */
function download(response: ServerResponse, bytes: number, everyMs: number): void {
  response.writeHead(200, { "content-type": "application/octet-stream", "content-length": bytes });
  const piece = Buffer.alloc(PAGE_BYTES * 16, "x");
  let left = bytes;
  const timer = setInterval(() => {
    const now = Math.min(left, piece.length);
    left -= now;
    response.write(piece.subarray(0, now));
    if (left > 0) return;
    clearInterval(timer);
    response.end();
  }, everyMs);
  response.on("close", () => clearInterval(timer));
}
