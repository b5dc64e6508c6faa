/**
 * Visitors in a steady stream: so many requests per second whether the answers come or not (a load that waits for
 * answers hides every gap), on new and on kept connections, each accounted for.
 *
 * It is stricter than a browser: a kept connection that the server closed while a request was on its way is a failed
 * request, unless `asBrowser` is asked for, which sends it again once as RFC 9112 (9.3.1) lets clients do.
 */

import { connect } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { nowMs } from "../clock.ts";
import { AnswerReader } from "./answer-reader.ts";
import type { ReadAnswer } from "./answer-reader.ts";

export interface LoadOptions {
  readonly address: string;
  readonly port: number;
  readonly host: string;
  readonly perSecond: number;
  /** Share of requests on connections of their own, 0 to 1. */
  readonly newConnections: number;
  /** Sent in turn. */
  readonly requests: readonly RequestShape[];
  /** People with cookies of their own, in turn; 0: nobody keeps a cookie. */
  readonly visitors?: number;
  /** Limit of each request. */
  readonly limitMs?: number;
  /** Own addresses, in turn. */
  readonly from?: readonly string[];
  /** Over TLS, whatever the certificate. */
  readonly tls?: boolean;
  /** A request on a kept connection that ended before any answer is sent once more; counted in `sentAgain`. */
  readonly asBrowser?: boolean;
}

export interface RequestShape {
  readonly method: string;
  readonly path: string;
  readonly bodyBytes?: number;
}

/** A request without a good answer. */
export interface Failure {
  /** When its connection was asked for; long before the request on a kept one. */
  readonly openedMs: number;
  readonly startMs: number;
  readonly endMs: number;
  /**
   * `refused`, `connect`: no connection. `closed`: it ended before the answer did. `stale`: the same on a kept
   * connection before the first byte of an answer. `late`: no answer in time. `status`: 500 and above. `garbled`.
   */
  readonly kind: "refused" | "connect" | "closed" | "stale" | "late" | "status" | "garbled";
  readonly method: string;
  readonly detail: string;
  readonly visitor: number | undefined;
}

export interface LoadReport {
  readonly sent: number;
  readonly answered: number;
  readonly open: number;
  readonly sentAgain: number;
  readonly connections: number;
  /** The first thousand; `failed` counts all. */
  readonly failures: readonly Failure[];
  readonly failed: number;
  readonly statuses: Readonly<Record<string, number>>;
  /** By the name that members tell. */
  readonly members: Readonly<Record<string, number>>;
  /** Visitors whose next answer came from another member than the one before. */
  readonly moves: readonly {
    readonly atMs: number;
    readonly visitor: number;
    readonly from: string;
    readonly to: string;
  }[];
  /** Cookies that were set. */
  readonly cookiesSet: number;
  readonly latencyMs: { readonly p50: number; readonly p90: number; readonly p99: number; readonly max: number };
  /** The longest time without any good answer. */
  readonly worstGapMs: number;
  /** How late the sender itself was at worst: large values mean that this process was starved. */
  readonly senderLateMs: number;
}

interface Visitor {
  readonly number: number;
  readonly cookies: Map<string, string>;
  member: string | undefined;
  /** Its first request is on its way. */
  isArriving: boolean;
}

interface Pending {
  readonly startMs: number;
  readonly shape: RequestShape;
  readonly visitor: Visitor | undefined;
  readonly isNew: boolean;
  readonly isSecondTry: boolean;
}

const DEFAULT_LIMIT_MS = 10_000;
const MOST_FAILURES = 1_000;
const TICK_MS = 2;

/** One connection; carries one request at a time. */
class Line {
  readonly socket: Socket;
  readonly reader = new AnswerReader();
  readonly openedMs = nowMs();
  pending: Pending | undefined;
  answers = 0;
  isConnected = false;
  constructor(socket: Socket) {
    this.socket = socket;
  }
}

