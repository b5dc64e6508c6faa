/**
 * Runs recordings again in a thread of its own, and waits for the answer. Not for speed of its own: objects that were
 * read from a recording have other hidden shapes than those that the core makes, and once both were seen every
 * access in the core takes longer, for the rest of the process (measured: the simulator lost a third of its speed).
 */

import { MessageChannel, receiveMessageOnPort, Worker, type MessagePort } from "node:worker_threads";
import type { Checkpoint } from "../../core/node/checkpoint.ts";
import type { NodeOptions } from "../../core/node/node.ts";

/** What to run again. */
export interface RerunJob {
  readonly options: NodeOptions;
  readonly checkpoint: Checkpoint | undefined;
  readonly batches: readonly string[];
}

/** What came of it; `difference` says what, in a sentence. */
export interface RerunAnswer {
  readonly steps: number;
  readonly decisions: number;
  readonly difference: string | undefined;
}

/** `workerData` of the thread. */
export interface RerunThread {
  readonly port: MessagePort;
  /** One number: 1 when an answer waits in the port. */
  readonly flag: SharedArrayBuffer;
}

/** Far longer than any segment takes, also on a busy machine. */
const ANSWER_LIMIT_MS = 60_000;

let thread: { readonly port: MessagePort; readonly flag: Int32Array } | undefined;

/** Runs it again; throws when the thread does not answer. */
export function rerunApart(job: RerunJob): RerunAnswer {
  thread ??= startThread();
  const { port, flag } = thread;
  Atomics.store(flag, 0, 0);
  port.postMessage(job);
  Atomics.wait(flag, 0, 0, ANSWER_LIMIT_MS);
  const received = receiveMessageOnPort(port);
  if (received === undefined) throw new Error("the thread that runs recordings again does not answer");
  return received.message as RerunAnswer;
}

function startThread(): NonNullable<typeof thread> {
  const { port1, port2 } = new MessageChannel();
  const flag = new SharedArrayBuffer(4);
  const ending = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const worker = new Worker(new URL(`./rerun-thread.${ending}`, import.meta.url), {
    workerData: { port: port2, flag } satisfies RerunThread,
    transferList: [port2],
  });
  // It must not keep the process alive.
  worker.unref();
  port1.unref();
  return { port: port1, flag: new Int32Array(flag) };
}
