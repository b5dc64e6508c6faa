/** `understudy status`: the whole cluster on one screen, once or again and again. */

import { Command } from "commander";

import type { ClusterStatus } from "../../api/types.ts";
import { DaemonError } from "../daemon-client.ts";
import type { DaemonClient } from "../daemon-client.ts";
import { showProblems } from "../print-problems.ts";
import { clientOf } from "../runtime-dir.ts";
import { showStatus } from "../show-status.ts";

const WATCH_MS = 1_000;

export function statusCommand(): Command {
  return new Command("status")
    .description("Shows nodes, links, groups and problems of the whole cluster, as this node sees it.")
    .option("--json", "print the answer as JSON")
    .option("--watch", "show it again every second")
    .action(async (options: { json?: boolean; watch?: boolean }, command: Command) => {
      const client = clientOf(command);
      if (options.watch) return await watch(client, options.json === true);
      process.stdout.write(`${await once(client, options.json === true)}\n`);
    });
}

async function once(client: DaemonClient, json: boolean): Promise<string> {
  const status = await client.get<ClusterStatus>("/v1/status");
  return json ? JSON.stringify(status) : showStatus(status);
}

async function watch(client: DaemonClient, json: boolean): Promise<void> {
  for (;;) {
    let text: string;
    try {
      text = await once(client, json);
    } catch (error) {
      if (!(error instanceof DaemonError)) throw error;
      text = showProblems(error.problems);
    }
    // Draws over the old picture and clears the rest, which flickers less than clearing first.
    const isScreen = process.stdout.isTTY && !json;
    process.stdout.write(isScreen ? `\u001b[H${text.replaceAll("\n", "\u001b[K\n")}\u001b[K\n\u001b[J` : `${text}\n`);
    await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
  }
}
