/**
 * `npm run bench:failover`: Understudy, keepalived and Heartbeat in the same lab, with the same faults, in one run.
 * The full run writes `benchmarks/failover.md`; a part of it or a quick one only prints.
 */

import { existsSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { findProgram, whatIsMissing } from "../src/lab/namespaces.ts";
import { packageRoot } from "../src/lab/plan.ts";
import { joinResults, runCampaign } from "./campaign.ts";
import type { CampaignOptions, ContenderResult } from "./campaign.ts";
import type { Contender, Family } from "./contender.ts";
import { FAULTS } from "./faults.ts";
import type { BenchmarkFault } from "./faults.ts";
import { DAEMON as HEARTBEAT_DAEMON, heartbeat } from "./peers/heartbeat.ts";
import { keepalived } from "./peers/keepalived.ts";
import { renderReport } from "./report.ts";
import { understudy } from "./understudy.ts";

const FAMILIES: readonly Family[] = ["understudy", "keepalived", "heartbeat"];
const USAGE = `usage: npm run bench:failover -- [--quick] [--only ${FAMILIES.join("|")}] [--phases N]

  --quick       few phases, under three minutes
  --only NAME   one program alone
  --phases N    phases per fault for Understudy (default 30); the others get a sixth, at least 5
`;

/** A part of the run: these faults for this contender, in a lab of its own. */
interface Part {
  readonly contender: Contender;
  readonly faults: readonly BenchmarkFault[];
  readonly phases: number;
  readonly longPhases: number;
  readonly isIdleMeasured: boolean;
}

interface Flags {
  readonly quick: boolean;
  readonly only: Family | undefined;
  readonly phases: number | undefined;
}

/** The run ends by itself, whatever goes wrong. */
const LIMIT_MS = { quick: 6 * 60_000, full: 40 * 60_000 };
const IDLE_MS = { quick: 5_000, full: 20_000 };

/**
 * The parts, stage by stage. Gaps of a fraction of a second are measured with the machine for themselves; those
 * of seconds side by side, where a few milliseconds of a busy processor change nothing.
 */
function stages({ quick, only, phases }: Flags): Part[][] {
  const own = phases ?? (quick ? 3 : 30);
  const peer = quick && phases === undefined ? 1 : Math.max(5, Math.ceil(own / 6));
  const part = (contender: Contender, faults: readonly BenchmarkFault[] = FAULTS): Part => {
    const count = contender.family === "understudy" ? own : peer;
    return { contender, faults, phases: count, longPhases: quick ? 0 : 5, isIdleMeasured: true };
  };
  const quickPeer = keepalived(100);
  const slowPeer = heartbeat({ keepalive: "1", deadtime: "10", intervalMs: 1_000, deadMs: 10_000 });
  const isForSeconds = ({ key }: BenchmarkFault): boolean => key === "kill" || key === "freeze";
  const all = [
    [part(understudy())],
    [
      part(
        quickPeer,
        FAULTS.filter((fault) => !isForSeconds(fault)),
      ),
    ],
    [
      { ...part(quickPeer, FAULTS.filter(isForSeconds)), isIdleMeasured: false },
      part(keepalived(1_000)),
      part(heartbeat({ keepalive: "200ms", deadtime: "1", intervalMs: 200, deadMs: 1_000 })),
      // The slowest of all in two labs, or everybody would wait for it.
      part(
        slowPeer,
        FAULTS.filter((_, index) => index % 2 === 0),
      ),
      {
        ...part(
          slowPeer,
          FAULTS.filter((_, index) => index % 2 === 1),
        ),
        isIdleMeasured: false,
      },
    ],
  ];
  const chosen = all.map((stage) => stage.filter(({ contender }) => only === undefined || contender.family === only));
  return chosen.filter((stage) => stage.length > 0);
}

/** Why a program cannot take part; undefined when it can. */
function whyNot(family: Family): string | undefined {
  if (family === "understudy") return undefined;
  const isInstalled = family === "keepalived" ? findProgram("keepalived") !== undefined : existsSync(HEARTBEAT_DAEMON);
  if (!isInstalled) return `${family} is not installed`;
  if (process.getuid?.() !== 0) return `${family} changes its user, which needs root`;
  return undefined;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function runStage(stage: readonly Part[], flags: Flags): Promise<ContenderResult[]> {
  const parts = stage.filter(({ contender }) => {
    const reason = whyNot(contender.family);
    if (reason !== undefined) say(`${contender.name}: left out, ${reason}`);
    return reason === undefined;
  });
  return Promise.all(
    parts.map(({ contender, faults, phases, longPhases, isIdleMeasured }) => {
      const idleMs = isIdleMeasured ? IDLE_MS[flags.quick ? "quick" : "full"] : undefined;
      const options: CampaignOptions = { faults, phases, longPhases, idleMs, say };
      return runCampaign(contender, options);
    }),
  );
}

function readFlags(): Flags | undefined {
  try {
    const { values } = parseArgs({
      options: {
        help: { type: "boolean", short: "h", default: false },
        quick: { type: "boolean", default: false },
        only: { type: "string" },
        phases: { type: "string" },
      },
    });
    if (values.help) throw new Error("");
    const only = FAMILIES.find((family) => family === values.only);
    if (values.only !== undefined && only === undefined) throw new Error(`--only takes ${FAMILIES.join(", ")}`);
    const phases = values.phases === undefined ? undefined : Number(values.phases);
    if (phases !== undefined && (!Number.isInteger(phases) || phases < 1))
      throw new Error("--phases takes a number from 1");
    return { quick: values.quick, only, phases };
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}`.trimStart());
    return undefined;
  }
}

async function main(): Promise<number> {
  const flags = readFlags();
  if (flags === undefined) return 2;
  const problems = whatIsMissing();
  for (const { message, next } of problems) process.stderr.write(`${message}\n  next: ${next}\n`);
  if (problems.length > 0) return 1;
  // A lab belongs to this process: when it exits, the supervisors see its end and clear up.
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => process.exit(130));
  const timer = setTimeout(
    () => {
      process.stderr.write("the benchmark did not end in time\n");
      process.exit(1);
    },
    LIMIT_MS[flags.quick ? "quick" : "full"],
  );
  timer.unref();
  const results: ContenderResult[] = [];
  const beganMs = performance.now();
  for (const stage of stages(flags)) results.push(...(await runStage(stage, flags)));
  const report = renderReport(joinResults(results), { tookMs: performance.now() - beganMs });
  say(`\n${report}`);
  if (flags.quick || flags.only !== undefined || flags.phases !== undefined) {
    say("(a part of the benchmark; only the whole writes benchmarks/failover.md)");
  } else {
    const file = join(packageRoot, "benchmarks/failover.md");
    writeFileSync(file, report);
    say(`written to ${relative(process.cwd(), file)}`);
  }
  const troubles = results.flatMap(({ faults }) => Object.values(faults).flatMap((one) => one.troubles));
  return troubles.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${(error as Error).stack}\n`);
  process.exitCode = 1;
}
