/**
 * Reads the cluster file again. Whatever is wrong with it, the file itself or what the engine says about it, refuses it
 * whole and nothing changes. What differs only in the balancer is put into effect live; for the rest the daemon becomes
 * its next self, which keeps the leases, as `understudy restart` does.
 */

import { isDeepStrictEqual } from "node:util";

import type { ReloadAnswer } from "../api/balancer.ts";
import type { RequestAnswer } from "../api/types.ts";
import { wantedOf } from "../core/balancer/wanted.ts";
import type { Problem, Result } from "../core/base/report.ts";
import type { BalancerConfig } from "../core/config/balancer.ts";
import { diffClusters } from "../core/config/diff.ts";
import type { DecisionEvent } from "../core/node/effects.ts";
import type { Applied } from "../host/engines/engine.ts";
import type { Balancer } from "./balancer/balancer.ts";
import { makeEngine } from "./balancer/engines.ts";
import { RETRIED } from "./balancer/keeper.ts";
import type { DaemonOptions, Loaded } from "./load.ts";
import { loadApart } from "./load-apart.ts";
import type { Log } from "./log.ts";

export interface ReloadOptions {
  readonly node: string;
  readonly running: () => Loaded;
  readonly load: () => Promise<Result<Loaded>>;
  /** The engine's own opinion about a balancer. */
  readonly check: (config: BalancerConfig) => Promise<Result<void>>;
  /** Puts a balancer of the same engine into effect. */
  readonly adopt: (config: BalancerConfig) => Promise<Result<Applied>>;
  /** The running config is this one now. */
  readonly adopted: (loaded: Loaded) => void;
  readonly restart: () => Promise<RequestAnswer>;
  readonly record: (event: Omit<DecisionEvent, "at">) => void;
}

/** The reloader of a daemon. */
export function createReloader(parts: {
  readonly options: DaemonOptions;
  readonly running: () => Loaded;
  readonly adopted: (loaded: Loaded) => void;
  readonly balancer: () => Promise<Balancer | undefined>;
  readonly restart: () => Promise<RequestAnswer>;
  readonly record: (event: Omit<DecisionEvent, "at">) => void;
  readonly log: Log;
}): Reloader {
  const { options } = parts;
  return new Reloader({
    node: options.node,
    running: parts.running,
    load: () => loadApart({ ...options, withBalancerFiles: true }),
    check: async (config) => {
      const balancer = await parts.balancer();
      if (balancer?.config.engine === config.engine) return await balancer.check(config);
      const { runtimeDir } = options;
      const engine = await makeEngine(config.engine, { runtimeDir, log: parts.log, environment: process.env });
      const probed = await engine.probe();
      return probed.ok ? await engine.check(wantedOf(config)) : probed;
    },
    adopt: async (config) => {
      const balancer = await parts.balancer();
      if (balancer === undefined) throw new Error("there is no balancer that could go over to another config");
      return await balancer.adoptConfig(config);
    },
    adopted: parts.adopted,
    restart: parts.restart,
    record: parts.record,
  });
}

/** Reloads one at a time; never rejects. */
export class Reloader {
  readonly #options: ReloadOptions;
  #isBusy = false;

  constructor(options: ReloadOptions) {
    this.#options = options;
  }

  async reload(): Promise<ReloadAnswer> {
    if (this.#isBusy) return refused([BUSY]);
    this.#isBusy = true;
    try {
      const answer = await this.#reload();
      this.#tell(answer);
      return answer;
    } catch (error) {
      return refused([failed(error as Error)]);
    } finally {
      this.#isBusy = false;
    }
  }

  async #reload(): Promise<ReloadAnswer> {
    const { node, check, restart } = this.#options;
    const loaded = await this.#options.load();
    if (!loaded.ok) return refused(loaded.problems);
    const running = this.#options.running();
    const { balancer } = loaded.value.config;
    if (balancer !== undefined) {
      const checked = await check(balancer);
      if (!checked.ok) return refused(checked.problems.map(onceOnly));
    }
    const parts = changedParts(running, loaded.value);
    const problems = loaded.problems;
    if (!needsRestart(running, loaded.value, parts)) return await this.#adopt(loaded.value, problems);
    const answer = await restart();
    if (!answer.ok) return refused(answer.problems);
    return {
      ok: true,
      node,
      how: parts.map((part) => `${part}: by a restart that keeps the leases`),
      restarts: true,
      problems,
    };
  }

