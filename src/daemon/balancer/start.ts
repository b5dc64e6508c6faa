/** Brings the balancer up beside a heart that runs already, and says how it ends. */

import { rm } from "node:fs/promises";

import type { ClusterConfig } from "../../core/config/cluster.ts";
import type { Wish } from "../../core/membership/frame.ts";
import type { DecisionEvent } from "../../core/node/effects.ts";
import type { PeerAnswer, Question } from "../control-client.ts";
import type { Heart } from "../heart/handle.ts";
import type { Log } from "../log.ts";
import { Balancer } from "./balancer.ts";
import { engineDirectory, makeEngine } from "./engines.ts";
import { retireEngines } from "./retire.ts";
import { openWishStore } from "./wish-store.ts";

export interface StartOptions {
  readonly config: ClusterConfig;
  readonly node: string;
  readonly runtimeDir: string;
  readonly stateDir: string;
  readonly heart: Pick<Heart, "post" | "on" | "view">;
  readonly ask: (node: string, question: Question) => Promise<PeerAnswer>;
  readonly record: (event: Omit<DecisionEvent, "at">) => void;
  readonly log: Log;
  readonly environment: NodeJS.ProcessEnv;
  /** Wishes about nodes that were on disk. */
  readonly wishes: readonly Wish[];
}

/** A balancer on its way, and how it ends. */
export interface RunningBalancer {
  readonly balancer: Balancer;
  /** Waits until the wishes are on disk. */
  readonly flush: () => Promise<void>;
  /** In order: the engine ends with the daemon. Otherwise it goes on and carries what it carried. */
  readonly end: (isInOrder: boolean) => Promise<void>;
}

/** Makes and starts it; undefined when the cluster file has none. */
export async function startBalancer(options: StartOptions): Promise<RunningBalancer | undefined> {
  const { config, node, runtimeDir, heart, record, log } = options;
  const directory = engineDirectory(runtimeDir);
  await retireEngines(options, config.balancer?.engine);
  if (config.balancer === undefined) return undefined;
  const store = await openWishStore({
    stateDir: options.stateDir,
    failed: (error) => log.error("cannot write the wishes about members", { detail: error.message }),
  });
  if (store.setAside !== undefined) {
    const about = { group: undefined, node, link: undefined, facts: { ...store.setAside } };
    record({ severity: "alert", reason: "STATE_SET_ASIDE", ...about });
  }
  const { engine: name } = config.balancer;
  const engine = await makeEngine(name, options);
  const balancer = new Balancer({
    config: { ...config, balancer: config.balancer },
    node,
    engine,
    heart,
    store,
    ask: options.ask,
    record,
    log,
    wishes: options.wishes,
  });
  heart.on("persist", ({ wishes }) => balancer.heardWishes(wishes));
  heart.on("event", ({ event }) => balancer.heardEvent(event));
  // What the heart took over before anybody listened.
  heart.view().then(
    ({ wishes }) => balancer.heardWishes(wishes),
    () => {}, // a heart that does not answer is the heart's own news
  );
  void balancer.start();
  const end = async (isInOrder: boolean): Promise<void> => {
    if (!isInOrder) {
      balancer.release();
      return;
    }
    await balancer.stop();
    await rm(directory, { recursive: true, force: true });
  };
  return { balancer, flush: () => store.flush(), end };
}
