/**
 * Ends engines that no cluster file wants any more: of another name than the present one, because two engines cannot
 * listen on one port, or all, before the program is removed from the machine. What they changed on the machine is given
 * back.
 */

import { existsSync } from "node:fs";
import { join } from "node:path";

import type { BalancerConfig, EngineName } from "../../core/config/balancer.ts";
import { engineDirectory, makeEngine } from "./engines.ts";
import type { Surroundings } from "./engines.ts";

/** Every engine's pid file in the engines' directory; without it, none runs from there. */
const PID_FILES: Readonly<Record<EngineName, string>> = { haproxy: "haproxy.pid", nginx: "nginx.pid" };
/** Its ports are wanted soon. */
const RETIRE_GRACE_MS = 2_000;

/** Ends every engine that runs from this daemon's directories, but `kept`; the names of those that were ended. */
export async function retireEngines(surroundings: Surroundings, kept?: EngineName): Promise<readonly EngineName[]> {
  const directory = engineDirectory(surroundings.runtimeDir);
  const names = (Object.keys(PID_FILES) as EngineName[]).filter((name) => name !== kept);
  const ended: EngineName[] = [];
  for (const name of names.filter((each) => existsSync(join(directory, PID_FILES[each])))) {
    const engine = await makeEngine(name, surroundings);
    const isThere = await engine.adopt({ config: nothing(name), members: [], servingAll: [] }).catch(() => false);
    if (!isThere) continue;
    surroundings.log.info("ending an engine that is not wanted any more", { engine: name });
    try {
      await engine.stop(RETIRE_GRACE_MS);
      ended.push(name);
    } catch (error) {
      surroundings.log.error("an engine could not be ended", { engine: name, detail: (error as Error).message });
    }
  }
  return ended;
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