  async #adopt(loaded: Loaded, problems: readonly Problem[]): Promise<ReloadAnswer> {
    const { node } = this.#options;
    const { balancer } = loaded.config;
    if (balancer === undefined) return { ok: true, node, how: [], restarts: false, problems };
    // Also when the file says the same: what it names, such as a certificate, may be new.
    const applied = await this.#options.adopt(balancer);
    if (!applied.ok) return refused(applied.problems.map(onceOnly));
    const differs = !isDeepStrictEqual(balancer, this.#options.running().config.balancer);
    this.#options.adopted(loaded);
    const words = describeApplied(applied.value);
    const how = differs || applied.value.by !== "nothing" ? [`balancer: ${words}`] : [];
    return {
      ok: true,
      node,
      how,
      restarts: false,
      problems: [...problems, ...withoutKnown(applied.problems, problems)],
    };
  }

  #tell(answer: ReloadAnswer): void {
    const { node, record } = this.#options;
    const about = { group: undefined, node, link: undefined } as const;
    if (!answer.ok) {
      const cause = answer.problems.find(({ severity }) => severity === "error") ?? answer.problems[0];
      const detail = cause?.message ?? "it is not accepted";
      record({ severity: "warning", reason: "CONFIG_REFUSED", ...about, facts: { detail } });
    } else if (answer.how.length > 0) {
      record({ severity: "info", reason: "CONFIG_RELOADED", ...about, facts: { how: answer.how.join("; ") } });
    }
  }
}

/** The file's parts that differ, in its order, and the key file when its content does. */
function changedParts(before: Loaded, after: Loaded): readonly string[] {
  const parts = new Set<string>(diffClusters(before.config, after.config).map(({ part }) => part));
  return isDeepStrictEqual(before.keys, after.keys) ? [...parts] : [...parts, "key"];
}

function needsRestart(before: Loaded, after: Loaded, parts: readonly string[]): boolean {
  // An engine is chosen, made and ended by the daemon's start.
  if (before.config.balancer?.engine !== after.config.balancer?.engine) return true;
  return before.configHash !== after.configHash || parts.some((part) => part !== "balancer");
}

/** What reading the file told already, with the place in it, the engine's driver found in the files once more. */
function withoutKnown(problems: readonly Problem[], known: readonly Problem[]): readonly Problem[] {
  const told = new Set(known.map(({ code, message }) => `${code} ${message}`));
  return problems.filter(({ code, message }) => !told.has(`${code} ${message}`));
}

/** A refused reload leaves the config before in place: nobody tries the new one again. */
function onceOnly(problem: Problem): Problem {
  const words = problem.next?.split("; ");
  if (words?.includes(RETRIED) !== true) return problem;
  const own = words.filter((word) => word !== RETRIED).join("; ");
  return { ...problem, next: `${own === "" ? "mend that" : own}, then \`understudy reload\` again` };
}

function describeApplied({ by, durationMs }: Applied): string {
  const took = `in ${Math.round(durationMs)} ms`;
  switch (by) {
    case "nothing":
      return "nothing to do for the engine";
    case "runtime":
      return `by runtime commands, ${took}`;
    case "reload":
      return `by one reload of the engine, ${took}`;
    case "start":
      return `by starting the engine, ${took}`;
  }
}

function refused(problems: readonly Problem[]): ReloadAnswer {
  return { ok: false, problems };
}

function failed(error: Error): Problem {
  return {
    code: "RELOAD_FAILED",
    severity: "error",
    message: `the cluster file could not be put into effect: ${error.message}`,
    next: "look at the daemon's journal, and report it",
  };
}

const BUSY: Problem = {
  code: "RELOAD_IN_PROGRESS",
  severity: "error",
  message: "the cluster file is being read again already",
  next: "wait for it, then try again",
};
