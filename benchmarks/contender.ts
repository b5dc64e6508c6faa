/**
 * What the benchmark needs to know of each program that it compares: how it is configured, when it is healthy,
 * how an operator moves the address on purpose and how a node is brought back. Everything else is the same for all.
 */

import type { Lab, UpOptions } from "../src/lab/lab.ts";
import type { FaultKey } from "./faults.ts";

export type Family = "understudy" | "keepalived" | "heartbeat";

export interface Contender {
  readonly family: Family;
  /** Short and unique; the head of its column. */
  readonly name: string;
  /** One sentence for the report. */
  readonly setting: string;
  /** How often a node says that it lives. */
  readonly intervalMs: number;
  readonly lab: UpOptions;
  /** After this long without a takeover none is coming. */
  readonly patienceMs: number;
  /** Its configuration on the first node, as it stood during the run, for the report. */
  config(): readonly { readonly file: string; readonly text: string }[];
  /** What is still missing until both nodes are healthy while `page` shows the site; empty when nothing is. */
  obstacle(lab: Lab, page: string): Promise<string>;
  /** Moves the address away from the holder as its manual says; returns when it was asked for. */
  switchover(lab: Lab, holder: string): Promise<number>;
  /** Puts everything right after a fault against `node`. */
  heal(lab: Lab, node: string, fault: FaultKey): Promise<void>;
}
