/** A node: the only holder of state. */

import type { ClusterConfig } from "../config/cluster.ts";
import type { Instant } from "../base/time.ts";
import type { Effect } from "./effects.ts";
import type { Input } from "./inputs.ts";
import type { NodeView } from "./view.ts";

/** What a step answers: things to do, in order, and when to be woken at the latest. */
export interface StepResult {
  readonly effects: readonly Effect[];
  readonly wakeAt: Instant;
}

export interface NodeOptions {
  readonly config: ClusterConfig;
  /** Hash of the normalised cluster file; equal files have equal hashes. */
  readonly configHash: string;
  /** This node's name; one of the config's nodes. */
  readonly node: string;
}

/** The core of one node. Purely synchronous; `step` is the only way in. */
export class Node {
  constructor(_options: NodeOptions) {}

  step(_input: Input): StepResult {
    throw new Error("the core is being written");
  }

  view(_now: Instant): NodeView {
    throw new Error("the core is being written");
  }
}
