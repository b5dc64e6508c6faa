/** `understudy reload`: this node's daemon reads its cluster file again; nothing moves and no connection is cut. */

import { Command } from "commander";

import type { ReloadAnswer } from "../../api/balancer.ts";
import type { NodeView } from "../../api/types.ts";
import { awaitNextSelf } from "../await-next-self.ts";
import type { DaemonClient } from "../daemon-client.ts";
import { printProblems } from "../print-problems.ts";
import { clientOf } from "../runtime-dir.ts";
import { harmless } from "../terminal.ts";

/** Exit codes: 0 the file is in effect, 1 it is refused and nothing changed. */
export function reloadCommand(): Command {
  return new Command("reload")
    .description(
      "Lets this node's daemon read its cluster file again. A wrong file is refused whole, and everything goes on as before.",
    )
    .option("--json", "print the answer as JSON")
    .action(async (flags: { json?: boolean }, command: Command) => {
      await reload(clientOf(command), flags.json === true);
    });
}

async function reload(client: DaemonClient, asJson: boolean): Promise<void> {
  const before = await client.get<NodeView>("/v1/view");
  const startedMs = performance.now();
  const answer = await client.post<ReloadAnswer>("/v1/reload", {});
  if (asJson) process.stdout.write(`${JSON.stringify(answer)}\n`);
  else tell(answer);
  if (!answer.restarts) return;
  await awaitNextSelf(client, before.incarnation);
  if (asJson) return;
  const tookMs = Math.round(performance.now() - startedMs);
  process.stdout.write(`the daemon's next self answers after ${tookMs} ms and kept what it held\n`);
}

function tell({ how, problems }: Extract<ReloadAnswer, { ok: true }>): void {
  printProblems(problems);
  const lines = how.length === 0 ? ["nothing changed: the file means what runs already"] : how;
  process.stdout.write(`${lines.map(harmless).join("\n")}\n`);
}
