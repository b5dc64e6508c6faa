/**
 * Listens to what the daemons record, each from its own socket, for as long as a run lasts. A daemon that dies is asked
 * again when it is back, from where it left off, so nothing that reached its disk is missed.
 */

import { request } from "node:http";
import type { ClientRequest } from "node:http";
import { createInterface } from "node:readline";
import { join } from "node:path";
import type { EventRecord, NodeView } from "../../api/types.ts";
import { nowMs, pause } from "../clock.ts";
import type { Lab } from "../lab.ts";
import type { LabNode } from "../lab-node.ts";

/** A decision with the moment at which we heard of it, which is the observers' clock and not the node's. */
export interface Decision {
  readonly heardMs: number;
  readonly record: EventRecord;
}

/** What a daemon said of a group's epoch. */
export interface EpochSeen {
  readonly atMs: number;
  readonly node: string;
  readonly incarnation: string;
  readonly group: string;
  readonly epoch: number;
}

const RETRY_MS = 200;
const LOOK_EVERY_MS = 1_000;
const LOOK_LIMIT_MS = 800;
const MOST_DECISIONS = 200_000;

export class DecisionLog implements Disposable {
  readonly #lab: Lab;
  readonly #decisions: Decision[] = [];
  readonly #epochs: EpochSeen[] = [];
  readonly #ids = new Set<string>();
  readonly #streams = new Set<ClientRequest>();
  #isOver = false;

  constructor(lab: Lab) {
    this.#lab = lab;
    for (const node of lab.nodes) {
      void this.#follow(node);
      void this.#look(node);
    }
  }

  /** Decisions heard so far, in the order in which they were heard. */
  list(): readonly Decision[] {
    return this.#decisions;
  }

  epochs(): readonly EpochSeen[] {
    return this.#epochs;
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    for (const stream of this.#streams) stream.destroy();
  }

  async #follow(node: LabNode): Promise<void> {
    while (!this.#isOver) {
      await this.#listen(node);
      await pause(RETRY_MS);
    }
  }

  /** One stream, to its end. */
  #listen(node: LabNode): Promise<void> {
    const socketPath = join(node.paths.runtimeDirectory, "understudy.sock");
    return new Promise((resolve) => {
      const asking = request({ socketPath, path: "/v1/own-events" });
      this.#streams.add(asking);
      asking.on("response", (response) => {
        const lines = createInterface({ input: response });
        lines.on("line", (line) => this.#heard(line));
        lines.on("error", () => {}); // the same
        response.on("error", () => {}); // "close" follows
        response.on("close", resolve);
      });
      asking.on("error", () => resolve()); // it is not there now
      asking.on("close", () => {
        this.#streams.delete(asking);
        resolve();
      });
      asking.end();
    });
  }

  #heard(line: string): void {
    if (line === "" || this.#decisions.length >= MOST_DECISIONS) return;
    const record = parse(line);
    if (record === undefined || this.#ids.has(record.id)) return;
    this.#ids.add(record.id);
    this.#decisions.push({ heardMs: nowMs(), record });
  }

  /** Asks for the node's own view now and then: what it believes of epochs. */
  async #look(node: LabNode): Promise<void> {
    while (!this.#isOver) {
      const view = await this.#lab.view(node.name, LOOK_LIMIT_MS).catch((): NodeView | undefined => undefined);
      for (const { name, epoch } of view?.groups ?? []) {
        this.#epochs.push({ atMs: nowMs(), node: node.name, incarnation: view?.incarnation ?? "", group: name, epoch });
      }
      await pause(LOOK_EVERY_MS);
    }
  }
}

/** A record, or undefined for a line that a daemon's death cut off. */
function parse(line: string): EventRecord | undefined {
  try {
    return JSON.parse(line) as EventRecord;
  } catch {
    return undefined;
  }
}
