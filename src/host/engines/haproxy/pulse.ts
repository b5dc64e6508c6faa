/**
 * How HAProxy's pulse is felt: master and worker are asked twice a second, and whoever is silent or refuses for long is
 * lost. Soon, when the kernel says that somebody stopped a process; later, when it may only have too little of the
 * processor, since to end it costs every connection. (A dead worker ends its master.)
 */

import { Pulse } from "../pulse.ts";
import { ask } from "./socket.ts";

const EVERY_MS = 500;
const STOPPED_MS = 2_500;
const SILENT_MS = 10_000;

export interface HaproxyPulseOptions {
  readonly master: string;
  readonly worker: string;
  /** Whether one of its processes is stopped. */
  readonly isStopped: () => boolean;
  /** Once per loss. */
  readonly lost: (detail: string) => void;
}

export function pulseOfHaproxy({ master, worker, isStopped, lost }: HaproxyPulseOptions): Pulse {
  return new Pulse({
    everyMs: EVERY_MS,
    silentMs: () => (isStopped() ? STOPPED_MS : SILENT_MS),
    complaint: async () => {
      const [first, second] = await Promise.all([silence(master, "show proc"), silence(worker, "show info")]);
      if (first !== undefined) return `haproxy's master does not answer: ${first}`;
      return second === undefined ? undefined : `haproxy's worker does not answer: ${second}`;
    },
    lost,
  });
}

async function silence(socket: string, question: string): Promise<string | undefined> {
  try {
    const answer = await ask(socket, question, { timeoutMs: STOPPED_MS });
    return answer.trim() === "" ? "it says nothing" : undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
