/**
 * Notices an engine that lives and does not work: master and worker are asked twice a second, and whoever is silent or
 * refuses for long is lost. Soon, when the kernel says that somebody stopped a process; later, when it may only have too
 * little of the processor, since to end it costs every connection. (The end of the master itself is told by the kernel at
 * once; a dead worker ends its master.)
 */

import { ask } from "./socket.ts";

const EVERY_MS = 500;
const STOPPED_MS = 2_500;
const SILENT_MS = 10_000;

export interface PulseOptions {
  readonly master: string;
  readonly worker: string;
  /** Whether one of its processes is stopped. */
  readonly isStopped: () => boolean;
  /** Once per loss. */
  readonly lost: (detail: string) => void;
}

export class Pulse {
  readonly #options: PulseOptions;
  #timer: NodeJS.Timeout | undefined;
  /** Answers to an earlier start count no more. */
  #turn = 0;

  constructor(options: PulseOptions) {
    this.#options = options;
  }

  start(): void {
    this.stop();
    const turn = this.#turn;
    let answeredAt = performance.now();
    let isAsking = false;
    this.#timer = setInterval(() => {
      if (isAsking) return;
      isAsking = true;
      void this.#complaint().then((complaint) => {
        isAsking = false;
        if (turn !== this.#turn) return;
        if (complaint === undefined) answeredAt = performance.now();
        else if (performance.now() - answeredAt >= (this.#options.isStopped() ? STOPPED_MS : SILENT_MS)) {
          this.stop();
          this.#options.lost(complaint);
        }
      });
    }, EVERY_MS);
    this.#timer.unref();
  }

  stop(): void {
    this.#turn += 1;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #complaint(): Promise<string | undefined> {
    const { master, worker } = this.#options;
    const [first, second] = await Promise.all([silence(master, "show proc"), silence(worker, "show info")]);
    if (first !== undefined) return `haproxy's master does not answer: ${first}`;
    return second === undefined ? undefined : `haproxy's worker does not answer: ${second}`;
  }
}

async function silence(socket: string, question: string): Promise<string | undefined> {
  try {
    const answer = await ask(socket, question, { timeoutMs: STOPPED_MS });
    return answer.trim() === "" ? "it says nothing" : undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
