/**
 * The command line's side of the Unix socket. A failure to reach a daemon is told with its usual cause and the
 * next step, because it is what an operator meets first.
 */

import { request as httpRequest } from "node:http";
import type { IncomingMessage } from "node:http";

import { socketPath } from "../api/socket.ts";
import type { Problem, RequestAnswer, Verb } from "../api/types.ts";

/** Where a daemon keeps its socket unless told otherwise. */
export const DEFAULT_RUNTIME_DIR = "/run/understudy";

/** Longest wait for an ordinary answer; a daemon that decides something may take longer. */
const ANSWER_LIMIT_MS = 10_000;
const REQUEST_LIMIT_MS = 60_000;

/** What went wrong between here and the daemon; printed by whoever catches it. */
export class DaemonError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(({ message }) => message).join("; "));
    this.name = "DaemonError";
    this.problems = problems;
  }
}

/** Asks the daemon in a runtime directory; throws a `DaemonError`. */
export class DaemonClient {
  readonly #runtimeDir: string;

  constructor(runtimeDir: string) {
    this.#runtimeDir = runtimeDir;
  }

  /** The answer to a question, as JSON. */
  async get<T>(path: string): Promise<T> {
    const response = await this.#open("GET", path, undefined, ANSWER_LIMIT_MS);
    const body = await this.#readJson(response);
    if (response.statusCode === 200) return body as T;
    throw new DaemonError(problemsIn(body));
  }

  /** Asks for something to be done; a refusal is thrown as the problems that the daemon named. */
  async submit(verb: Verb): Promise<Extract<RequestAnswer, { ok: true }>> {
    return await this.post<RequestAnswer>("/v1/requests", verb);
  }

  /** Like `submit`, for what has a path of its own. */
  async post<T extends { readonly ok: boolean }>(path: string, asked: object): Promise<Extract<T, { ok: true }>> {
    const response = await this.#open("POST", path, asked, REQUEST_LIMIT_MS);
    const body = (await this.#readJson(response)) as T;
    if (response.statusCode === 200 && body.ok) return body as Extract<T, { ok: true }>;
    throw new DaemonError(problemsIn(body));
  }

  /** Lines of a stream that ends when the daemon ends. */
  async *lines(path: string): AsyncGenerator<string> {
    const response = await this.#open("GET", path, undefined, ANSWER_LIMIT_MS);
    if (response.statusCode !== 200) throw new DaemonError(problemsIn(await this.#readJson(response)));
    let rest = "";
    try {
      for await (const chunk of response.setEncoding("utf8") as AsyncIterable<string>) {
        const lines = (rest + chunk).split("\n");
        rest = lines.pop() ?? "";
        yield* lines.filter((line) => line !== "");
      }
    } catch (error) {
      throw this.#unreachable(error);
    }
  }

  #open(method: "GET" | "POST", path: string, body: unknown, limitMs: number): Promise<IncomingMessage> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const headers =
        text === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
      const request = httpRequest({ socketPath: socketPath(this.#runtimeDir), method, path, headers, agent: false });
      const timer = setTimeout(() => request.destroy(new Error(`no answer within ${limitMs / 1_000} s`)), limitMs);
      request.on("response", (response) => {
        clearTimeout(timer);
        resolve(response);
      });
      request.on("error", (error) => {
        clearTimeout(timer);
        reject(this.#unreachable(error));
      });
      request.end(text);
    });
  }

  async #readJson(response: IncomingMessage): Promise<unknown> {
    try {
      let text = "";
      for await (const chunk of response.setEncoding("utf8") as AsyncIterable<string>) text += chunk;
      return JSON.parse(text);
    } catch (error) {
      throw this.#unreachable(error);
    }
  }

  #unreachable(error: unknown): DaemonError {
    return new DaemonError([explainFailure(error as NodeJS.ErrnoException, this.#runtimeDir)]);
  }
}

function explainFailure(error: NodeJS.ErrnoException, runtimeDir: string): Problem {
  const path = socketPath(runtimeDir);
  switch (error.code) {
    case "ENOENT":
    case "ECONNREFUSED":
    case "ENOTDIR":
      return {
        code: "NO_DAEMON",
        severity: "error",
        message: `no daemon listens on ${path}`,
        next: "start it with `systemctl start understudy`, or name its directory with `--runtime-dir DIR`",
      };
    case "EACCES":
    case "EPERM":
      return {
        code: "NOT_ALLOWED",
        severity: "error",
        message: `you may not open ${path}`,
        next: "run this as root, or as a member of the group `understudy`",
      };
    default:
      return {
        code: "DAEMON_SILENT",
        severity: "error",
        message: `the daemon on ${path} does not answer: ${error.message}`,
        next: "look at its journal: `journalctl -u understudy`",
      };
  }
}

function problemsIn(body: unknown): readonly Problem[] {
  const problems = (body as { problems?: unknown } | null)?.problems;
  if (Array.isArray(problems) && problems.length > 0) return problems as readonly Problem[];
  return [
    {
      code: "ANSWER_UNREADABLE",
      severity: "error",
      message: "the daemon's answer cannot be read",
      next: "run the same version here and there",
    },
  ];
}
