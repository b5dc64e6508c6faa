/**
 * The side of the control channel that asks other nodes. Every link to the node is tried in turn, beginning
 * with the one that worked last, each with a short limit, so that one cut cable costs a moment and no answer.
 * All requests may safely be repeated, which is why a lost answer may be asked for again on another link.
 */

import { Agent, request as httpsRequest } from "node:https";
import type { ClientRequest, IncomingMessage } from "node:http";
import type { RequestOptions } from "node:https";
import type { TLSSocket } from "node:tls";

import type { ClusterConfig } from "../core/config/cluster.ts";
import { deriveSecret, TLS_SETTINGS, writeIdentity } from "./cluster-secret.ts";

/** To set up a connection on one link. */
const CONNECT_LIMIT_MS = 300;
/** Largest answer that is read. */
const ANSWER_LIMIT_BYTES = 4 * 1_024 * 1_024;

export interface PeerAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly pid: number | undefined;
  readonly version: string | undefined;
}

export interface Question {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: unknown;
  /** For the whole exchange on all links. */
  readonly limitMs: number;
}

export interface ControlClientOptions {
  readonly config: ClusterConfig;
  readonly node: string;
  /** The first one is used; the others only when it is refused. */
  readonly keys: readonly Uint8Array[];
}

/** A way to one other node. */
interface Path {
  readonly address: string;
  readonly from: string | undefined;
}

export class ControlClient {
  readonly #options: ControlClientOptions;
  readonly #secrets;
  /** A pool per node and key: pooled connections must never be shared between identities. */
  readonly #agents = new Map<string, Agent>();
  readonly #lastGood = new Map<string, number>();

  constructor(options: ControlClientOptions) {
    this.#options = options;
    this.#secrets = options.keys.map(deriveSecret);
  }

