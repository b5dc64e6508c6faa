/**
 * Brings the balancer up beside a heart that runs already, and lets go of the engine of another name that an earlier
 * cluster file had: two engines cannot listen on one port.
 */

import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";

import type { BalancerConfig, EngineName } from "../../core/config/balancer.ts";
import type { ClusterConfig } from "../../core/config/cluster.ts";
import type { Wish } from "../../core/membership/frame.ts";
import type { DecisionEvent } from "../../core/node/effects.ts";
import type { Engine } from "../../host/engines/engine.ts";
import type { PeerAnswer, Question } from "../control-client.ts";
import type { Heart } from "../heart/handle.ts";
import type { Log } from "../log.ts";
import { Balancer } from "./balancer.ts";
import { createEngine, engineDirectory, howToRun } from "./engines.ts";
import { openWishStore } from "./wish-store.ts";

/** Every engine's pid file in the engines' directory; without it, none runs from there. */
const PID_FILES: Readonly<Record<EngineName, string>> = { haproxy: "haproxy.pid", nginx: "nginx.pid" };
/** An engine that the cluster file has no more: its ports are wanted soon. */
const RETIRE_GRACE_MS = 2_000;

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
  /** In order: the engine ends with the daemon if it is its child. Otherwise it goes on. */
  readonly end: (isInOrder: boolean) => Promise<void>;
}

/** Makes and starts it; undefined when the cluster file has none. */
export async function startBalancer(options: StartOptions): Promise<RunningBalancer | undefined> {
  const { config, node, runtimeDir, heart, record, log } = options;
  const directory = engineDirectory(runtimeDir);
  await retireOthers(config.balancer?.engine, options);
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
  const isChild = howToRun(name, options.environment) === "child";
  const end = async (isInOrder: boolean): Promise<void> => {
    if (!isInOrder || !isChild) {
      balancer.release();
      return;
    }
    await balancer.stop();
    await rm(directory, { recursive: true, force: true });
  };
  return { balancer, flush: () => store.flush(), end };
}

/** A driver for this engine in this daemon's directories; the engine itself is not touched. */
export async function makeEngine(
  name: EngineName,
  options: Pick<StartOptions, "runtimeDir" | "log" | "environment">,
): Promise<Engine> {
  return await createEngine(name, {
    directory: engineDirectory(options.runtimeDir),
    run: howToRun(name, options.environment),
    log: (level, message, fields) => options.log[level](message, fields),
  });
}

async function retireOthers(kept: EngineName | undefined, options: StartOptions): Promise<void> {
  const directory = engineDirectory(options.runtimeDir);
  const others = (Object.keys(PID_FILES) as EngineName[]).filter((name) => name !== kept);
  for (const name of others.filter((other) => existsSync(join(directory, PID_FILES[other])))) {
    const engine = await makeEngine(name, options);
    const isThere = await engine.adopt({ config: nothing(name), members: [], servingAll: [] }).catch(() => false);
    if (!isThere) continue;
    options.log.info("ending an engine that the cluster file does not have any more", { engine: name });
    await engine.stop(RETIRE_GRACE_MS).catch((error: unknown) => {
      options.log.error("an engine could not be ended", { engine: name, detail: (error as Error).message });
    });
    await rm(join(directory, PID_FILES[name]), { force: true });
  }
}

function nothing(engine: EngineName): BalancerConfig {
  return {
    engine,
    maxConnections: 1,
    accessLog: { kind: "none" },
    stats: undefined,
    trusted: [],
    oldWorkersMs: RETIRE_GRACE_MS,
    nginx: undefined,
    sites: [],
    pools: [],
  };
}
