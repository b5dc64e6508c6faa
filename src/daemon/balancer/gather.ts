/** All nodes' engines together: each node is asked at once and for a limited time, so that a dead one delays nothing. */

import type { BalancerSummary, BalancerView, PoolsAnswer } from "../../api/balancer.ts";
import type { ClusterConfig } from "../../core/config/cluster.ts";
import type { PeerAnswer, Question } from "../control-client.ts";
import { clusterProblems } from "./problems.ts";

/** For the view of another node. */
const VIEW_LIMIT_MS = 500;

export interface GatherOptions {
  readonly config: ClusterConfig;
  readonly node: string;
  readonly ask: (node: string, question: Question) => Promise<PeerAnswer>;
  readonly own: () => Promise<BalancerView>;
}

export async function gatherPools(options: GatherOptions): Promise<PoolsAnswer> {
  const nodes = await Promise.all(
    options.config.nodes.map(async ({ name }) => {
      if (name === options.node) return { node: name, view: await options.own() };
      const body = await askFor(options, name, "/v1/balancer");
      return { node: name, view: isView(body, name) ? body : undefined };
    }),
  );
  const problems = clusterProblems(nodes.flatMap(({ view }) => view ?? []));
  return { answeredBy: options.node, nodes, problems };
}

/** Another node's engine in short; undefined when it does not answer or has no balancer. */
export async function askSummary(
  options: Pick<GatherOptions, "ask">,
  node: string,
): Promise<BalancerSummary | undefined> {
  const body = await askFor(options, node, "/v1/balancer/summary");
  return isSummary(body, node) ? body : undefined;
}

async function askFor(options: Pick<GatherOptions, "ask">, node: string, path: string): Promise<unknown> {
  try {
    const { status, body } = await options.ask(node, { method: "GET", path, limitMs: VIEW_LIMIT_MS });
    return status === 200 ? body : undefined;
  } catch {
    // Why it is silent is the membership's business, and stands in `status`.
    return undefined;
  }
}

/** An authenticated node's view is believed; one that another version wrote differently is left out. */
function isView(value: unknown, node: string): value is BalancerView {
  return isSummary(value, node) && value.pools.every((pool) => Array.isArray(pool.members));
}

function isSummary(value: unknown, node: string): value is BalancerSummary {
  const view = value as Partial<BalancerSummary> | null | undefined;
  return (
    view?.node === node &&
    typeof view.configHash === "string" &&
    Array.isArray(view.pools) &&
    Array.isArray(view.problems)
  );
}
