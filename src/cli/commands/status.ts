/** `understudy status`: the whole cluster on one screen, once or again and again. */

import { Command } from "commander";

import type { ClusterStatus } from "../../api/types.ts";
import type { DaemonClient } from "../daemon-client.ts";
import { clientOf } from "../runtime-dir.ts";
import { showStatus } from "../show-status.ts";
import { watchScreen } from "../watch-screen.ts";

export function statusCommand(): Command {
  return new Command("status")
    .description("Shows nodes, links, groups and problems of the whole cluster, as this node sees it.")
    .option("--json", "print the answer as JSON")
    .option("--watch", "show it again every second")
    .action(async (options: { json?: boolean; watch?: boolean }, command: Command) => {
      const client = clientOf(command);
      const look = (): Promise<string> => once(client, options.json === true);
      if (options.watch) return await watchScreen(look, !options.json);
      process.stdout.write(`${await look()}\n`);
    });
}

async function once(client: DaemonClient, json: boolean): Promise<string> {
  const status = await client.get<ClusterStatus>("/v1/status");
  return json ? JSON.stringify(status) : showStatus(status);
}
