/** A heart in its thread: messages of the main thread in, the heart's out, and the thread's end. */

import { parentPort, workerData } from "node:worker_threads";
import { stopWatching } from "../../host/linux/libc.ts";
import type { FromHeart, HeartOptions, ToHeart } from "./messages.ts";
import { type HeartSurroundings, runHeart } from "./run.ts";
import type { Timers } from "./loop.ts";
import { nodeTimers } from "./timers.ts";

/** Runs a heart on what `open` gives it until the main thread ends it; whatever fails is told as `fatal`. */
export async function serveHeart(
  open: (
    options: HeartOptions,
    post: (message: FromHeart) => void,
  ) => Pick<HeartSurroundings, "machine" | "node" | "chores" | "checkpoints"> & { readonly timers?: Timers },
): Promise<void> {
  const port = parentPort;
  if (port === null) throw new Error("the heart runs only in a thread of the daemon");
  const options = workerData as HeartOptions;
  const post = (message: FromHeart): void => port.postMessage(message);
  // What was posted arrives before the thread's end is seen; sockets and timers may still stand, so it ends itself.
  const end = (code: number): void => stopWatching(() => process.exit(code));
  const early: ToHeart[] = [];
  let tell = (message: ToHeart): void => void early.push(message);
  port.on("message", (message: ToHeart) => tell(message));
  try {
    const heart = await runHeart(options, {
      timers: nodeTimers,
      ...open(options, post),
      post,
      broken: () => end(1),
      ended: () => end(0),
    });
    process.on("uncaughtException", (error) => heart.broke(error));
    tell = heart.tell;
    for (const message of early) tell(message);
  } catch (error) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    post({
      kind: "fatal",
      message,
      next: "see the message; `understudy check` tells whether the cluster file is at fault",
    });
    end(1);
  }
}
