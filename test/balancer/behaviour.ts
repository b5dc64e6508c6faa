/** What the contract says about engines, one sentence each; the same for all of them. */

import type { Capability } from "../../src/core/balancer/capabilities.ts";
import type { Bench } from "./bench.ts";

export interface Behaviour {
  /** A sentence; unique. */
  readonly title: string;
  /** What an engine must be able to do for this. One that lacks any of them must refuse the config. Empty: all must. */
  readonly shows: readonly Capability[];
  run(bench: Bench): Promise<void>;
}
