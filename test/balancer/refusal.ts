/** Refuses a config that its engine cannot carry, as parsing the cluster file does. */

import type { BalancerConfig } from "../../src/core/config/balancer.ts";
import { capabilityOf, lackingNeeds } from "../../src/core/balancer/capabilities.ts";

export function refuseWhatIsLacking(config: BalancerConfig): void {
  const [need] = lackingNeeds(config);
  if (need === undefined) return;
  throw new Error(`${config.engine} lacks ${need.capability}, ${capabilityOf(need.capability).engines.join()} can`);
}
