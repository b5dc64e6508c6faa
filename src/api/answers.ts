/** What the routes of the API share: an answer, a refusal, and the body of a request within its limit. */

import type { IncomingMessage } from "node:http";

import type { Problem } from "./types.ts";

/** Largest request body. */
const BODY_LIMIT_BYTES = 65_536;

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export function refuse(status: number, code: string, message: string): Answer {
  return { status, body: { ok: false, problems: [problem(code, message)] } };
}

export function problem(code: string, message: string): Problem {
  return { code, severity: "error", message };
}

export function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The value in a request's body, or the refusal. Rejects when the caller goes away meanwhile. */
export async function readJson(
  request: IncomingMessage,
): Promise<{ readonly value: unknown } | { readonly refused: Answer }> {
  const body = await readBody(request);
  if (body === undefined) {
    return { refused: refuse(413, "REQUEST_TOO_LARGE", `a request may have ${BODY_LIMIT_BYTES} bytes`) };
  }
  try {
    return { value: JSON.parse(body) };
  } catch (error) {
    return { refused: refuse(400, "REQUEST_MALFORMED", `this is no JSON: ${describe(error)}`) };
  }
}

/** The body as text; undefined when it is too large. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  // Whoever announces too much is told before it sends anything.
  if (Number(request.headers["content-length"] ?? 0) > BODY_LIMIT_BYTES) return undefined;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_LIMIT_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
