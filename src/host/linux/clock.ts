/** The machine's clocks. CLOCK_BOOTTIME goes on during suspend and is never stepped. */

import { instant, wallTime } from "../../core/base/time.ts";
import type { Clock } from "../ports.ts";
import { bootTimeMs } from "./libc.ts";

/** The two clocks of this machine. */
export const linuxClock: Clock = {
  // Whole microseconds: a record of inputs counts in them, and nothing here is decided by less.
  now: () => instant(Math.floor(bootTimeMs() * 1_000) / 1_000),
  wall: () => wallTime(Date.now()),
};
