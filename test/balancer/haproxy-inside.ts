/**
 * Runs rendered HAProxy configs inside a network, mount and process namespace of its own, as its first process, with web
 * servers behind that tell their pool. Asked over its standard input and output.
 */

import { execFile, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import type { RenderedFile } from "../../src/core/balancer/wanted.ts";
import { until } from "../../src/lab/clock.ts";
import { LineChannel } from "../../src/lab/line-channel.ts";
import { ask, type Question } from "../../src/lab/traffic/ask.ts";

/** A file system of its own, gone with the namespace. */
const FOLDER = "/run";

export interface ServeRequest {
  readonly files: readonly RenderedFile[];
  readonly members: readonly { readonly name: string; readonly address: string; readonly port: number }[];
  /** That answers when HAProxy does. */
  readonly port: number;
}

export interface AskRequest {
  readonly questions: readonly Omit<Question, "address">[];
}

/** What came of a question. */
export interface Told {
  readonly status: number;
  readonly location: string | undefined;
  /** By the member that answered; undefined when none did. */
  readonly member: string | undefined;
  /** Headers that the member got. */
  readonly received: Readonly<Record<string, string>> | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

await promisify(execFile)("ip", ["link", "set", "lo", "up"]);
await promisify(execFile)("mount", ["-t", "tmpfs", "none", FOLDER]);

const started = new Set<string>();
let haproxy: ChildProcess | undefined;
let words = "";

async function serve({ files, members, port }: ServeRequest): Promise<void> {
  for (const { path, content } of [
    ...files,
    { path: "users.cfg", content: "# nobody\n" },
    { path: "servers.state", content: "1\n" },
  ]) {
    mkdirSync(dirname(join(FOLDER, path)), { recursive: true });
    writeFileSync(join(FOLDER, path), content);
  }
  for (const { name, address, port } of members) {
    if (started.has(name)) continue;
    started.add(name);
    createServer((request, response) => {
      response.setHeader("X-Member", name);
      response.end(JSON.stringify(request.headers));
    }).listen(port, address);
  }
  await stop();
  const child = spawn("haproxy", ["-f", join(FOLDER, "haproxy.cfg"), "-f", join(FOLDER, "users.cfg")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  haproxy = child;
  words = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (words += text));
  await until(
    `HAProxy listens on ${port}`,
    () => (child.exitCode === null ? isOpen(port) : Promise.reject(new Error(words))),
    {
      limitMs: 10_000,
    },
  );
}

async function stop(): Promise<void> {
  const child = haproxy;
  if (child === undefined || child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await ended;
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

async function tell(question: Omit<Question, "address">): Promise<Told> {
  const { status, headers, body } = await ask({ address: "127.0.0.1", ...question });
  const member = headers["x-member"];
  return {
    status,
    location: headers["location"],
    member,
    received: member === undefined ? undefined : JSON.parse(body),
    headers,
  };
}

const channel = new LineChannel(process.stdin, process.stdout, async (method, params) => {
  if (method === "serve") return await serve(params as ServeRequest);
  if (method !== "ask") throw new Error(`nobody knows ${method} here`);
  const answers: Told[] = [];
  for (const question of (params as AskRequest).questions) answers.push(await tell(question));
  return answers;
});
await channel.closed;
process.exit(0);
