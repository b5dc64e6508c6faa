/** What Understudy promises, and whether a run kept it. Where another program sets the mark, it is that of the same run. */

import type { ContenderResult, FaultResult } from "./campaign.ts";
import type { FaultKey } from "./faults.ts";
import { holding, median, megabytes, percent, refused, seconds, worst } from "./figures.ts";
import { WEB_CHECK } from "./understudy.ts";

export interface Judgement {
  readonly what: string;
  readonly promised: string;
  readonly measured: string;
  readonly isMet: boolean;
}

/** A gap may be this much of keepalived's at the same interval. */
const SHARE_OF_KEEPALIVED = 0.75;

/** All promises that these results can tell about. */
export function judge(results: readonly ContenderResult[]): Judgement[] {
  const own = results.find(({ contender }) => contender.family === "understudy");
  if (own === undefined) return [];
  const peer = results.find(({ contender }) => contender.family === "keepalived" && contender.intervalMs === 100);
  const of = (fault: FaultKey): FaultResult => own.faults[fault] ?? { trials: [], troubles: [], disturbed: 0 };
  return [
    limit("power off: gap, median", median(gaps(of("power-off"))), 250, seconds),
    limit(`power off: gap, worst of ${of("power-off").trials.length}`, worst(gaps(of("power-off"))), 400, seconds),
    ...(["power-off", "unplug", "silence"] as const).flatMap((fault) => compare(fault, of(fault), peer?.faults[fault])),
    ...(["kill", "freeze", "unplug", "silence", "power-off", "nginx", "switchover"] as const).map((fault) =>
      limit(`${TITLES[fault]}: two holders, worst`, worst(of(fault).trials.map((one) => one.twoHoldersMs)), 0, holding),
    ),
    limit(
      `nginx killed: gap, worst (${WEB_CHECK.fall} checks every ${WEB_CHECK.everyMs} ms, and 0.1 s)`,
      worst(gaps(of("nginx"))),
      WEB_CHECK.everyMs * WEB_CHECK.fall + 100,
      seconds,
    ),
    limit("planned switchover: slowest new connection", worst(gaps(of("switchover"))), 250, seconds),
    limit("planned switchover: refused connections", worst(of("switchover").trials.map(refused)), 0, String),
    limit("idle memory", own.idle?.memoryBytes ?? Number.NaN, 100e6, megabytes),
    limit("idle processor share", own.idle?.processorShare ?? Number.NaN, 0.01, percent),
  ];
}

const TITLES: Readonly<Record<FaultKey, string>> = {
  "power-off": "power off",
  kill: "SIGKILL",
  freeze: "SIGSTOP",
  unplug: "cut off, carrier lost",
  silence: "cut off, carrier stays",
  nginx: "nginx killed",
  switchover: "planned switchover",
};

function gaps({ trials }: FaultResult): number[] {
  return trials.map((one) => (one.isOpen ? Number.POSITIVE_INFINITY : one.gapMs));
}

function limit(what: string, value: number, most: number, show: (value: number) => string): Judgement {
  const measured = Number.isNaN(value) ? "not measured" : value === Number.POSITIVE_INFINITY ? "no end" : show(value);
  return { what, promised: most === 0 ? show(0) : `≤ ${show(most)}`, measured, isMet: value <= most };
}

function compare(fault: FaultKey, own: FaultResult, peer: FaultResult | undefined): Judgement[] {
  if (peer === undefined || peer.trials.length === 0) return [];
  const mark = median(gaps(peer)) * SHARE_OF_KEEPALIVED;
  const what = `${TITLES[fault]}: gap, median, against ${SHARE_OF_KEEPALIVED} × keepalived's at 100 ms`;
  return [limit(what, median(gaps(own)), mark, seconds)];
}