export class RequestLoad {
  readonly #options: LoadOptions;
  readonly #visitors: Visitor[];
  readonly #idle: Line[] = [];
  readonly #busy = new Set<Line>();
  readonly #failures: Failure[] = [];
  readonly #statuses: Record<string, number> = {};
  readonly #members: Record<string, number> = {};
  readonly #moves: { atMs: number; visitor: number; from: string; to: string }[] = [];
  readonly #latencies: number[] = [];
  readonly #bodies = new Map<number, Buffer>();
  #sent = 0;
  #answered = 0;
  #failed = 0;
  #sentAgain = 0;
  #connections = 0;
  #cookiesSet = 0;
  #lastGoodMs: number | undefined;
  #worstGapMs = 0;
  #senderLateMs = 0;
  #startedMs = 0;
  #scheduled = 0;
  #newDebt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LoadOptions) {
    this.#options = options;
    const count = options.visitors ?? 0;
    this.#visitors = Array.from({ length: count }, (_, number) => ({
      number,
      cookies: new Map(),
      member: undefined,
      isArriving: false,
    }));
  }

  start(): void {
    this.#startedMs = nowMs();
    this.#lastGoodMs = this.#startedMs;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** No new requests; returns when those on their way have ended. */
  async stop(): Promise<LoadReport> {
    clearInterval(this.#timer);
    const end = nowMs() + (this.#options.limitMs ?? DEFAULT_LIMIT_MS) + 1_000;
    while (this.#busy.size > 0 && nowMs() < end) {
      this.#giveUpLate();
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
    this.end();
    return this.report();
  }

  /** Leaves at once; what is on its way counts as nothing. */
  end(): void {
    clearInterval(this.#timer);
    for (const line of [...this.#idle, ...this.#busy]) {
      this.#release(line);
      line.socket.destroy();
    }
  }

  report(): LoadReport {
    const sorted = [...this.#latencies].sort((a, b) => a - b);
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return {
      sent: this.#sent,
      answered: this.#answered,
      open: this.#busy.size,
      sentAgain: this.#sentAgain,
      connections: this.#connections,
      failures: this.#failures,
      failed: this.#failed,
      statuses: this.#statuses,
      members: this.#members,
      moves: this.#moves,
      cookiesSet: this.#cookiesSet,
      latencyMs: { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: sorted.at(-1) ?? 0 },
      worstGapMs: this.#worstGapMs,
      senderLateMs: this.#senderLateMs,
    };
  }

  #tick(): void {
    this.#giveUpLate();
    const due = ((nowMs() - this.#startedMs) * this.#options.perSecond) / 1000;
    this.#senderLateMs = Math.max(this.#senderLateMs, ((due - this.#scheduled) * 1000) / this.#options.perSecond);
    while (this.#scheduled < due) this.#sendNext(this.#scheduled++);
  }

  #sendNext(number: number): void {
    const { requests, newConnections } = this.#options;
    const shape = requests[number % requests.length];
    if (shape === undefined) throw new Error("a load needs a request");
    // Spread evenly instead of by chance, so that every run has the same mix.
    this.#newDebt += newConnections;
    const isNew = this.#newDebt >= 1;
    if (isNew) this.#newDebt -= 1;
    const visitor = this.#nextVisitor(number);
    this.#sent += 1;
    this.#send({ startMs: nowMs(), shape, visitor, isNew, isSecondTry: false }, number);
  }

  /** A browser has the page, and with it the cookie, before it asks for more; until then others come. */
  #nextVisitor(number: number): Visitor | undefined {
    const count = this.#visitors.length;
    for (let step = 0; step < count; step += 1) {
      const visitor = this.#visitors[(number + step) % count];
      if (visitor === undefined || visitor.isArriving) continue;
      visitor.isArriving = visitor.member === undefined;
      return visitor;
    }
    return undefined;
  }

  #send(pending: Pending, number: number): void {
    const kept = pending.isNew ? undefined : this.#idle.pop();
    const line = kept ?? this.#open(number);
    line.pending = pending;
    this.#busy.add(line);
    line.reader.begin(pending.shape.method);
    line.socket.write(this.#head(pending));
    const { bodyBytes = 0 } = pending.shape;
    if (bodyBytes > 0) line.socket.write(this.#body(bodyBytes));
  }

  #head({ shape, visitor, isNew }: Pending): string {
    const lines = [`${shape.method} ${shape.path} HTTP/1.1`, `Host: ${this.#options.host}`];
    if (visitor !== undefined && visitor.cookies.size > 0) {
      lines.push(`Cookie: ${[...visitor.cookies].map(([name, value]) => `${name}=${value}`).join("; ")}`);
    }
    if (shape.bodyBytes !== undefined) lines.push(`Content-Length: ${shape.bodyBytes}`);
    if (isNew) lines.push("Connection: close");
    return `${lines.join("\r\n")}\r\n\r\n`;
  }

  #body(bytes: number): Buffer {
    const known = this.#bodies.get(bytes) ?? Buffer.alloc(bytes, "b");
    this.#bodies.set(bytes, known);
    return known;
  }

  #open(number: number): Line {
    const { address, port, from = [], tls, host } = this.#options;
    const localAddress = from[number % Math.max(1, from.length)];
    const target = { host: address, port, ...(localAddress === undefined ? {} : { localAddress }) };
    const socket = tls ? connectTls({ ...target, servername: host, rejectUnauthorized: false }) : connect(target);
    socket.setNoDelay(true);
    const line = new Line(socket);
    this.#connections += 1;
    socket.on(tls ? "secureConnect" : "connect", () => (line.isConnected = true));
    socket.on("data", (chunk: Buffer) => this.#read(line, chunk));
    let trouble = "";
    socket.on("error", (error: NodeJS.ErrnoException) => (trouble = error.code ?? error.message));
    socket.on("end", () => this.#ended(line, "end"));
    socket.on("close", () => this.#ended(line, trouble || "close"));
    return line;
  }

  #read(line: Line, chunk: Buffer): void {
    if (line.pending === undefined) {
      line.socket.destroy(); // HAProxy's 408 on an idle connection, say; nobody asked
      return;
    }
    try {
      const answer = line.reader.read(chunk);
      if (answer !== undefined) this.#take(line, line.pending, answer);
    } catch (error) {
      this.#fail(line, "garbled", (error as Error).message);
      line.socket.destroy();
    }
  }

  #take(line: Line, pending: Pending, answer: ReadAnswer): void {
    const endMs = nowMs();
    this.#release(line);
    line.answers += 1;
    this.#statuses[answer.status] = (this.#statuses[answer.status] ?? 0) + 1;
    if (answer.status >= 500) this.#note(line, pending, "status", `${answer.status} ${answer.beginning.slice(0, 60)}`);
    else this.#count(pending, answer, endMs);
    if (pending.isNew || !answer.isReusable || line.socket.destroyed) line.socket.destroy();
    else this.#idle.push(line);
  }

  #count({ startMs, visitor }: Pending, answer: ReadAnswer, endMs: number): void {
    this.#answered += 1;
    this.#latencies.push(endMs - startMs);
    this.#worstGapMs = Math.max(this.#worstGapMs, endMs - (this.#lastGoodMs ?? endMs));
    this.#lastGoodMs = endMs;
    const member = answer.headers["x-member"] ?? "";
    this.#members[member] = (this.#members[member] ?? 0) + 1;
    if (visitor === undefined) return;
    if (visitor.member !== undefined && visitor.member !== member) {
      this.#moves.push({ atMs: endMs, visitor: visitor.number, from: visitor.member, to: member });
    }
    visitor.member = member;
    for (const cookie of answer.setCookies) {
      this.#cookiesSet += 1;
      const [name = "", value = ""] = (cookie.split(";")[0] ?? "").split("=");
      visitor.cookies.set(name.trim(), value.trim());
    }
  }

  #ended(line: Line, why: string): void {
    const at = this.#idle.indexOf(line);
    if (at >= 0) this.#idle.splice(at, 1);
    const { pending } = line;
    if (pending === undefined) return void line.socket.destroy();
    const answer = line.reader.close();
    if (answer !== undefined) return this.#take(line, pending, answer);
    if (!line.isConnected) this.#fail(line, why === "ECONNREFUSED" ? "refused" : "connect", why);
    else if (line.answers > 0 && !line.reader.hasBegun) this.#stale(line, pending, why);
    else this.#fail(line, "closed", `${why} ${line.reader.hasBegun ? "within" : "before"} the answer`);
    line.socket.destroy();
  }

  #stale(line: Line, pending: Pending, why: string): void {
    if (!this.#options.asBrowser || pending.isSecondTry) return this.#fail(line, "stale", why);
    this.#release(line);
    this.#sentAgain += 1;
    this.#send({ ...pending, isNew: true, isSecondTry: true }, pending.visitor?.number ?? 0);
  }

  #giveUpLate(): void {
    const before = nowMs() - (this.#options.limitMs ?? DEFAULT_LIMIT_MS);
    for (const line of this.#busy) {
      if (line.pending === undefined || line.pending.startMs > before) continue;
      this.#fail(line, "late", line.isConnected ? "no answer" : "no connection");
      line.socket.destroy();
    }
  }

  #release(line: Line): void {
    if (line.pending?.visitor !== undefined) line.pending.visitor.isArriving = false;
    line.pending = undefined;
    this.#busy.delete(line);
  }

  #fail(line: Line, kind: Failure["kind"], detail: string): void {
    const { pending } = line;
    this.#release(line);
    if (pending !== undefined) this.#note(line, pending, kind, detail);
  }

  #note({ openedMs }: Line, { startMs, shape, visitor }: Pending, kind: Failure["kind"], detail: string): void {
    this.#failed += 1;
    if (this.#failures.length >= MOST_FAILURES) return;
    const { method } = shape;
    this.#failures.push({ openedMs, startMs, endMs: nowMs(), kind, method, detail, visitor: visitor?.number });
  }
}

/** Failures in a few words for a test's message: how many of which kind, and the first of each. */
export function describeFailures({ failed, failures }: Pick<LoadReport, "failed" | "failures">): string {
  const kinds = Map.groupBy(failures, ({ kind, method }) => `${kind} ${method}`);
  const lines = [...kinds].map(([kind, of]) => `${of.length} × ${kind} (${of[0]?.detail})`);
  return failed === 0 ? "none failed" : `${failed} failed: ${lines.join(", ")}`;
}
