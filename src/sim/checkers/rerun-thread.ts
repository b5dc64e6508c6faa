/** The thread that runs recordings again; see rerun-apart.ts. It answers every job with one message. */

import { workerData } from "node:worker_threads";
import { stateShape } from "../../core/node/checkpoint.ts";
import { Rerun } from "../../core/recording/rerun.ts";
import type { Batch } from "../../core/recording/tape.ts";
import type { RerunAnswer, RerunJob, RerunThread } from "./rerun-apart.ts";

const { port, flag } = workerData as RerunThread;
const isAnswered = new Int32Array(flag);

port.on("message", (job: RerunJob) => {
  port.postMessage(answer(job));
  Atomics.store(isAnswered, 0, 1);
  Atomics.notify(isAnswered, 0);
});

function answer({ options, checkpoint, batches }: RerunJob): RerunAnswer {
  try {
    const start = { ...options, software: "", shape: stateShape(), incarnation: "" };
    const rerun = new Rerun(start, checkpoint, { toleratesMessages: false });
    for (const text of batches) rerun.run(JSON.parse(text) as Batch);
    const { steps, decisions, divergence } = rerun;
    return { steps, decisions, difference: divergence && JSON.stringify(divergence) };
  } catch (error) {
    const difference = `it cannot be run again: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
    return { steps: 0, decisions: 0, difference };
  }
}
