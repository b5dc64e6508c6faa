/** nginx' socket with figures: connections, requests, and which config the worker that answers runs with. */

import { request } from "node:http";

const LIMIT_MS = 2_000;
const MAX_BYTES = 4_096;

/** Questions of ours that nginx counted, by socket: nobody wants to see them among visitors' requests. */
const asked = new Map<string, number>();

/** nginx begins to count anew. */
export function forgetQuestions(socket: string): void {
  asked.delete(socket);
}

/** Figures of all workers together, since the master's start. */
export interface StatusFigures {
  readonly connections: number;
  readonly requests: number;
  /** Connections of clients that wait for their next request. */
  readonly idle: number;
  /** Requests under way, those of workers that end too. */
  readonly underWay: number;
}

/** The word of the config that an answering worker runs with; undefined: nobody answers. */
export async function readGeneration(socket: string, timeoutMs = LIMIT_MS): Promise<string | undefined> {
  return await get(socket, "/generation", timeoutMs);
}

export async function readStatus(socket: string): Promise<StatusFigures | undefined> {
  const text = await get(socket, "/status", LIMIT_MS);
  const figures = text === undefined ? undefined : parseStatus(text);
  return figures && { ...figures, requests: Math.max(0, figures.requests - (asked.get(socket) ?? 0)) };
}

/** Reads the page of `stub_status`; our own question is counted neither as a connection nor as under way. */
export function parseStatus(text: string): StatusFigures | undefined {
  const active = /^Active connections: (\d+)/m.exec(text)?.[1];
  const requests = /^\s*\d+\s+\d+\s+(\d+)\s*$/m.exec(text)?.[1];
  const [, writing, waiting] = /Writing: (\d+) Waiting: (\d+)/.exec(text) ?? [];
  if (active === undefined || requests === undefined || writing === undefined) return undefined;
  return {
    connections: Math.max(0, Number(active) - 1),
    requests: Number(requests),
    idle: Number(waiting),
    underWay: Math.max(0, Number(writing) - 1),
  };
}

function get(socketPath: string, path: string, timeoutMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const question = request({ socketPath, path, agent: false, headers: { host: "status", connection: "close" } });
    const timer = setTimeout(() => question.destroy(), timeoutMs);
    const settle = (text: string | undefined): void => {
      clearTimeout(timer);
      resolve(text);
    };
    question.on("response", (response) => {
      let text = "";
      asked.set(socketPath, (asked.get(socketPath) ?? 0) + 1);
      response.setEncoding("latin1");
      response.on("data", (chunk: string) => {
        text += chunk;
        if (text.length > MAX_BYTES) question.destroy();
      });
      response.on("end", () => settle(response.statusCode === 200 ? text : undefined));
    });
    question.on("error", () => settle(undefined));
    question.on("close", () => settle(undefined));
    question.end();
  });
}
