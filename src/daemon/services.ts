/**
 * Performs the core's `run` effects: one action at a time for each resource, in the order in which they were
 * asked for, and every one is answered exactly once, because the core waits for the answer.
 */

import type { RunEffect } from "../core/node/effects.ts";
import { describeResult } from "../host/commands.ts";
import type { Commands } from "../host/ports.ts";
import type { HeartPort } from "./heart-port.ts";
import { environmentFor } from "./release.ts";
import type { RunningList } from "./running.ts";

/** Actions of one resource that wait; the core never asks for more than a few. */
const QUEUE_LIMIT = 8;

export interface ServicesOptions {
  readonly node: string;
  readonly commands: Commands;
  readonly heart: Pick<HeartPort, "post">;
  readonly running: Pick<RunningList, "started" | "stopped">;
  /** How a resource is stopped, for the record of what runs; undefined for unknown resources. */
  readonly stopOf: (resource: string) => RunEffect["command"] | undefined;
}

/** The runner of all groups' services. */
export class Services {
  readonly #options: ServicesOptions;
  readonly #queues = new Map<string, RunEffect[]>();

  constructor(options: ServicesOptions) {
    this.#options = options;
  }

  /** Performs it now or after what runs for the same resource; the result goes to the heart. */
  perform(effect: RunEffect): void {
    const queue = this.#queues.get(effect.resource);
    if (queue === undefined) {
      const fresh = [effect];
      this.#queues.set(effect.resource, fresh);
      void this.#drain(effect.resource, fresh);
      return;
    }
    if (queue.length >= QUEUE_LIMIT) {
      this.#answer(effect, false, "too many actions wait for this resource");
      return;
    }
    queue.push(effect);
  }

  async #drain(resource: string, queue: RunEffect[]): Promise<void> {
    for (let effect = queue[0]; effect !== undefined; effect = queue[0]) {
      await this.#run(effect);
      queue.shift();
    }
    this.#queues.delete(resource);
  }

  async #run(effect: RunEffect): Promise<void> {
    const { node, commands, running } = this.#options;
    const { group, resource, action, command } = effect;
    if (action === "start") {
      // On record before it runs: a daemon that dies meanwhile may have started it.
      const stop = this.#options.stopOf(resource);
      if (stop !== undefined && group !== undefined) running.started({ resource, group, stop });
    }
    const result = await commands.run(command, environmentFor({ node, group, resource, action }));
    const ok = result.code === 0 && !result.timedOut;
    if (ok && action === "stop") running.stopped(resource);
    this.#answer(effect, ok, describeResult(result));
  }

  #answer(effect: RunEffect, ok: boolean, detail: string): void {
    this.#options.heart.post({ kind: "resource-result", id: effect.id, ok, detail });
  }
}