  /** Asks another node; rejects with a sentence when it answers on no link in time. */
  async ask(node: string, question: Question): Promise<PeerAnswer> {
    const end = performance.now() + question.limitMs;
    return this.#onAnyPath(node, end, async (path, secret, pathsLeft) => {
      const leftMs = end - performance.now();
      // While other links remain, a GET gives each its share; a POST may take long to answer once it is heard.
      const limitMs = question.method === "GET" ? leftMs / pathsLeft : leftMs;
      const response = await this.#send({ node, path, secret, question, limitMs, pooled: question.method === "GET" });
      return await readAnswer(response, end - performance.now());
    });
  }

  /** Opens a stream; the caller reads and destroys it. */
  async openStream(node: string, path: string): Promise<IncomingMessage> {
    const question: Question = { method: "GET", path, limitMs: 5_000 };
    const end = performance.now() + question.limitMs;
    return this.#onAnyPath(node, end, async (way, secret) => {
      const response = await this.#send({ node, path: way, secret, question, limitMs: 2_000, pooled: false });
      if (response.statusCode === 200) return response;
      response.destroy();
      throw new Error(`${node} answered with status ${response.statusCode ?? 0}`);
    });
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
  }

  async #onAnyPath<T>(
    node: string,
    end: number,
    use: (path: Path, secret: Secret, pathsLeft: number) => Promise<T>,
  ): Promise<T> {
    const paths = this.#pathsTo(node);
    const failures: string[] = [];
    for (const secret of this.#secrets) {
      let isRefused = false;
      for (const [tried, { index, path }] of paths.entries()) {
        if (performance.now() >= end) break;
        try {
          const value = await use(path, secret, paths.length - tried);
          this.#lastGood.set(node, index);
          return value;
        } catch (error) {
          failures.push(`${path.address}: ${(error as Error).message}`);
          isRefused ||= isHandshakeRefused(error);
        }
      }
      if (!isRefused) break;
    }
    throw new Error(failures.length === 0 ? `${node} has no address` : [...new Set(failures)].join("; "));
  }

  #pathsTo(node: string): { index: number; path: Path }[] {
    const own = this.#options.config.nodes.find((other) => other.name === this.#options.node)?.addresses ?? [];
    const theirs = this.#options.config.nodes.find((other) => other.name === node)?.addresses ?? [];
    const paths = theirs.map((address, index) => ({ index, path: { address, from: own[index] } }));
    const best = this.#lastGood.get(node) ?? 0;
    return paths.toSorted((a, b) => Number(b.index === best) - Number(a.index === best));
  }

  #send(call: Call): Promise<IncomingMessage> {
    const { node, path, secret, question } = call;
    const body = question.body === undefined ? undefined : JSON.stringify(question.body);
    const identity = writeIdentity({
      cluster: this.#options.config.cluster,
      node: this.#options.node,
      keyId: secret.id,
    });
    const options: RequestOptions & { pskCallback: () => unknown } = {
      ...TLS_SETTINGS,
      method: question.method,
      host: path.address,
      port: this.#options.config.heartbeat.port,
      localAddress: path.from,
      path: question.path,
      agent: call.pooled ? this.#agentFor(node, secret) : false,
      headers:
        body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) },
      pskCallback: () => ({ psk: secret.psk, identity }),
      // There is no certificate: whoever completes the handshake has the key, and then says which node it is.
      checkServerIdentity: () => undefined,
    };
    return new Promise((resolve, reject) => {
      const request = httpsRequest(options);
      const timer = setTimeout(() => request.destroy(new Error("no answer in time")), call.limitMs);
      limitConnecting(request, Math.min(CONNECT_LIMIT_MS, call.limitMs));
      request.on("response", (response) => {
        clearTimeout(timer);
        response.on("error", () => {});
        if (response.headers["understudy-node"] === node) {
          resolve(response);
          return;
        }
        response.destroy();
        reject(new Error(`somebody else answers for ${node}`));
      });
      request.on("error", (error) => {
        clearTimeout(timer);
        reject(error);
      });
      request.end(body);
    });
  }

  #agentFor(node: string, secret: Secret): Agent {
    const key = `${node}/${secret.id}`;
    let agent = this.#agents.get(key);
    if (agent === undefined) {
      agent = new Agent({ keepAlive: true, maxSockets: 8, maxFreeSockets: 1, maxCachedSessions: 0, timeout: 20_000 });
      this.#agents.set(key, agent);
    }
    return agent;
  }
}

type Secret = ReturnType<typeof deriveSecret>;

interface Call {
  readonly node: string;
  readonly path: Path;
  readonly secret: Secret;
  readonly question: Question;
  readonly limitMs: number;
  readonly pooled: boolean;
}

function limitConnecting(request: ClientRequest, limitMs: number): void {
  request.on("socket", (socket) => {
    if (request.reusedSocket || (socket as TLSSocket).authorized) return;
    const timer = setTimeout(() => request.destroy(new Error("no connection in time")), limitMs);
    socket.once("secureConnect", () => clearTimeout(timer));
    socket.once("close", () => clearTimeout(timer));
  });
}

/** Only then is it worth trying another key. */
function isHandshakeRefused(error: unknown): boolean {
  const { code = "" } = error as NodeJS.ErrnoException;
  return code.startsWith("ERR_SSL") || code === "ECONNRESET" || code === "EPROTO";
}

async function readAnswer(response: IncomingMessage, limitMs: number): Promise<PeerAnswer> {
  const timer = setTimeout(() => response.destroy(new Error("the answer stopped in the middle")), Math.max(1, limitMs));
  try {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > ANSWER_LIMIT_BYTES) throw new Error("the answer is too large");
      chunks.push(chunk);
    }
    const pid = Number(response.headers["understudy-pid"]);
    const version = response.headers["understudy-version"];
    return {
      status: response.statusCode ?? 0,
      body: JSON.parse(Buffer.concat(chunks).toString("utf8")),
      pid: Number.isInteger(pid) ? pid : undefined,
      version: typeof version === "string" ? version : undefined,
    };
  } finally {
    clearTimeout(timer);
    if (!response.complete) response.destroy();
  }
}
