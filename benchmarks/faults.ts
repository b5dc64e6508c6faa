/** The faults of the benchmark, each against the node that holds the address at that moment. */

import { FAULTS as LAB_FAULTS } from "../src/lab/faults/catalog.ts";
import type { Lab } from "../src/lab/lab.ts";
import type { Contender } from "./contender.ts";

export type FaultKey = "power-off" | "kill" | "freeze" | "unplug" | "silence" | "nginx" | "switchover";

export interface BenchmarkFault {
  readonly key: FaultKey;
  readonly title: string;
  /**
   * The fault lasts at least this long, so that a holder that was presumed dead has time to misbehave; `longMs`
   * in the phases that the plan picks for it.
   */
  readonly lastsMs: number;
  readonly longMs: number;
  /** A planned move is felt as waiting: its client has no limit, and keeps connections open besides. */
  readonly isPlanned: boolean;
  inflict(lab: Lab, holder: string, contender: Contender): Promise<number>;
}

function labFault(
  key: Exclude<FaultKey, "switchover">,
  title: string,
  times: { lastsMs: number; longMs?: number },
): BenchmarkFault {
  const inflict = (lab: Lab, holder: string): Promise<number> => LAB_FAULTS[key].inflict(lab.node(holder));
  return { key, title, lastsMs: times.lastsMs, longMs: times.longMs ?? times.lastsMs, isPlanned: false, inflict };
}

const DEAD_DAEMON = { lastsMs: 1_500, longMs: 10_000 };

/** In the order of the report. */
export const FAULTS: readonly BenchmarkFault[] = [
  labFault("power-off", "power off", { lastsMs: 600 }),
  labFault("kill", "daemon killed (SIGKILL)", DEAD_DAEMON),
  labFault("freeze", "daemon frozen (SIGSTOP)", DEAD_DAEMON),
  labFault("unplug", "cut off, carrier lost", { lastsMs: 1_000 }),
  labFault("silence", "cut off, carrier stays", { lastsMs: 1_000 }),
  labFault("nginx", "nginx killed", { lastsMs: 600 }),
  {
    key: "switchover",
    title: "planned switchover",
    lastsMs: 400,
    longMs: 400,
    isPlanned: true,
    inflict: (lab, holder, contender) => contender.switchover(lab, holder),
  },
];
