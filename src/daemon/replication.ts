/**
 * Copies what the other nodes record, so that a decision can be asked for after the node that took it died:
 * one stream per node over the control channel, opened again for ever with growing pauses.
 */

import type { IncomingMessage } from "node:http";

import { readEvent } from "../api/schemas.ts";
import { STREAM_KEEPALIVE_MS } from "../api/server.ts";
import type { Recorder } from "./recorder.ts";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
/** A stream without even an empty line for so long is dead. */
const SILENCE_LIMIT_MS = 3 * STREAM_KEEPALIVE_MS;
/** Longest line that is read. */
const LINE_LIMIT_BYTES = 65_536;

export interface ReplicationOptions {
  readonly peers: readonly string[];
  readonly recorder: Recorder;
  readonly openStream: (node: string, path: string) => Promise<IncomingMessage>;
}

/** Starts copying; returns a function that ends it. */
export function startReplication(options: ReplicationOptions): () => void {
  const controller = new AbortController();
  for (const peer of options.peers) void copyFor(peer, options, controller.signal);
  return () => controller.abort();
}

async function copyFor(peer: string, options: ReplicationOptions, signal: AbortSignal): Promise<void> {
  let pauseMs = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    try {
      const stream = await options.openStream(peer, `/v1/own-events?after=${options.recorder.lastCounterOf(peer)}`);
      pauseMs = FIRST_PAUSE_MS;
      await copy(stream, peer, options.recorder, signal);
    } catch {
      // A silent node is the membership's news, not ours.
    }
    await pause(pauseMs, signal);
    pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
  }
}

function copy(stream: IncomingMessage, peer: string, recorder: Recorder, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let rest = "";
    const cut = (): void => {
      stream.destroy();
    };
    let timer = setTimeout(cut, SILENCE_LIMIT_MS);
    signal.addEventListener("abort", cut, { once: true });
    stream.setEncoding("utf8");
    stream.on("data", (chunk: string) => {
      clearTimeout(timer);
      timer = setTimeout(cut, SILENCE_LIMIT_MS);
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      if (rest.length > LINE_LIMIT_BYTES) cut();
      for (const line of lines) adoptLine(line, peer, recorder);
    });
    stream.on("error", () => {});
    stream.on("close", () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", cut);
      resolve();
    });
  });
}

function adoptLine(line: string, peer: string, recorder: Recorder): void {
  if (line === "") return;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return;
  }
  const record = readEvent(value);
  // A node may speak only for itself.
  if (record !== undefined && record.by === peer && record.id.startsWith(`${peer}:`)) recorder.adopt(record);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(done, ms);
    timer.unref();
    signal.addEventListener("abort", done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
  });
}
