/** The machine's clocks. CLOCK_BOOTTIME goes on during suspend and is never stepped. */

import { instant, wallTime } from "../../core/base/time.ts";
import type { Clock } from "../ports.ts";
import { bootTimeMs } from "./libc.ts";

/** The two clocks of this machine. */
export const linuxClock: Clock = {
  now: () => instant(bootTimeMs()),
  wall: () => wallTime(Date.now()),
};
