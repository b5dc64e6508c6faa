/** `understudy maintenance on|off`: keeps everything where it is, loudly. */

import { Argument, Command } from "commander";

import { clientOf } from "../runtime-dir.ts";

export function maintenanceCommand(): Command {
  return new Command("maintenance")
    .description("Keeps everything where it is on all nodes: nothing moves, not even after a failure, until it is off.")
    .addArgument(new Argument("<state>", "begin or end it").choices(["on", "off"]))
    .action(async (state: "on" | "off", _options: object, command: Command) => {
      const answer = await clientOf(command).submit({ verb: "maintenance", on: state === "on" });
      process.stdout.write(`${answer.detail}\n`);
    });
}
