/** Which driver carries the traffic, where its files are, and who starts it. */

import { existsSync } from "node:fs";
import { join } from "node:path";

import type { EngineName } from "../../core/config/balancer.ts";
import type { Engine, EngineOptions } from "../../host/engines/engine.ts";
import type { Log } from "../log.ts";

/** Where units of packages and of administrators lie. */
const UNIT_FOLDERS = ["/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

/** The engines' directory below the daemon's runtime directory. */
export function engineDirectory(runtimeDir: string): string {
  return join(runtimeDir, "balancer");
}

/**
 * By its own unit when the daemon is a unit too and the package installed it, so that neither ends with the other;
 * otherwise as a child.
 */
export function howToRun(engine: EngineName, environment: NodeJS.ProcessEnv): EngineOptions["run"] {
  const unit = `understudy-${engine}.service`;
  const isService = environment["INVOCATION_ID"] !== undefined;
  return isService && UNIT_FOLDERS.some((folder) => existsSync(join(folder, unit))) ? { unit } : "child";
}

/** What a driver needs of a daemon. */
export interface Surroundings {
  readonly runtimeDir: string;
  readonly log: Log;
  readonly environment: NodeJS.ProcessEnv;
}

/** A driver for this engine in this daemon's directories; the engine itself is not touched. */
export async function makeEngine(name: EngineName, { runtimeDir, log, environment }: Surroundings): Promise<Engine> {
  return await createEngine(name, {
    directory: engineDirectory(runtimeDir),
    run: howToRun(name, environment),
    log: (level, message, fields) => log[level](message, fields),
  });
}

/** Loads the driver that is asked for, and only that one. */
export async function createEngine(name: EngineName, options: EngineOptions): Promise<Engine> {
  switch (name) {
    case "haproxy":
      return (await import("../../host/engines/haproxy/engine.ts")).createHaproxyEngine(options);
    case "nginx":
      return (await import("../../host/engines/nginx/engine.ts")).createNginxEngine(options);
  }
}
