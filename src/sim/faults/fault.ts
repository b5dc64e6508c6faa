/**
 * What goes wrong in a run, as plain data: a schedule is drawn from the seed before the run begins, so that it can
 * be printed, and shortened when a failure is searched for.
 */

import type { MachineAction } from "./machine-actions.ts";
import type { NetworkAction } from "./network-actions.ts";

/** Kinds of runs: no fault; packet loss that must not move anything; only power losses; anything. */
export type Mix = "calm" | "lossy" | "power" | "chaos";
export const MIXES: readonly Mix[] = ["calm", "lossy", "power", "chaos"];

/** A node's number, or whoever serves the first VIP at that moment. */
export type Target = number | "holder";

export type FaultAction = MachineAction | NetworkAction;

/** One fault; times in milliseconds of true time. */
export interface Fault {
  readonly at: number;
  readonly forMs: number;
  readonly action: FaultAction;
}

/** One line for people. */
export function describeFault(fault: Fault): string {
  const { kind, ...rest } = fault.action;
  return `${kind} ${JSON.stringify(rest)} for ${fault.forMs.toFixed(0)} ms`;
}
