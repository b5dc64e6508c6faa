/**
 * The two ways a daemon ends on purpose: it leaves (everything moves away first), or it becomes its next self
 * in the same process, which keeps its leases.
 */

import { getPriority, setPriority } from "node:os";

import type { Handover } from "../core/node/inputs.ts";
import { discardHandover, writeHandover } from "./handover.ts";
import type { HeartPort } from "./heart-port.ts";
import type { Log } from "./log.ts";

/** For moving everything away before the end. */
const LEAVE_LIMIT_MS = 30_000;
/** For the disk, when a lease runs meanwhile. */
const FLUSH_LIMIT_MS = 150;

/** Carries the ordinary priority over the restart. */
const PRIORITY_VARIABLE = "UNDERSTUDY_PRIORITY";
/**
 * A next self has about a second to begin, on whatever a busy machine leaves it. Much more than this would starve the
 * servers beside it, and visitors would feel what the lease was stretched for (seen at -15 on two processors).
 */
const HURRIED_PRIORITY = -4;

/** What must be flushed before the process ends or changes. */
export interface Flushable {
  flush(): Promise<void>;
}

/** Releases everything and says goodbye; resolves with true when the core confirmed it in time. */
export async function leave(heart: HeartPort, log: Log): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`not finished within ${LEAVE_LIMIT_MS / 1_000} s`), LEAVE_LIMIT_MS);
  });
  const leaving = heart.request({ verb: "leave" }).then(
    (outcome) =>
      outcome.kind === "done" ? undefined : outcome.kind === "refused" ? outcome.problem.message : outcome.kind,
    (error: unknown) => (error as Error).message,
  );
  const failure = await Promise.race([leaving, limit]);
  clearTimeout(timer);
  if (failure !== undefined) log.error("could not leave in order", { detail: failure });
  return failure === undefined;
}

/**
 * Becomes the next self. Returns only when that was not possible, with the reason: the core has said its last word by
 * then, so the daemon must end and be started anew.
 */
export async function becomeNextSelf(options: {
  runtimeDir: string;
  handover: Handover;
  flushables: readonly Flushable[];
  log: Log;
}): Promise<string> {
  const { log } = options;
  try {
    await writeHandover(options.runtimeDir, options.handover);
    await flushAll(options.flushables, FLUSH_LIMIT_MS);
    log.info("restarting: the next self takes the leases over");
    log.flush();
    hurry();
    const { execve } = process;
    if (execve === undefined) throw new Error("this Node cannot replace its own process");
    // Ends this program in any case: Node aborts when the other one cannot be started.
    return execve(
      process.execPath,
      [process.execPath, ...process.execArgv, ...process.argv.slice(1)],
      definedOnly(process.env),
    );
  } catch (error) {
    slowDown();
    await discardHandover(options.runtimeDir).catch(() => {
      // The stop hook tries again.
    });
    return (error as Error).message;
  }
}

/** Lets this thread, and the program that follows in its place, go before others; the next self slows down again. */
function hurry(): void {
  const before = getPriority();
  try {
    setPriority(Math.min(before, HURRIED_PRIORITY));
  } catch {
    // Without CAP_SYS_NICE the restart takes its turn like everybody.
  }
  process.env[PRIORITY_VARIABLE] = String(before);
}

/** Back to the ordinary priority, before anything is started that would inherit the other. */
export function slowDown(): void {
  const before = process.env[PRIORITY_VARIABLE];
  delete process.env[PRIORITY_VARIABLE];
  if (before !== undefined && /^-?\d{1,2}$/.test(before)) setPriority(Number(before));
}

/** Waits for the disk, but not for ever. */
export async function flushAll(flushables: readonly Flushable[], limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([Promise.allSettled(flushables.map((one) => one.flush())), limit]);
  clearTimeout(timer);
}

function definedOnly(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
}
