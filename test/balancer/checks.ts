/** Checks of members for the engine that has none of its own, as the daemon makes them. */

import type { BalancerConfig } from "../../src/core/config/balancer.ts";
import type { MemberKey } from "../../src/core/balancer/wanted.ts";

interface Seen {
  readonly key: MemberKey;
  readonly isUp: boolean;
  readonly detail: string;
}

export function startChecks(_config: BalancerConfig, _seen: (seen: Seen) => void): () => void {
  return () => {};
}
