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
      const { runDaemon } = await import("../../daemon/main.ts");
      const code = await runDaemon(
        {
          configFile: options.config,
          node: options.node,
          stateDir: options.stateDir,
          runtimeDir: runtimeDirOf(command),
        },
        (problems) => printProblems(problems),
      );
      process.exit(code);
    });
}
