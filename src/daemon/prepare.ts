/**
 * What a daemon does before it begins: it claims a runtime directory that no other daemon uses, and takes over
 * or clears away what its former selves left.
 */

import type { Server as NetServer } from "node:net";

import { lockRuntimeDir } from "../api/socket.ts";
import type { Problem, Result } from "../core/base/report.ts";
import type { Handover } from "../core/node/inputs.ts";
import type { Commands } from "../host/ports.ts";
import { takeHandover } from "./handover.ts";
import type { DaemonOptions } from "./load.ts";
import type { Log } from "./log.ts";
import { releaseLeftovers } from "./release.ts";
import { makeRuntimeDir } from "./running.ts";

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
