/**
 * From a change of the cluster file to the first request that sees it: a real daemon with its engine; the file is written,
 * `understudy reload`'s question is asked over the daemon's socket, and a client asks all the time on new connections.
 */

import { renameSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import type { EngineName } from "../../src/core/config/balancer.ts";
import { pause, until } from "../../src/lab/clock.ts";
import { packageRoot } from "../../src/lab/plan.ts";
import { ADDRESSES, ROOM, startAt, writeInRoom } from "./wire.ts";

export interface Changes {
  readonly engine: EngineName;
  /** From the moment before the file is written. */
  readonly seenMs: readonly number[];
  /** Until the daemon said that it is done. */
  readonly answeredMs: readonly number[];
}

const PORT = 8_088;
const HEADER = "x-generation";
const START_LIMIT_MS = 30_000;

function fileText(engine: EngineName, generation: number): string {
  return `cluster: bench
key: ${ROOM}/cluster.key
nodes: { srv1: { address: ${ADDRESSES.balancer[0]} } , srv2: { address: 10.9.0.9 } }
groups: { www: { resources: [{ vip: 10.9.0.30/24 }] } }
balancer:
  engine: ${engine}
  sites:
    example.com:
      aliases: ["*"]
      listen: "${ADDRESSES.balancer[0]}:${PORT}"
      pool: web
      response-headers: { X-Generation: "${generation}" }
  pools:
    web: { members: { srv1: "${ADDRESSES.web[0]}:8000", other: "${ADDRESSES.web[1]}:8000" } }
`;
}

/** Both engines, one after the other, each under a daemon of its own. */
export async function measureChanges(times: number, told: (line: string) => void): Promise<Changes[]> {
  writeInRoom("cluster.key", `${"5e".repeat(32)}\n`, 0o600);
  const found: Changes[] = [];
  for (const engine of ["haproxy", "nginx"] as const) {
    const one = await changesOf(engine, times);
    told(`${engine}: change seen after ${one.seenMs.map((ms) => Math.round(ms)).join(", ")} ms`);
    found.push(one);
  }
  return found;
}

async function changesOf(engine: EngineName, times: number): Promise<Changes> {
  const folder = `daemon-${engine}`;
  const file = writeInRoom(`${folder}/cluster.yaml`, fileText(engine, 0));
  const runtime = join(ROOM, folder, "run");
  const daemon = startAt("balancer", folder, [
    ...[process.execPath, join(packageRoot, "src/cli/main.ts"), "daemon", "--node", "srv1", "--config", file],
    ...["--state-dir", join(ROOM, folder, "state"), "--runtime-dir", runtime],
  ]);
  await until(`${engine} serves`, async () => (await generation()) === 0, { limitMs: START_LIMIT_MS });
  const seenMs: number[] = [];
  const answeredMs: number[] = [];
  for (let number = 1; number <= times; number++) {
    const began = performance.now();
    renameSync(writeInRoom(`${folder}/next.yaml`, fileText(engine, number)), file);
    const answered = reload(join(runtime, "understudy.sock")).then(() => performance.now() - began);
    while ((await generation()) !== number) {
      if (performance.now() - began > START_LIMIT_MS) throw new Error(`change ${number} was never seen`);
    }
    seenMs.push(performance.now() - began);
    answeredMs.push(await answered);
    await pause(200); // old workers leave; the next change meets an engine at rest
  }
  daemon.kill("SIGTERM");
  await new Promise((resolve) => daemon.once("exit", resolve));
  return { engine, seenMs, answeredMs };
}

/** What the site's header says on a new connection; undefined without an answer. */
function generation(): Promise<number | undefined> {
  return new Promise((resolve) => {
    const asking = request({ host: ADDRESSES.balancer[0], port: PORT, path: "/1k", agent: false, timeout: 1_000 });
    asking.on("response", (response) => {
      response.resume();
      const text = response.headers[HEADER];
      response.on("close", () => resolve(typeof text === "string" ? Number(text) : undefined));
    });
    asking.on("timeout", () => asking.destroy());
    asking.on("error", () => resolve(undefined));
    asking.end();
  });
}

/** What `understudy reload` asks. */
function reload(socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath, method: "POST", path: "/v1/reload", timeout: START_LIMIT_MS });
    asking.setHeader("content-type", "application/json");
    asking.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("end", () => {
        const isDone = response.statusCode === 200 && (JSON.parse(text) as { ok?: boolean }).ok === true;
        if (isDone) resolve();
        else reject(new Error(`reload: ${response.statusCode} ${text}`));
      });
    });
    asking.on("error", reject);
    asking.end("{}");
  });
}
