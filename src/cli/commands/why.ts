/** `understudy why GROUP`: the decision with its facts, the timers, and what would change it. */

import { Command } from "commander";

import type { WhyAnswer } from "../../api/types.ts";
import { clientOf } from "../runtime-dir.ts";
import { showWhy } from "../show-why.ts";

export function whyCommand(): Command {
  return new Command("why")
    .description("Explains where a group is and why: the decision, its facts, the timers, and what would change it.")
    .argument("<group>", "name of a group")
    .option("--json", "print the answer as JSON")
    .action(async (group: string, options: { json?: boolean }, command: Command) => {
      const answer = await clientOf(command).get<WhyAnswer>(`/v1/why/${encodeURIComponent(group)}`);
      process.stdout.write(`${options.json ? JSON.stringify(answer) : showWhy(answer)}\n`);
    });
}
