/**
 * A check by one HTTP request on a fresh connection: an answer of 2xx or 3xx in time is up; any other answer,
 * a refused, reset or silent connection is down. What fails on our own side before anything was sent (no file
 * descriptor left, a name that cannot be resolved) is unknown.
 */

import { request as httpRequest } from "node:http";
import type { IncomingMessage, RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";

import type { ProbeResult } from "./outcome.ts";

/** Failures that say something about us and nothing about the server. */
const OUR_OWN_FAULT: ReadonlySet<string> = new Set([
  "EMFILE",
  "ENFILE",
  "ENOBUFS",
  "ENOMEM",
  "EADDRNOTAVAIL",
  "EACCES",
  "EPERM",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EAI_FAIL",
  "ERR_INVALID_URL",
]);

/** A larger answer is cut off: the status line is all that counts. */
const BODY_LIMIT_BYTES = 65_536;

export interface HttpProbe {
  readonly url: string;
  /** For the whole exchange, from connecting to the end of the headers. */
  readonly timeoutMs: number;
  /** Names known without a resolver: the cluster's nodes. */
  readonly hosts: Readonly<Record<string, string>>;
}

/** Asks once; never rejects and never takes longer than the limit. */
export function probeByHttp(probe: HttpProbe): Promise<ProbeResult> {
  const startedMs = performance.now();
  const took = (): string => `${Math.round(performance.now() - startedMs)} ms`;
  return new Promise((resolve) => {
    const controller = new AbortController();
    let done = false;
    const settle = (outcome: ProbeResult["outcome"], detail: string): void => {
      if (done) return;
      done = true;
      clearTimeout(timer);
      resolve({ outcome, detail });
    };
    const timer = setTimeout(() => {
      settle("down", `no answer within ${probe.timeoutMs} ms`);
      controller.abort();
    }, probe.timeoutMs);

    try {
      const { start, options } = target(probe);
      const request = start({ ...options, signal: controller.signal });
      request.on("response", (response) => {
        settle(outcomeOfStatus(response.statusCode ?? 0), `status ${response.statusCode ?? 0} after ${took()}`);
        discard(response, () => controller.abort());
      });
      request.on("error", (error) => settle(...explainError(error)));
      request.end();
    } catch (error) {
      settle(...explainError(error));
    }
  });
}

function target(probe: HttpProbe): { start: typeof httpRequest; options: RequestOptions } {
  const url = new URL(probe.url);
  const name = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const options: RequestOptions & { rejectUnauthorized: boolean } = {
    host: probe.hosts[name] ?? name,
    port: url.port === "" ? undefined : Number(url.port),
    path: `${url.pathname}${url.search}`,
    method: "GET",
    headers: { host: url.host, "user-agent": "understudy", connection: "close" },
    agent: false,
    maxHeaderSize: 16_384,
    // The question is whether the server works, not who it is: it is asked by an internal name or address.
    rejectUnauthorized: false,
  };
  return { start: url.protocol === "https:" ? httpsRequest : httpRequest, options };
}

function outcomeOfStatus(status: number): ProbeResult["outcome"] {
  return status >= 200 && status < 400 ? "up" : "down";
}

/** Reads a small rest politely, so that the server logs no broken connection; cuts off a large or slow one. */
function discard(response: IncomingMessage, cut: () => void): void {
  let bytes = 0;
  const timer = setTimeout(cut, 1_000);
  response.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > BODY_LIMIT_BYTES) cut();
  });
  response.on("error", () => {});
  response.on("close", () => clearTimeout(timer));
}

/** What a failed request says: about the server, or about us. */
export function explainError(error: unknown): [ProbeResult["outcome"], string] {
  const { code = "", message = String(error) } = error as { code?: string; message?: string };
  return [OUR_OWN_FAULT.has(code) ? "unknown" : "down", message];
}
