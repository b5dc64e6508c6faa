/**
 * Notices an nginx that lives and does not work: it is asked once a second, and when it is silent for long it is lost.
 * (The end of its master is told by the kernel at once; a dead worker is replaced by its master.)
 */

import { readGeneration } from "./status.ts";

const EVERY_MS = 1_000;
const SILENT_MS = 2_500;

export interface PulseOptions {
  readonly socket: string;
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
      void readGeneration(this.#options.socket, SILENT_MS).then((answer) => {
        isAsking = false;
        if (turn !== this.#turn) return;
        if (answer !== undefined) answeredAt = performance.now();
        else if (performance.now() - answeredAt >= SILENT_MS) {
          this.stop();
          this.#options.lost("nginx does not answer on its own socket");
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
}
