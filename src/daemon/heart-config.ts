/** What of the cluster file the heart gets to know. */

import type { ClusterConfig } from "../core/config/cluster.ts";

/** The cluster without its balancer: the heart decides nothing about members, and a change of them must not restart it. */
export function withoutBalancer(config: ClusterConfig): ClusterConfig {
  const { balancer: _, ...rest } = config;
  return rest;
}
