/** One request, with everything said explicitly, and its whole answer. */

import { request } from "node:http";
import type { ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import { request as requestTls } from "node:https";

export interface Question {
  readonly address: string;
  readonly port: number;
  readonly method?: string;
  readonly path?: string;
  readonly host: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text, or that many bytes. */
  readonly body?: string | number;
  /** Sends the body without saying its length first. */
  readonly isChunked?: boolean;
  /** Own address. */
  readonly from?: string;
  /** Over TLS, whatever the certificate. */
  readonly tls?: { readonly servername?: string };
  readonly limitMs?: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly setCookies: readonly string[];
  readonly body: string;
  /** Name of the member that answered; undefined when the balancer itself did. */
  readonly member: string | undefined;
  /** Name in the certificate; undefined without TLS. */
  readonly certificate: string | undefined;
  readonly durationMs: number;
}

const PIECE_BYTES = 64 * 1024;
const DEFAULT_LIMIT_MS = 20_000;
const PATIENT_BYTES = 1024 * 1024;
const REFUSAL_MS = 50;

/** Asks on a connection of its own. Throws when no whole answer comes. */
export function ask(question: Question): Promise<Answer> {
  const { address, port, host, from, tls, body, isChunked, limitMs = DEFAULT_LIMIT_MS } = question;
  const length = typeof body === "number" ? body : Buffer.byteLength(body ?? "");
  const options: RequestOptions = {
    host: address,
    port,
    method: question.method ?? (body === undefined ? "GET" : "POST"),
    path: question.path ?? "/",
    agent: false,
    headers: {
      host,
      ...(body === undefined || isChunked ? {} : { "content-length": String(length) }),
      ...(isChunked ? { "transfer-encoding": "chunked" } : {}),
      ...question.headers,
    },
    ...(from === undefined ? {} : { localAddress: from }),
  };
  const startMs = performance.now();
  return new Promise((resolve, reject) => {
    const asking =
      tls === undefined
        ? request(options)
        : requestTls({ ...options, rejectUnauthorized: false, servername: tls.servername ?? host });
    const timer = setTimeout(() => asking.destroy(new Error(`no answer within ${limitMs} ms`)), limitMs);
    asking.on("close", () => clearTimeout(timer));
    let answered: IncomingMessage | undefined;
    // A server may refuse a body before it has read all of it; what counts then is its answer.
    asking.on("error", (error) => (answered === undefined ? reject(error) : undefined));
    asking.on("response", (response) => {
      answered = response;
      const certificate = certificateOf(response);
      let text = "";
      response.setEncoding("latin1").on("data", (chunk: string) => (text += chunk));
      const whole = (): void => {
        asking.destroy();
        resolve({ ...readResponse(response), body: text, certificate, durationMs: performance.now() - startMs });
      };
      // Who answers before it has read the whole question may reset the connection behind the answer.
      response.on("error", (error) =>
        text.length === Number(response.headers["content-length"]) ? whole() : reject(error),
      );
      response.on("end", whole);
    });
    if (typeof body === "number") sendBytes(asking, body);
    else asking.end(body);
  });
}

function readResponse(response: IncomingMessage): Pick<Answer, "status" | "headers" | "setCookies" | "member"> {
  const entries = Object.entries(response.headers).filter(([name]) => name !== "set-cookie");
  const headers = Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
  const setCookies = response.headers["set-cookie"] ?? [];
  return { status: response.statusCode ?? 0, headers, setCookies, member: headers["x-member"] };
}

function certificateOf({ socket }: IncomingMessage): string | undefined {
  if (!("getPeerCertificate" in socket)) return undefined;
  const { getPeerCertificate } = socket as unknown as { getPeerCertificate(): { subject?: { CN?: string } } };
  return getPeerCertificate.call(socket).subject?.CN;
}

/**
 * The head first, and a moment for those who refuse a body by its head alone, as curl does with large ones: what is
 * written into a connection that was closed behind the answer would be an error that hides the answer. For the same
 * reason it looks for an answer after each piece.
 */
function sendBytes(asking: ClientRequest, bytes: number): void {
  const piece = Buffer.alloc(PIECE_BYTES, "b");
  let left = bytes;
  const more = (): void => {
    if (asking.destroyed) return;
    const now = Math.min(left, PIECE_BYTES);
    left -= now;
    const isTaken = asking.write(piece.subarray(0, now));
    if (left === 0) asking.end();
    else if (isTaken) setImmediate(more);
    else asking.once("drain", () => setImmediate(more));
  };
  asking.flushHeaders();
  setTimeout(more, bytes > PATIENT_BYTES ? REFUSAL_MS : 0);
}
