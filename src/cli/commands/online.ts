/** `understudy online NODE`: a node may hold groups again. */

import { Command } from "commander";

import { clientOf } from "../runtime-dir.ts";

export function onlineCommand(): Command {
  return new Command("online")
    .description("Lets a node in standby hold groups again.")
    .argument("<node>", "name of a node")
    .action(async (node: string, _options: object, command: Command) => {
      const answer = await clientOf(command).submit({ verb: "online", node });
      process.stdout.write(`${answer.detail}\n`);
    });
}
