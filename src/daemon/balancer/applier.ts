/**
 * Many changes, few applies: what is wanted is gathered for a moment, one apply is under way at a time, and of all that
 * is wanted meanwhile only the latest follows. So a thousand members that go down together cost one reload.
 */

/** Long enough for changes with one cause, short enough that nobody waits for it. */
const GATHER_MS = 20;

export interface ApplierOptions<T, R> {
  readonly apply: (wanted: T) => Promise<R>;
  readonly gatherMs?: number;
}

interface Next<T, R> {
  readonly wanted: T;
  readonly waiting: ((result: R) => void)[];
}

export class Applier<T, R> {
  readonly #options: ApplierOptions<T, R>;
  #next: Next<T, R> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: ApplierOptions<T, R>) {
    this.#options = options;
  }

  /** Puts this into effect soon, unless something newer is wanted before. */
  want(wanted: T): void {
    this.#next = { wanted, waiting: this.#next?.waiting ?? [] };
    if (this.#running === undefined) this.#timer ??= setTimeout(() => this.#run(), this.#options.gatherMs ?? GATHER_MS);
  }

  /** Puts this into effect at once; resolves with the result of the apply that contained it or something newer. */
  now(wanted: T): Promise<R> {
    return new Promise((resolve) => {
      this.#next = { wanted, waiting: [...(this.#next?.waiting ?? []), resolve] };
      this.#run();
    });
  }

  /** Nothing more is begun; resolves when what is under way is over. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #run(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#running ??= this.#applyAll();
  }

  async #applyAll(): Promise<void> {
    while (this.#next !== undefined && !this.#isClosed) {
      const { wanted, waiting } = this.#next;
      this.#next = undefined;
      const result = await this.#options.apply(wanted);
      for (const resolve of waiting) resolve(result);
    }
    // In the turn that found nothing more to do: what is wanted a moment later begins anew.
    this.#running = undefined;
  }
}
