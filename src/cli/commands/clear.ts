/** `understudy clear GROUP`: forgets a group's failed starts and stops after they were mended. */

import { Command } from "commander";

import { clientOf } from "../runtime-dir.ts";

export function clearCommand(): Command {
  return new Command("clear")
    .description(
      "Forgets a group's failures after they were mended: barred nodes may hold it again, a stuck one tries again.",
    )
    .argument("<group>", "name of a group")
    .action(async (group: string, _options: object, command: Command) => {
      const answer = await clientOf(command).submit({ verb: "clear", group });
      process.stdout.write(`${answer.detail}\n`);
    });
}
