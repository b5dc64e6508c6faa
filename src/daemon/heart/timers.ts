/** Node's timers as the loop wants them. */

import type { Timers } from "./loop.ts";

/** setTimeout and setImmediate of this thread. */
export const nodeTimers: Timers = {
  after: (delayMs, run) => setTimeout(run, delayMs),
  cancel(timer) {
    clearTimeout(timer as NodeJS.Timeout | undefined);
  },
  soon(run) {
    setImmediate(run);
  },
};
