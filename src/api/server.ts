/**
 * The HTTP side of the API, the same for the Unix socket and the nodes' control channel; only the closed list
 * of what a caller may ask differs. Whatever arrives is answered with JSON and a status, bounded in size, time
 * and number: a malformed or hostile request may never harm the daemon.
 */

import { createServer } from "node:http";
import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

import { describe, problem, readJson, refuse } from "./answers.ts";
import type { Answer } from "./answers.ts";
import type { Backend, Caller } from "./backend.ts";
import { answerBalancer } from "./balancer-routes.ts";
import { readVerb } from "./schemas.ts";
import type { EventRecord, Verb } from "./types.ts";

/** A slow reader of a stream is cut off when so much waits for it. */
const STREAM_BACKLOG_LIMIT_BYTES = 4 * 1_024 * 1_024;
/** An idle stream carries an empty line so often, so that both sides notice a dead connection. */
export const STREAM_KEEPALIVE_MS = 3_000;

/** How punctually slow connections are ended; Node's default lets them keep their place for half a minute. */
export const CREATION_LIMITS = { connectionsCheckingInterval: 1_000 } as const;

/** What another node may ask for; the rest is only for the Unix socket. */
const PEER_VERBS: ReadonlySet<Verb["verb"]> = new Set(["switch", "standby", "online", "clear", "maintenance"]);

/** Tells who sent a request; undefined refuses it. */
export type Identify = (socket: Socket) => Caller | undefined;

/** The listener for all routes. */
export function createHandler(backend: Backend, identify: Identify): RequestListener {
  return (request, response) => {
    void handle(backend, identify, request, response).catch((error: unknown) => {
      send(request, response, { status: 500, body: { problems: [problem("INTERNAL_ERROR", describe(error))] } });
    });
  };
}

/** A server for the Unix socket, where everybody who may open it is an operator. */
export function createApiServer(backend: Backend): Server {
  const server = createServer(
    CREATION_LIMITS,
    createHandler(backend, () => ({ kind: "operator" })),
  );
  setLimits(server);
  return server;
}

