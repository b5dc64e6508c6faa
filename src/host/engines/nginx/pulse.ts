/** How nginx' pulse is felt: it is asked once a second on its own socket. (A dead worker is replaced by its master.) */

import { Pulse } from "../pulse.ts";
import { readGeneration } from "./status.ts";

const EVERY_MS = 1_000;
const SILENT_MS = 2_500;

export function pulseOfNginx({
  socket,
  lost,
}: {
  readonly socket: string;
  /** Once per loss. */
  readonly lost: (detail: string) => void;
}): Pulse {
  return new Pulse({
    everyMs: EVERY_MS,
    silentMs: () => SILENT_MS,
    complaint: async () => {
      const answer = await readGeneration(socket, SILENT_MS);
      return answer === undefined ? "nginx does not answer on its own socket" : undefined;
    },
    lost,
  });
}
