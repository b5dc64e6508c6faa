/** What the core relies on the daemon for, shown on the pretended daemon. */

import type { Mutant } from "../mutant.ts";

const PROCESS = "sim/process.ts";

export const DAEMON_MUTANTS: readonly Mutant[] = [
  {
    name: "gap-not-noticed",
    breaks: "The daemon does not notice that it was not run for a while.",
    patches: [{ file: PROCESS, find: "if (gapMs >= heartbeat.intervalMs + lease.evidenceMs)", replace: "if (false)" }],
    caughtBy: ["services"],
    within: 100,
    trial: "frozen retry",
  },
  {
    name: "leftovers-not-closed",
    breaks: "A daemon that starts without a handover leaves standing what its former self opened.",
    patches: [
      {
        file: "sim/machine.ts",
        find: "if (handover === undefined) for (const vip of world.vips) this.closeGate(vip, true);",
        replace: "",
      },
    ],
    caughtBy: ["one holder", "services"],
    within: 300,
  },
];
