/**
 * The tour: every fault in turn against the node that holds the site's address, healed again, and what a visitor
 * and the wire saw of it, beside what is promised. Nothing here asks the daemons for numbers.
 */

import type { ClusterFile } from "./cluster-file.ts";
import { pause, until } from "./clock.ts";
import { BROKEN } from "./checks/tries.ts";
import { FAULTS, heal } from "./faults/catalog.ts";
import { Lab } from "./lab.ts";
import type { UpOptions } from "./lab.ts";
import type { LoadClient } from "./load-client.ts";

/** One line of the table. */
export interface TourResult {
  readonly fault: string;
  readonly gapMs: number;
  readonly failed: number;
  /** Of these, connections that never stood. */
  readonly refused: number;
  readonly twoHoldersMs: number;
  readonly promisedGapMs: number;
  /** Undefined when any number of failures within the gap is fine. */
  readonly promisedRefused: number | undefined;
  /** Why nothing could be measured. */
  readonly trouble: string | undefined;
}

interface Step {
  readonly fault: string;
  readonly promisedGapMs: number;
  readonly promisedRefused?: number;
  /** Returns the moment it began. */
  readonly act: (lab: Lab, holder: string) => Promise<number>;
}

/** The monitor's pace in the tour: a dead nginx is noticed at the second failed check in a row. */
const CHECK_EVERY_MS = 100;
const CHECKS_TO_FALL = 2;
/** How long the fault lasts after the site is back: long enough for a holder that was presumed dead to misbehave. */
const LINGER_MS = 1_500;
const STEP_LIMIT_MS = 12_000;

function onHolder(fault: keyof typeof FAULTS): Step["act"] {
  return (lab, holder) => FAULTS[fault].inflict(lab.node(holder));
}

async function switchover(lab: Lab, holder: string): Promise<number> {
  const to = lab.nodes.find((node) => node.name !== holder)?.name ?? holder;
  const atMs = lab.now();
  const answer = await lab.understudy(holder, ["switch", "www", "--to", to]);
  if (answer.code !== 0) throw new Error(`switch was refused: ${answer.stderr || answer.stdout}`);
  return atMs;
}

const STEPS: readonly Step[] = [
  { fault: "power off", promisedGapMs: 400, act: onHolder("power-off") },
  { fault: "daemon frozen (SIGSTOP)", promisedGapMs: 600, act: onHolder("freeze") },
  { fault: "daemon killed (SIGKILL)", promisedGapMs: 600, act: onHolder("kill") },
  { fault: "cables unplugged (carrier lost)", promisedGapMs: 400, act: onHolder("unplug") },
  { fault: "cables dead (carrier stays)", promisedGapMs: 400, act: onHolder("silence") },
  { fault: "nginx killed", promisedGapMs: CHECK_EVERY_MS * CHECKS_TO_FALL + 100, act: onHolder("nginx") },
  { fault: "planned switchover", promisedGapMs: 250, promisedRefused: 0, act: switchover },
];

/** Labs of the tour and of the terminal view check nginx often, so that its death shows as quickly as may be promised. */
export function tourCluster(file: ClusterFile): void {
  const { web } = file.monitors;
  if (web === undefined) return;
  web["every"] = `${CHECK_EVERY_MS}ms`;
  web["timeout"] = `${CHECK_EVERY_MS}ms`;
  web["fall"] = CHECKS_TO_FALL;
}

/** Was every promise of this line met? */
export function isMet(result: TourResult): boolean {
  const { trouble, gapMs, promisedGapMs, twoHoldersMs, refused, promisedRefused } = result;
  const areFailuresFine = promisedRefused === undefined || refused <= promisedRefused;
  return trouble === undefined && gapMs <= promisedGapMs && twoHoldersMs === 0 && areFailuresFine;
}

/** Runs the whole tour in a lab of its own and returns true when every promise was met. `say` gets lines to print. */
export async function runTour(options: UpOptions, say: (line: string) => void): Promise<boolean> {
  await using lab = await Lab.up({ ...options, cluster: tourCluster });
  say(`lab ${lab.plan.id}: ${lab.nodes.length} nodes, one client; ${await lab.page()} holds the site's address`);
  await lab.holders.start();
  const results: TourResult[] = [];
  for (const step of STEPS) {
    const result = await runStep(lab, step);
    results.push(result);
    say(
      `${isMet(result) ? "met    " : "NOT MET"}  ${step.fault}${result.trouble === undefined ? "" : `: ${result.trouble}`}`,
    );
  }
  for (const line of renderTour(results)) say(line);
  return results.every(isMet);
}

async function runStep(lab: Lab, step: Step): Promise<TourResult> {
  const promised = { promisedGapMs: step.promisedGapMs, promisedRefused: step.promisedRefused };
  let client: LoadClient | undefined;
  try {
    const holder = await lab.calm();
    // A switchover is felt as waiting: no limit, so that the kernel's own patience shows as delay, not as failure.
    client = await lab.startClient({ isUnlimited: step.promisedRefused !== undefined });
    await client.pageAfter(lab.now(), { from: holder });
    const beganMs = await step.act(lab, holder);
    await movedFrom(client, holder, beganMs);
    await pause(LINGER_MS);
    await heal(lab);
    await lab.calm(STEP_LIMIT_MS);
    await pause(200);
    const window = { fromMs: beganMs - 20, toMs: lab.now() };
    const seen = await client.summary(window);
    const wire = await lab.holders.report(window);
    if (Object.values(wire.vips).some((vip) => vip.questions === 0 || vip.evidence === 0)) {
      throw new Error("the wire's observer saw nothing");
    }
    const slowest = step.promisedRefused === undefined ? 0 : seen.worstLatencyMs;
    const gapMs = Math.max(seen.worstGapMs, slowest);
    return {
      fault: step.fault,
      gapMs,
      failed: seen.failed,
      refused: seen.failed - (seen.failures[BROKEN] ?? 0),
      twoHoldersMs: wire.twoHoldersMs,
      ...promised,
      trouble: undefined,
    };
  } catch (error) {
    await heal(lab).catch(() => {}); // the next step's calm tells whether it helped
    const trouble = (error as Error).message.trim();
    return {
      fault: step.fault,
      gapMs: Number.POSITIVE_INFINITY,
      failed: 0,
      refused: 0,
      twoHoldersMs: 0,
      ...promised,
      trouble,
    };
  } finally {
    await client?.stop();
  }
}

function movedFrom(client: LoadClient, holder: string, beganMs: number): Promise<string> {
  return until(
    `a page from another node than ${holder}`,
    async () => {
      const node = await client.pageAfter(beganMs, { limitMs: STEP_LIMIT_MS });
      return node === holder ? undefined : node;
    },
    { limitMs: STEP_LIMIT_MS },
  );
}

/** The table, line by line. */
export function renderTour(results: readonly TourResult[]): string[] {
  const seconds = (ms: number): string => (Number.isFinite(ms) ? `${(ms / 1000).toFixed(2)} s` : "no end");
  const rows = results.map((one) => [
    one.fault,
    seconds(one.gapMs),
    String(one.failed),
    `${Math.ceil(one.twoHoldersMs)} ms`,
    `gap ≤ ${seconds(one.promisedGapMs)}${one.promisedRefused === undefined ? "" : `, ${one.promisedRefused} refused`}, never two`,
    isMet(one) ? "yes" : "NO",
  ]);
  const head = ["fault", "gap", "failed", "two holders", "promised", "met"];
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        column >= 1 && column <= 3 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd();
  return ["", line(head), line(widths.map((width) => "─".repeat(width))), ...rows.map(line)];
}
