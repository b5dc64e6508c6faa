/**
 * The workers behind a running master: what they count, how a new one takes over, and how many old ones there may be. An
 * old worker keeps its connections until they end; its figures are asked through the master.
 */

import { renameSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Wanted } from "../../../core/balancer/wanted.ts";
import type { EngineOptions } from "../engine.ts";
import { signal } from "../process.ts";
import { Counters, FRONT_QUESTION, readWorker, SERVER_QUESTION, type WorkerCount } from "./figures.ts";
import { type Processes, readProcesses } from "./processes.ts";
import { parseServerStates, stateFileText } from "./server-state.ts";
import { ask } from "./socket.ts";

/** Reading thousands of pools takes seconds. */
export const READY_LIMIT_MS = 60_000;
export const LOOK_EVERY_MS = 10;
const LOOK_EVERY_OLD_MS = 100;
/**
 * Older workers at the same time. One more reload waits for one of them to be done, and then ends the one with the fewest
 * connections: each takes memory, and only long downloads and WebSockets hold one for long.
 */
const MAX_OLD_WORKERS = 16;
const OLD_WORKER_WAIT_MS = 10_000;

/** A file without any server, so that HAProxy does not warn of a missing one. */
const NO_STATES = "1\n";

export interface WorkersPlace {
  readonly masterSocket: string;
  /** Of the newest worker. */
  readonly runtimeSocket: string;
  readonly stateFile: string;
}

export class Workers {
  readonly counters = new Counters();
  readonly #place: WorkersPlace;
  readonly #log: EngineOptions["log"];
  #counting: Promise<unknown> = Promise.resolve();

  constructor(place: WorkersPlace, log: EngineOptions["log"]) {
    this.#place = place;
    this.#log = log;
  }

  async oldCount(): Promise<number> {
    return (await readProcesses(this.#place.masterSocket))?.old.length ?? 0;
  }

  /** Whether the runtime socket is that worker's. */
  async answers(worker: number): Promise<boolean> {
    try {
      const info = await ask(this.#place.runtimeSocket, "show info", { timeoutMs: 2_000 });
      return new RegExp(`^Pid: ${worker}$`, "m").test(info);
    } catch {
      return false;
    }
  }

  /** Takes the counts of all workers; undefined: the master does not answer. One look after the other. */
  count(): Promise<Processes | undefined> {
    const counted = this.#counting.then(() => this.#count());
    this.#counting = counted.catch(() => undefined);
    return counted;
  }

  async #count(): Promise<Processes | undefined> {
    const { masterSocket, runtimeSocket } = this.#place;
    const processes = await readProcesses(masterSocket);
    if (processes === undefined) return undefined;
    const counts = new Map<number, WorkerCount>();
    const workers = [...processes.old, ...(processes.worker === undefined ? [] : [processes.worker])];
    await Promise.all(
      workers.map(async (pid) => {
        const isNewest = pid === processes.worker;
        const put = (question: string): Promise<string> =>
          isNewest ? ask(runtimeSocket, question) : ask(masterSocket, `@!${pid} ${question}`);
        try {
          counts.set(pid, readWorker(await put(SERVER_QUESTION), await put(FRONT_QUESTION)));
        } catch {
          // It is ending; its last count is kept.
        }
      }),
    );
    this.counters.take(counts, workers);
    return processes;
  }

  /**
   * The processes once the master answers and has a worker. It does not while it replaces itself, and a reload that somebody
   * else asked for, such as an earlier self of the daemon, must not be taken for ours.
   */
  async settled(isAlive: () => boolean): Promise<Processes | undefined> {
    const limit = performance.now() + READY_LIMIT_MS;
    while (performance.now() < limit && isAlive()) {
      const now = await readProcesses(this.#place.masterSocket);
      if (now?.worker !== undefined) return now;
      await sleep(LOOK_EVERY_MS);
    }
    return undefined;
  }

  /** Makes room for one more old worker. */
  async bound(processes: Processes | undefined): Promise<void> {
    const limit = performance.now() + OLD_WORKER_WAIT_MS;
    let now = processes;
    while (now !== undefined && now.old.length >= MAX_OLD_WORKERS && performance.now() < limit) {
      await sleep(LOOK_EVERY_OLD_MS);
      now = await readProcesses(this.#place.masterSocket);
    }
    if (now === undefined || now.old.length < MAX_OLD_WORKERS) return;
    await this.count();
    const counted = now.old.map((pid) => ({ pid, connections: this.counters.connectionsOf(pid) }));
    counted.sort((a, b) => a.connections - b.connections);
    for (const { pid, connections } of counted.slice(0, counted.length - MAX_OLD_WORKERS + 1)) {
      this.#log("warn", "ends an old worker of haproxy: too many reloads follow one another", { pid, connections });
      signal(pid, "SIGTERM");
    }
  }

  /** Health that the checks found, for the next worker. Without it checks begin anew, which is no reason to stop. */
  async keepHealth(next: Wanted): Promise<void> {
    try {
      const states = parseServerStates(await ask(this.#place.runtimeSocket, "show servers state"));
      this.#writeStates(stateFileText(states, next));
    } catch (error) {
      this.forgetHealth();
      this.#log("warn", "members' health could not be kept over the reload", { detail: String(error) });
    }
  }

  forgetHealth(): void {
    this.#writeStates(NO_STATES);
  }

  #writeStates(text: string): void {
    const { stateFile } = this.#place;
    writeFileSync(`${stateFile}.next`, text, { mode: 0o640 });
    renameSync(`${stateFile}.next`, stateFile);
  }

  /** Lets the master load what is live now; true when a new worker took over, false when that failed or it ended. */
  async replace(isAlive: () => boolean): Promise<boolean> {
    const { masterSocket } = this.#place;
    const before = await this.settled(isAlive);
    if (before === undefined) return false;
    // The master closes the connection in the midst of replacing itself.
    await ask(masterSocket, "reload").catch(() => "");
    const limit = performance.now() + READY_LIMIT_MS;
    while (performance.now() < limit && isAlive()) {
      const now = await readProcesses(masterSocket);
      if (now !== undefined && now.reloads !== before.reloads) {
        if (now.failed > 0) return false;
        const isNew = now.worker !== undefined && now.worker !== before.worker;
        if (isNew && now.worker !== undefined && (await this.answers(now.worker))) return true;
      }
      await sleep(LOOK_EVERY_MS);
    }
    return false;
  }
}