/** Bounds on connections, headers and time; also for the control channel's server. */
export function setLimits(server: Server): void {
  server.maxConnections = 64;
  server.maxHeadersCount = 50;
  server.headersTimeout = 5_000;
  server.requestTimeout = 10_000;
  server.keepAliveTimeout = 30_000;
  server.maxRequestsPerSocket = 0;
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    if (!socket.writable || error.code === "ECONNRESET") {
      socket.destroy();
      return;
    }
    const body = JSON.stringify({
      problems: [problem("REQUEST_MALFORMED", `this is no valid HTTP: ${error.message}`)],
    });
    socket.end(
      `HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
  });
}

async function handle(
  backend: Backend,
  identify: Identify,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.on("error", () => {}); // the caller went away
  const caller = identify(request.socket);
  if (caller === undefined) {
    send(request, response, { status: 403, body: { problems: [problem("NOT_ALLOWED", "this caller is unknown")] } });
    return;
  }
  let url: URL;
  try {
    url = new URL(request.url ?? "/", "http://understudy");
  } catch {
    send(request, response, {
      status: 400,
      body: { problems: [problem("REQUEST_MALFORMED", "the path cannot be read")] },
    });
    return;
  }
  response.setHeader("understudy-node", backend.node);
  response.setHeader("understudy-pid", String(backend.pid));
  response.setHeader("understudy-version", backend.version);
  if (request.method === "GET" && openStream(backend, caller, url, request, response)) return;
  const answer =
    (await answerBalancer(backend, caller, url, request)) ??
    (request.method === "POST"
      ? await post(backend, caller, url, request)
      : await get(backend, caller, url, request.method));
  send(request, response, answer);
}

async function get(backend: Backend, caller: Caller, url: URL, method: string | undefined): Promise<Answer> {
  if (method !== "GET") return refuse(405, "METHOD_UNKNOWN", `the method ${method ?? ""} is not understood here`);
  const path = url.pathname;
  if (path === "/v1/view") return { status: 200, body: await backend.view() };
  const group = /^\/v1\/why\/([^/]+)$/.exec(path)?.[1];
  if (group !== undefined) return await answerWhy(backend, caller, group);
  if (path === "/v1/status" || path === "/v1/events") {
    if (caller.kind === "peer") return refuse(403, "NOT_ALLOWED", "another node may not ask for this");
    if (path === "/v1/status") return { status: 200, body: await backend.status() };
    const after = readNumber(url, "after");
    if (after === undefined) return refuse(400, "REQUEST_MALFORMED", "`after` must be a number");
    return { status: 200, body: backend.events(after) };
  }
  return refuse(404, "PATH_UNKNOWN", `nothing is found at ${path.slice(0, 200)}`);
}

async function answerWhy(backend: Backend, caller: Caller, encoded: string): Promise<Answer> {
  let group: string;
  try {
    group = decodeURIComponent(encoded);
  } catch {
    return refuse(400, "REQUEST_MALFORMED", "the group's name cannot be read");
  }
  const answer = await backend.why(group, caller);
  if (answer === undefined) return refuse(404, "GROUP_UNKNOWN", `the cluster has no group "${group.slice(0, 100)}"`);
  return { status: 200, body: answer };
}

async function post(backend: Backend, caller: Caller, url: URL, request: IncomingMessage): Promise<Answer> {
  if (url.pathname !== "/v1/requests")
    return refuse(404, "PATH_UNKNOWN", `nothing is found at ${url.pathname.slice(0, 200)}`);
  const json = await readJson(request);
  if ("refused" in json) return json.refused;
  const read = readVerb(json.value);
  if ("problems" in read) return { status: 400, body: { ok: false, problems: read.problems } };
  if (caller.kind === "peer" && !PEER_VERBS.has(read.verb.verb)) {
    return refuse(403, "NOT_ALLOWED", `another node may not ask for "${read.verb.verb}"`);
  }
  const answer = await backend.submit(read.verb, caller);
  return { status: answer.ok ? 200 : 409, body: answer };
}

/** Begins a stream of events when the path asks for one. */
function openStream(
  backend: Backend,
  caller: Caller,
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  const own = url.pathname === "/v1/own-events";
  const all = url.pathname === "/v1/events" && url.searchParams.get("follow") === "1" && caller.kind === "operator";
  if (!own && !all) return false;
  const after = readNumber(url, "after");
  if (after === undefined) {
    send(request, response, refuse(400, "REQUEST_MALFORMED", "`after` must be a number"));
    return true;
  }
  response.writeHead(200, { "content-type": "application/x-ndjson", "cache-control": "no-store" });
  const write = (text: string): void => {
    if (response.destroyed) return;
    response.write(text);
    if (response.writableLength > STREAM_BACKLOG_LIMIT_BYTES) response.destroy();
  };
  const tell = (record: EventRecord): void => {
    if (!own || record.by === backend.node) write(`${JSON.stringify(record)}\n`);
  };
  for (const record of own ? backend.ownEvents(after) : backend.events(after)) tell(record);
  // The first byte goes out at once, so that the caller knows that it is connected.
  write("\n");
  const end = backend.followEvents(tell);
  const keepalive = setInterval(() => write("\n"), STREAM_KEEPALIVE_MS);
  response.on("close", () => {
    clearInterval(keepalive);
    end();
  });
  return true;
}

function readNumber(url: URL, key: string): number | undefined {
  const text = url.searchParams.get(key) ?? "0";
  return /^\d{1,16}$/.test(text) ? Number(text) : undefined;
}

function send(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  if (response.destroyed) return;
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const body = JSON.stringify(answer.body);
  // With an unread rest of a body on the wire the connection cannot be used again.
  if (!request.complete) response.setHeader("connection", "close");
  response.writeHead(answer.status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
  });
  response.end(body);
}
