/**
 * The heart's thread: opens the machine, asks for real-time scheduling and runs. Started by `startHeart` in
 * handle.ts; see messages.ts for what it says and hears.
 */

import { parentPort, workerData } from "node:worker_threads";
import { Node } from "../../core/node/node.ts";
import { openMachine } from "../../host/linux/machine.ts";
import { realtime } from "../../host/linux/realtime.ts";
import type { FromHeart, HeartOptions, ToHeart } from "./messages.ts";
import { runHeart } from "./run.ts";
import { nodeTimers } from "./timers.ts";

async function main(): Promise<void> {
  const port = parentPort;
  if (port === null) throw new Error("the heart runs only in a thread of the daemon");
  const options = workerData as HeartOptions;
  const post = (message: FromHeart): void => port.postMessage(message);
  const early: ToHeart[] = [];
  let tell = (message: ToHeart): boolean => {
    early.push(message);
    return false;
  };
  // What was posted arrives before the thread's end is seen; sockets and timers may still stand, so it ends itself.
  const end = (code: number): void => process.exit(code);
  port.on("message", (message: ToHeart) => {
    if (tell(message)) end(0);
  });
  try {
    const scheduling = realtime();
    if (!scheduling.ok) {
      post({ kind: "log", level: "warn", message: "no real-time scheduling for heartbeats", fields: { reason: scheduling.reason } });
    }
    const machine = openMachine();
    const node = new Node({ config: options.config, configHash: options.configHash, node: options.node });
    const heart = await runHeart(options, { machine, node, timers: nodeTimers, post, broken: () => end(1) });
    tell = heart.tell;
    for (const message of early) if (tell(message)) end(0);
  } catch (error) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    post({ kind: "fatal", message, next: "see the message; `understudy check` tells whether the cluster file is at fault" });
    end(1);
  }
}

await main();
