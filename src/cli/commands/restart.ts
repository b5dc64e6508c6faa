/** `understudy restart`: the daemon becomes its next self and keeps what it holds; for upgrades and new settings. */

import { Command } from "commander";

import type { NodeView } from "../../api/types.ts";
import { awaitNextSelf } from "../await-next-self.ts";
import { clientOf } from "../runtime-dir.ts";

export function restartCommand(): Command {
  return new Command("restart")
    .description("Restarts this node's daemon, which reads its cluster file anew, without moving anything.")
    .action(async (_options: object, command: Command) => {
      const client = clientOf(command);
      const before = await client.get<NodeView>("/v1/view");
      const startedMs = performance.now();
      const answer = await client.submit({ verb: "restart" });
      process.stdout.write(`${answer.detail}\n`);
      await awaitNextSelf(client, before.incarnation);
      process.stdout.write(`the next self answers after ${Math.round(performance.now() - startedMs)} ms\n`);
    });
}
