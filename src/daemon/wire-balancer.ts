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
import type { Balancer } from "./balancer/balancer.ts";
import { startBalancer } from "./balancer/start.ts";
import type { RunningBalancer, StartOptions } from "./balancer/start.ts";
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
  /** Answers from now on; waits for the start where it must. Undefined without a balancer. */
  readonly balancer: BalancerPort | undefined;
  readonly reload: Backend["reload"];
  readonly running: Backend["running"];
  /** Brings the engine up, once. Loads its driver only now: a next self has more urgent work before. */
  start(): void;
  /** Another self follows in this process: the engine goes on. */
  release(): void;
  /** In order, a child of ours ends too; otherwise it goes on. */
  end(isInOrder: boolean): Promise<void>;
}

/** Makes the balancer if the cluster file has one; nothing runs before `start`. */
export function wireBalancer(wiring: WireOptions): Balancing {
  const { options, record, log } = wiring;
  const { node, runtimeDir } = options;
  let running = wiring.loaded;
  let current: RunningBalancer | undefined;
  let begin: () => void = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const started = begun.then(async () => {
    current = await startBalancer(startOptions(wiring));
    return current?.balancer;
  });
  // Whoever asks hears it too; a node without its engine goes on without.
  started.catch((error: unknown) => log.error("the balancer cannot work", { detail: (error as Error).message }));
  const reloader = createReloader({
    options,
    running: () => running,
    adopted: (loaded) => {
      running = loaded;
    },
    balancer: () => started,
    restart: wiring.restart,
    record,
    log,
  });
  return {
    balancer: wiring.loaded.config.balancer === undefined ? undefined : latePort(started),
    reload: () => reloader.reload(),
    running: () => ({
      node,
      file: resolve(options.configFile),
      hash: running.configHash,
      config: running.config,
      wanted: current?.balancer.wanted(),
      directory: engineDirectory(runtimeDir),
    }),
    start: () => begin(),
    flush: async () => await current?.flush(),
    release: () => current?.balancer.release(),
    end: async (isInOrder) => await current?.end(isInOrder),
  };
}

function startOptions({ options, loaded, heart, client, record, log, wishes }: WireOptions): StartOptions {
  const { node, runtimeDir, stateDir } = options;
  const ask: StartOptions["ask"] = (peer, question) => client.ask(peer, question);
  const { config } = loaded;
  return { config, node, runtimeDir, stateDir, heart, ask, record, log, environment: process.env, wishes };
}

/** A balancer that may still be on its way. */
function latePort(started: Promise<Balancer | undefined>): BalancerPort {
  const ready = async (): Promise<Balancer> => {
    const balancer = await started;
    if (balancer === undefined) throw new Error("the balancer did not start");
    return balancer;
  };
  return {
    view: async () => await (await ready()).view(),
    summary: async () => await (await ready()).summary(),
    pools: async () => await (await ready()).pools(),
    wishes: async () => await (await ready()).wishes(),
    tell: async (wishes, from) => await (await ready()).tell(wishes, from),
    drain: async (request) => await (await ready()).drain(request),
    weight: async (request) => await (await ready()).weight(request),
  };
}
