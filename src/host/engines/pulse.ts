/**
 * Notices an engine that lives and does not work: it is asked again and again, and when it was silent for long it is lost.
 * (The end of its master is told by the kernel at once.) How it is asked, and how long is long, is the driver's.
 */

export interface PulseOptions {
  readonly everyMs: number;
  /** Silence after which it is lost; looked at whenever an answer fails. */
  readonly silentMs: () => number;
  /** What is wrong, or undefined when it answered. Never rejects. */
  readonly complaint: () => Promise<string | undefined>;
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
      void this.#options.complaint().then((complaint) => {
        isAsking = false;
        if (turn !== this.#turn) return;
        if (complaint === undefined) answeredAt = performance.now();
        else if (performance.now() - answeredAt >= this.#options.silentMs()) {
          this.stop();
          this.#options.lost(complaint);
        }
      });
    }, this.#options.everyMs);
    this.#timer.unref();
  }

  stop(): void {
    this.#turn += 1;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
