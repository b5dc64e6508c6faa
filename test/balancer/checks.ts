/** Checks of members for the engine that has none of its own, as the daemon makes them. */

import type { BalancerConfig } from "../../src/core/config/balancer.ts";
import { type CheckNews, MemberChecks } from "../../src/daemon/balancer/checks.ts";

export function startChecks(config: BalancerConfig, seen: (seen: CheckNews) => void): () => void {
  if (config.engine === "haproxy") return () => {};
  const checks = new MemberChecks({ changed: seen });
  checks.watch(config.pools);
  return () => checks.close();
}
