/** Timers as the loop wants them: those of Node, and the kernel's. */

import type { Timers } from "./loop.ts";

/** setTimeout and setImmediate of this thread. */
export const nodeTimers: Timers = {
  after: (delayMs, run) => setTimeout(run, Math.ceil(delayMs)),
  cancel(timer) {
    clearTimeout(timer as NodeJS.Timeout | undefined);
  },
  soon(run) {
    setImmediate(run);
  },
};

/** An alarm clock for one timer at a time, which is all that a loop sets. */
export interface OneAlarm {
  set(delayMs: number, run: () => void): void;
  clear(): void;
}

/** Timers of which at most one is set: another one replaces it. */
export function alarmTimers(alarm: OneAlarm): Timers {
  return {
    after(delayMs, run) {
      alarm.set(delayMs, run);
      return run;
    },
    cancel: () => alarm.clear(),
    soon: nodeTimers.soon,
  };
}
