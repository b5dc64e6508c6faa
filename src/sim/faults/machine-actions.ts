/** Faults of a machine, its daemon and its services, and operators who give commands at bad moments. */

import type { Verb } from "../../core/node/inputs.ts";
import type { ServiceMood } from "../machine.ts";
import type { FaultAction, Target } from "./fault.ts";

/** One command of an operator, so long after the first. */
export interface Command {
  readonly afterMs: number;
  readonly node: number;
  readonly verb: Verb;
}

/** What a new cluster file changes: preferences turned round, failback, an address more, a group more. */
export const CHANGES = ["prefer", "failback", "address", "group"] as const;
export type Change = (typeof CHANGES)[number];

export type MachineAction =
  | { readonly kind: "power"; readonly node: Target }
  | { readonly kind: "kill"; readonly node: Target }
  | { readonly kind: "freeze"; readonly node: Target; readonly effects: number | undefined }
  | { readonly kind: "stall"; readonly node: Target }
  /** The whole machine stands still while its clock counts on; `room` packets wait on its network card. */
  | { readonly kind: "suspend"; readonly node: Target; readonly room: number }
  /** The same, and its clock stands still too, as in a live migration. */
  | { readonly kind: "migrate"; readonly node: Target; readonly room: number }
  | { readonly kind: "service"; readonly node: Target; readonly mood: ServiceMood }
  | { readonly kind: "services-die"; readonly node: Target }
  | { readonly kind: "monitor"; readonly node: Target }
  | { readonly kind: "request"; readonly node: Target; readonly verb: Verb }
  /** Operators who type one command after another, doubled and contradictory. */
  | { readonly kind: "commands"; readonly node: Target; readonly commands: readonly Command[] }
  /** The state file's disk takes no write, or writes do not come back. */
  | { readonly kind: "disk"; readonly node: Target; readonly state: "full" | "hangs" }
  /** Somebody sets the wall clock. */
  | { readonly kind: "clock"; readonly node: Target; readonly stepMs: number }
  /** The cluster file is replaced on one node after another, and later the old one put back in the same way. */
  | { readonly kind: "reload"; readonly node: Target; readonly change: Change; readonly how: "restart" | "kill" }
  | { readonly kind: "leave"; readonly node: Target }
  /** The daemon runs with another cluster file. */
  | { readonly kind: "config"; readonly node: Target }
  /** The gate's rules cannot be kept. */
  | { readonly kind: "gate"; readonly node: Target };

/** Every kind, in the order in which a report lists them. */
export const MACHINE_KINDS = [
  "power",
  "kill",
  "freeze",
  "stall",
  "suspend",
  "migrate",
  "service",
  "services-die",
  "monitor",
  "request",
  "commands",
  "disk",
  "clock",
  "reload",
  "leave",
  "config",
  "gate",
] as const satisfies readonly MachineAction["kind"][];

const kinds: ReadonlySet<string> = new Set(MACHINE_KINDS);

/** Is it this side's business? */
export function isMachineAction(action: FaultAction): action is MachineAction {
  return kinds.has(action.kind);
}
