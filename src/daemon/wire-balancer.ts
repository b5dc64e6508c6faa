/**
 * The daemon's part about the balancer and about reading the cluster file again, wired: which config runs, what answers
 * the API, and how it ends.
 */

import { resolve } from "node:path";

import type { Backend, BalancerPort } from "../api/backend.ts";
import type { RequestAnswer } from "../api/types.ts";
import type { Wish } from "../core/membership/frame.ts";
import type { DecisionEvent } from "../core/node/effects.ts";
import { engineDirectory } from "./balancer/engines.ts";
import { startBalancer } from "./balancer/start.ts";
import type { ControlClient } from "./control-client.ts";
import type { Heart } from "./heart/handle.ts";
import type { Flushable } from "./lifecycle.ts";
import type { DaemonOptions, Loaded } from "./load.ts";
import type { Log } from "./log.ts";
import { createReloader } from "./reload.ts";

export interface WireOptions {
  readonly options: DaemonOptions;
  readonly loaded: Loaded;
  readonly heart: Pick<Heart, "post" | "on" | "view">;
  readonly client: Pick<ControlClient, "ask">;
  /** Wishes about nodes that were on disk. */
  readonly wishes: readonly Wish[];
  /** The restart that keeps the leases. */
  readonly restart: () => Promise<RequestAnswer>;
  readonly record: (event: Omit<DecisionEvent, "at">) => void;
  readonly log: Log;
}

export interface Balancing extends Flushable {
  readonly balancer: BalancerPort | undefined;
  readonly reload: Backend["reload"];
  readonly running: Backend["running"];
  /** Another self follows in this process: the engine goes on. */
  release(): void;
  /** In order, a child of ours ends too; otherwise it goes on. */
  end(isInOrder: boolean): Promise<void>;
}

/** Starts the balancer if the cluster file has one. */
export async function wireBalancer(wiring: WireOptions): Promise<Balancing> {
  const { options, record, log } = wiring;
  const { node, runtimeDir, stateDir } = options;
  let running = wiring.loaded;
  const started = await startBalancer({
    config: running.config,
    node,
    runtimeDir,
    stateDir,
    heart: wiring.heart,
    ask: (peer, question) => wiring.client.ask(peer, question),
    record,
    log,
    environment: process.env,
    wishes: wiring.wishes,
  });
  const balancer = started?.balancer;
  const reloader = createReloader({
    options,
    running: () => running,
    adopted: (loaded) => {
      running = loaded;
    },
    balancer,
    restart: wiring.restart,
    record,
    log,
  });
  return {
    balancer,
    reload: () => reloader.reload(),
    running: () => ({
      node,
      file: resolve(options.configFile),
      hash: running.configHash,
      config: running.config,
      wanted: balancer?.wanted(),
      directory: engineDirectory(runtimeDir),
    }),
    flush: async () => await started?.flush(),
    release: () => balancer?.release(),
    end: async (isInOrder) => await started?.end(isInOrder),
  };
}
