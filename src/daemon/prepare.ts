/**
 * What a daemon needs before it can begin: a cluster file and a key that are right, a runtime directory that no
 * other daemon uses, and what its former selves left. Everything that can be wrong is a problem with a next
 * step, told before anything on the machine was touched.
 */

import type { Server as NetServer } from "node:net";

import { lockRuntimeDir } from "../api/socket.ts";
import type { Problem, Result } from "../core/base/report.ts";
import type { ClusterConfig } from "../core/config/cluster.ts";
import type { Handover } from "../core/node/inputs.ts";
import { loadClusterFile } from "../host/config-file.ts";
import { loadKeyFile } from "../host/key-file.ts";
import type { Commands } from "../host/ports.ts";
import { takeHandover } from "./handover.ts";
import type { Log } from "./log.ts";
import { releaseLeftovers } from "./release.ts";
import { makeRuntimeDir } from "./running.ts";

/** How one node's daemon is started. */
export interface DaemonOptions {
  readonly configFile: string;
  readonly node: string;
  readonly stateDir: string;
  readonly runtimeDir: string;
}

/** A cluster as this node knows it. */
export interface Loaded {
  readonly config: ClusterConfig;
  readonly configHash: string;
  readonly keys: readonly Uint8Array[];
}

/** Reads the cluster file and its key. */
export function load(options: DaemonOptions): Result<Loaded> {
  const file = loadClusterFile(options.configFile);
  if (!file.ok) return file;
  const { config, hash } = file.value;
  if (!config.nodes.some(({ name }) => name === options.node)) {
    const names = config.nodes.map(({ name }) => name).join(", ");
    return failure({
      code: "NODE_UNKNOWN",
      severity: "error",
      message: `the cluster file names no node "${options.node}"`,
      expected: names,
      next: `start with \`--node NAME\`, one of: ${names}`,
    });
  }
  const keys = loadKeyFile(config.keyFile);
  if (!keys.ok) return keys;
  return {
    ok: true,
    value: { config, configHash: hash, keys: keys.value },
    problems: [...file.problems, ...keys.problems],
  };
}

/** Claims the runtime directory; the returned lock must be kept. */
export async function claim(options: DaemonOptions): Promise<Result<NetServer>> {
  try {
    await makeRuntimeDir(options.runtimeDir);
    const lock = await lockRuntimeDir(options.runtimeDir);
    if (lock !== undefined) return { ok: true, value: lock, problems: [] };
    return failure({
      code: "ALREADY_RUNNING",
      severity: "error",
      message: `another daemon already uses ${options.runtimeDir}`,
      next: "stop it, or give this one its own `--runtime-dir`",
    });
  } catch (error) {
    return failure({
      code: "RUNTIME_DIR_UNUSABLE",
      severity: "error",
      message: `the runtime directory ${options.runtimeDir} cannot be used: ${(error as Error).message}`,
      next: "check its owner and mode, or choose another with `--runtime-dir`",
    });
  }
}

/**
 * What an earlier self of this daemon wants continued; without such a will, whatever a dead one left running
 * is released first, so that the core may begin with "nothing runs here".
 */
export async function inherit(options: DaemonOptions, commands: Commands, log: Log): Promise<Handover | undefined> {
  const handover = await takeHandover(options.runtimeDir);
  if (handover !== undefined) return handover;
  const { done, failed } = await releaseLeftovers(options.runtimeDir, commands);
  for (const sentence of done) log.info(`left over by an earlier daemon: ${sentence}`);
  for (const sentence of failed) log.error(`left over by an earlier daemon: ${sentence}`);
  return undefined;
}

function failure(problem: Problem): { ok: false; problems: readonly Problem[] } {
  return { ok: false, problems: [problem] };
}
