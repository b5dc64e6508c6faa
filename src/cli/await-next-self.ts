/** Waits until a daemon that restarts itself answers as its next self. */

import type { NodeView } from "../api/types.ts";
import { DaemonError } from "./daemon-client.ts";
import type { DaemonClient } from "./daemon-client.ts";

const LIMIT_MS = 20_000;
const POLL_MS = 50;

/** `before`: incarnation of the self that goes. Throws a `DaemonError` when nobody follows in time. */
export async function awaitNextSelf(client: DaemonClient, before: string): Promise<void> {
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
