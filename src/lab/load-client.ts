/** A visitor of the site, seen from the test's side. */

import type { ClientNumbers, ClientOptions, TriesOf } from "./checks/client-process.ts";
import { summarise } from "./checks/tries.ts";
import type { Try, TrySummary } from "./checks/tries.ts";
import { nowMs, until } from "./clock.ts";
import type { Lab } from "./lab.ts";

export class LoadClient {
  readonly #lab: Lab;
  readonly #id: number;
  readonly startedMs = nowMs();

  private constructor(lab: Lab, id: number) {
    this.#lab = lab;
    this.#id = id;
  }

  /** Returns when the client is at work. */
  static async start(lab: Lab, options: ClientOptions): Promise<LoadClient> {
    return new LoadClient(lab, await lab.call("startClient", options));
  }

  numbers(): Promise<ClientNumbers> {
    return this.#lab.call("clientNumbers", { id: this.#id });
  }

  /** All requests that ended at or after a moment: on connections of their own, or on those that stand. */
  async tries(sinceMs = 0, of: TriesOf = "own"): Promise<Try[]> {
    const packed = await this.#lab.call("clientTries", { id: this.#id, sinceMs, of });
    return packed.map(([startMs, endMs, ok, word]) => ({ startMs, endMs, ok: ok === 1, word }));
  }

  /** Sums up a window; default from the client's start until now. */
  async summary({
    fromMs = this.startedMs,
    toMs = nowMs(),
  }: {
    fromMs?: number;
    toMs?: number;
  } = {}): Promise<TrySummary> {
    // The last page before the window decides how long a gap at its beginning was.
    return summarise(await this.tries(fromMs - 20_000), { fromMs, toMs });
  }

  /** Waits for a page that arrived after a moment (from a given node, if named) and returns its node. */
  async pageAfter(atMs: number, { from, limitMs = 10_000 }: { from?: string; limitMs?: number } = {}): Promise<string> {
    return await until(
      `a page${from === undefined ? "" : ` from ${from}`}`,
      async () => {
        const { node, sincePageMs } = await this.numbers();
        const isNew = sincePageMs !== undefined && nowMs() - sincePageMs > atMs;
        return isNew && (from === undefined || node === from) ? node : undefined;
      },
      { limitMs, everyMs: 10 },
    );
  }

  stop(): Promise<void> {
    return this.#lab.call("stopClient", { id: this.#id });
  }
}
