/** `understudy standby NODE`: a node gives away what it holds and takes nothing until it is online again. */

import { Command } from "commander";

import { clientOf } from "../runtime-dir.ts";

export function standbyCommand(): Command {
  return new Command("standby")
    .description("Lets a node give away what it holds and take nothing, until `understudy online`.")
    .argument("<node>", "name of a node")
    .action(async (node: string, _options: object, command: Command) => {
      const answer = await clientOf(command).submit({ verb: "standby", node });
      process.stdout.write(`${answer.detail}\n`);
    });
}
