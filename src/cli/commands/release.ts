/**
 * `understudy release`: the unit's stop hook. Stops what a dead daemon ran on this machine and removes its
 * addresses and rules; after an ordinary end there is nothing left and it does nothing.
 */

import { Command } from "commander";

import { isAnswering, socketPath } from "../../api/socket.ts";
import { DaemonError } from "../daemon-client.ts";
import { EXIT_ERRORS } from "../exit-codes.ts";
import { runtimeDirOf } from "../runtime-dir.ts";

export function releaseCommand(): Command {
  return new Command("release")
    .description(
      "Releases what a dead daemon left on this machine: services, addresses, rules. Refused while a daemon answers.",
    )
    .option("--engine", "end the balancer's engine as well, which otherwise goes on; before the program is removed")
    .action(async (options: { engine?: true }, command: Command) => {
      const runtimeDir = runtimeDirOf(command);
      if (await isAnswering(socketPath(runtimeDir))) {
        throw new DaemonError([
          {
            code: "DAEMON_ALIVE",
            severity: "error",
            message: `a daemon answers in ${runtimeDir}: what runs is its business`,
            next: "stop it first: `systemctl stop understudy`",
          },
        ]);
      }
      const { releaseLeftovers } = await import("../../daemon/release.ts");
      const { createCommands } = await import("../../host/commands.ts");
      const { removeFormerGuards } = await import("../../host/linux/gate.ts");
      const { Sysctls } = await import("../../host/linux/sysctls.ts");
      const { settingsRecord } = await import("../../daemon/running.ts");
      const { done, failed } = await releaseLeftovers(runtimeDir, createCommands(), () => {
        new Sysctls({ record: settingsRecord(runtimeDir) }).restore();
        removeFormerGuards();
      });
      if (options.engine) {
        const { retireEngines } = await import("../../daemon/balancer/retire.ts");
        const { createLog } = await import("../../daemon/log.ts");
        const ended = await retireEngines({ runtimeDir, log: createLog(process.env), environment: process.env });
        for (const name of ended) process.stdout.write(`ended ${name}\n`);
      }
      for (const sentence of done) process.stdout.write(`${sentence}\n`);
      for (const sentence of failed) process.stderr.write(`${sentence}\n`);
      if (failed.length > 0) process.exitCode = EXIT_ERRORS;
    });
}
