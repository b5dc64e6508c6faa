/** Copies what a lab's nodes wrote to where it outlives the lab: what a daemon said is worth most after a failure. */

import { cpSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "../lab.ts";

/** Copies logs, configs and state of every node into `directory`. */
export async function keepLogs(lab: Lab, directory: string): Promise<void> {
  await lab.call("saveDisks").catch(() => {}); // the logs beside them are worth having all the same
  for (const { name, paths } of lab.nodes) {
    const own = join(directory, name);
    mkdirSync(own, { recursive: true });
    const wanted = [
      [paths.daemonLog, "daemon.log"],
      [paths.clusterFile, "cluster.yaml"],
      [join(paths.nginxDirectory, "error.log"), "nginx-error.log"],
      [join(paths.directory, "saved-state"), "state"],
    ] as const;
    for (const [from, to] of wanted) if (existsSync(from)) cpSync(from, join(own, to), { recursive: true });
  }
}
