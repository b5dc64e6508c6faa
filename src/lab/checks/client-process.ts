/**
 * A visitor of the site, as a process of its own inside the client's namespace: a new TCP connection and one
 * HTTP request every few milliseconds, each with its own time limit (or none, to see what the kernel does).
 * Beside that it can keep connections open and count how many of them break.
 */

import { createConnection } from "node:net";
import type { Socket, TcpNetConnectOpts } from "node:net";
import { comeFirst, nowMs } from "../clock.ts";
import { LineChannel } from "../line-channel.ts";
import { BAD_ANSWER, BROKEN } from "./tries.ts";
import type { Try } from "./tries.ts";

export interface ClientOptions {
  readonly address: string;
  /** Time between the starts of two requests. */
  readonly everyMs: number;
  /** Limit of each request; undefined leaves it to the kernel. */
  readonly limitMs?: number;
  /** Connections that stay open and carry a request every 50 ms. */
  readonly established?: number;
  /** Own address that requests come from; default what the kernel chooses. */
  readonly from?: string;
}

/** Requests on connections of their own, or those on connections that stand. */
export type TriesOf = "own" | "standing";

/** Live numbers for a display. */
export interface ClientNumbers {
  readonly requestsPerSecond: number;
  readonly failedPerSecond: number;
  readonly requests: number;
  readonly failed: number;
  /** Node that answered last, and how long ago. */
  readonly node: string | undefined;
  readonly sincePageMs: number | undefined;
  readonly lastGapMs: number | undefined;
  readonly established: { readonly opened: number; readonly broken: number };
}

/** A compact try for the way to the asker. */
export type PackedTry = readonly [startMs: number, endMs: number, ok: 0 | 1, word: string];

const REQUEST = Buffer.from("GET / HTTP/1.0\r\nHost: lab\r\n\r\n");
const LASTING_REQUEST = Buffer.from("GET / HTTP/1.1\r\nHost: lab\r\n\r\n");
/** Older tries are forgotten first. */
const MAX_TRIES = 400_000;
const GAP_WORTH_SHOWING_MS = 30;
const LASTING_EVERY_MS = 50;
const LASTING_LIMIT_MS = 1_000;

const options = JSON.parse(process.argv[2] ?? "{}") as ClientOptions;
const destination: TcpNetConnectOpts = {
  host: options.address,
  port: 80,
  noDelay: true,
  ...(options.from === undefined ? {} : { localAddress: options.from }),
};
const tries: Try[] = [];
const standingTries: Try[] = [];
const open = new Set<{ readonly startMs: number; readonly fail: (word: string) => void }>();
const established = { opened: 0, broken: 0 };
let requests = 0;
let failed = 0;
let lastPage: Try | undefined;
let lastGapMs: number | undefined;

function record(one: Try): void {
  tries.push(one);
  if (tries.length > MAX_TRIES) tries.splice(0, MAX_TRIES / 10);
  requests += 1;
  if (!one.ok) {
    failed += 1;
    return;
  }
  const gapMs = lastPage === undefined ? 0 : one.endMs - lastPage.endMs;
  if (gapMs >= GAP_WORTH_SHOWING_MS) lastGapMs = gapMs;
  lastPage = one;
}

/** The page's text when the answer is complete and good. */
function readPage(answer: string): string | undefined {
  const end = answer.indexOf("\r\n\r\n");
  if (!answer.startsWith("HTTP/1.1 200") || end < 0 || !answer.endsWith("\n")) return undefined;
  return answer.slice(end + 4).trim() || undefined;
}

function attempt(): void {
  const startMs = nowMs();
  const socket = createConnection(destination);
  let answer = "";
  let isOver = false;
  let isConnected = false;
  const finish = (ok: boolean, word: string): void => {
    if (isOver) return;
    isOver = true;
    open.delete(pending);
    const endMs = nowMs();
    socket.destroy();
    const isLate = options.limitMs !== undefined && endMs - startMs > options.limitMs;
    record({ startMs, endMs, ok: ok && !isLate, word: ok && isLate ? "timeout" : word });
  };
  const pending = { startMs, fail: (word: string) => finish(false, word) };
  open.add(pending);
  socket.setEncoding("latin1");
  socket.on("connect", () => {
    isConnected = true;
    socket.write(REQUEST);
  });
  socket.on("data", (chunk: string) => {
    answer += chunk;
    const page = readPage(answer);
    if (page !== undefined) finish(true, page);
    else if (/^HTTP\/1\.1 [45]/.test(answer)) finish(false, BAD_ANSWER);
  });
  socket.on("error", (error: NodeJS.ErrnoException) =>
    finish(false, isConnected ? BROKEN : (error.code ?? error.message)),
  );
  socket.on("close", () => finish(false, isConnected ? BROKEN : "closed"));
}

