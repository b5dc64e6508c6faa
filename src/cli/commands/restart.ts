/** `understudy restart`: the daemon becomes its next self and keeps what it holds; for upgrades and new settings. */

import { Command } from "commander";

import type { NodeView } from "../../api/types.ts";
import { DaemonError } from "../daemon-client.ts";
import type { DaemonClient } from "../daemon-client.ts";
import { clientOf } from "../runtime-dir.ts";

const LIMIT_MS = 20_000;
const POLL_MS = 50;

export function restartCommand(): Command {
  return new Command("restart")
    .description("Restarts this node's daemon, which reads its cluster file anew, without moving anything.")
    .action(async (_options: object, command: Command) => {
      const client = clientOf(command);
      const before = await client.get<NodeView>("/v1/view");
      const startedMs = performance.now();
      const answer = await client.submit({ verb: "restart" });
      process.stdout.write(`${answer.detail}\n`);
      await nextSelf(client, before.incarnation);
      process.stdout.write(`the next self answers after ${Math.round(performance.now() - startedMs)} ms\n`);
    });
}

async function nextSelf(client: DaemonClient, before: string): Promise<void> {
  const end = performance.now() + LIMIT_MS;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    try {
      const view = await client.get<NodeView>("/v1/view");
      if (view.incarnation !== before) return;
    } catch (error) {
      // Nobody answers while one self follows the other.
      if (!(error instanceof DaemonError)) throw error;
    }
    if (performance.now() < end) continue;
    throw new DaemonError([
      {
        code: "RESTART_NOT_SEEN",
        severity: "error",
        message: `no new daemon answers after ${LIMIT_MS / 1_000} s`,
        next: "look at its journal: `journalctl -u understudy`",
      },
    ]);
  }
}
