/** `understudy daemon`: runs one node until a signal ends it. */

import { hostname } from "node:os";

import { Command } from "commander";

import { printProblems } from "../print-problems.ts";
import { runtimeDirOf } from "../runtime-dir.ts";

export function daemonCommand(): Command {
  return new Command("daemon")
    .description("Runs one node of the cluster in the foreground; log lines go to standard error.")
    .option("--config <file>", "the cluster file, the same on all nodes", "/etc/understudy/cluster.yaml")
    .option("--node <name>", "this node's name in the file", hostname().split(".")[0])
    .option("--state-dir <dir>", "what must outlast a reboot", "/var/lib/understudy")
    .action(async (options: { config: string; node: string; stateDir: string }, command: Command) => {
      const { config: configFile, node, stateDir } = options;
      const all = { configFile, node, stateDir, runtimeDir: runtimeDirOf(command) };
      const { loadApart } = await import("../../daemon/load-apart.ts");
      const loading = loadApart(all);
      // Waited for later; a failure must not count as unhandled meanwhile.
      loading.catch(() => {});
      const { runDaemon } = await import("../../daemon/main.ts");
      process.exit(await runDaemon(all, loading, (problems) => printProblems(problems)));
    });
}