function giveUpLate(): void {
  if (options.limitMs === undefined) return;
  const before = nowMs() - options.limitMs;
  for (const pending of open) {
    if (pending.startMs > before) break; // in order of their start
    pending.fail("timeout");
  }
}

/** A connection that stands: answers come in the order of the questions. */
function keepConnected(): void {
  const socket: Socket = createConnection(destination);
  const asked: number[] = [];
  let isConnected = false;
  let answer = "";
  const timer = setInterval(() => {
    if (!isConnected) return;
    // A second without an answer is a broken connection, whatever TCP hopes for.
    if (asked[0] !== undefined && nowMs() - asked[0] > LASTING_LIMIT_MS) socket.destroy();
    else if (socket.write(LASTING_REQUEST)) asked.push(nowMs());
  }, LASTING_EVERY_MS);
  socket.setEncoding("latin1");
  socket.on("connect", () => {
    isConnected = true;
    established.opened += 1;
  });
  socket.on("data", (chunk: string) => {
    answer += chunk;
    for (let end = endOfAnswer(answer); end !== undefined; end = endOfAnswer(answer)) {
      const page = readPage(answer.slice(0, end));
      answer = answer.slice(end);
      recordStanding({
        startMs: asked.shift() ?? nowMs(),
        endMs: nowMs(),
        ok: page !== undefined,
        word: page ?? BAD_ANSWER,
      });
    }
  });
  socket.on("error", () => {}); // "close" follows
  socket.on("close", () => {
    clearInterval(timer);
    if (isConnected) established.broken += 1;
    for (const startMs of asked) recordStanding({ startMs, endMs: nowMs(), ok: false, word: BROKEN });
    setTimeout(keepConnected, LASTING_EVERY_MS);
  });
}

/** Where the first answer ends; undefined while it is not complete. */
function endOfAnswer(text: string): number | undefined {
  const body = text.indexOf("\r\n\r\n");
  if (body < 0) return undefined;
  const length = Number(/^content-length: *(\d+)/im.exec(text.slice(0, body))?.[1] ?? 0);
  return text.length >= body + 4 + length ? body + 4 + length : undefined;
}

function recordStanding(one: Try): void {
  standingTries.push(one);
  if (standingTries.length > MAX_TRIES) standingTries.splice(0, MAX_TRIES / 10);
}

let nextStartMs = nowMs();

function beat(): void {
  giveUpLate();
  const now = nowMs();
  if (now >= nextStartMs) {
    attempt();
    // After a pause of this process the lost requests are not made up for: they would be a burst, not a visitor.
    nextStartMs = Math.max(nextStartMs + options.everyMs, now - options.everyMs);
  }
  setTimeout(beat, Math.max(0, nextStartMs - nowMs()));
}

function numbers(): ClientNumbers {
  const since = nowMs() - 1000;
  let inSecond = 0;
  let failedInSecond = 0;
  for (let index = tries.length - 1; index >= 0; index -= 1) {
    const one = tries[index] as Try;
    if (one.endMs < since) break;
    inSecond += 1;
    if (!one.ok) failedInSecond += 1;
  }
  return {
    requestsPerSecond: inSecond,
    failedPerSecond: failedInSecond,
    requests,
    failed,
    node: lastPage?.word,
    sincePageMs: lastPage === undefined ? undefined : nowMs() - lastPage.endMs,
    lastGapMs,
    established: { ...established },
  };
}

const channel = new LineChannel(process.stdin, process.stdout, (method, params) => {
  if (method === "numbers") return numbers();
  if (method === "tries") {
    const { sinceMs, of = "own" } = params as { sinceMs: number; of?: TriesOf };
    const wanted = (of === "own" ? tries : standingTries).filter((one) => one.endMs >= sinceMs);
    return wanted.map((one): PackedTry => [one.startMs, one.endMs, one.ok ? 1 : 0, one.word]);
  }
  throw new Error(`the client knows no ${method}`);
});
void channel.closed.then(() => process.exit(0));

comeFirst();
beat();
for (let index = 0; index < (options.established ?? 0); index += 1) keepConnected();
