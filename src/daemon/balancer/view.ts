/** One node's engine as the API shows it, made from what the keeper knows and the engine's own figures. */

import type { BalancerSummary, BalancerView, MemberView, PoolSummary, PoolView } from "../../api/balancer.ts";
import type { Wanted } from "../../core/balancer/wanted.ts";
import { memberId } from "../../core/balancer/wanted.ts";
import type { Problem } from "../../core/base/report.ts";
import type { MemberConfig } from "../../core/config/balancer.ts";
import type { EngineFigures } from "../../host/engines/engine.ts";
import type { HealthWatch } from "./health-watch.ts";
import type { KeeperState } from "./keeper.ts";

/** Pools in a summary. */
const SUMMARY_POOLS = 20;

export interface ViewParts {
  readonly node: string;
  readonly wanted: Wanted;
  readonly configHash: string;
  readonly keeper: KeeperState;
  /** Undefined: the engine does not answer. */
  readonly figures: EngineFigures | undefined;
  readonly health: Pick<HealthWatch, "of">;
  readonly problems: readonly Problem[];
}

export function viewOf(parts: ViewParts): BalancerView {
  const { node, wanted, configHash, keeper, figures } = parts;
  return {
    node,
    engine: wanted.config.engine,
    version: figures?.version ?? keeper.version,
    state: keeper.state,
    configHash,
    pid: figures?.pid,
    oldWorkers: figures?.oldWorkers ?? 0,
    connections: figures?.connections ?? 0,
    requestsPerSecond: figures?.requestsPerSecond ?? 0,
    requests: figures?.requests ?? 0,
    serverErrors: figures?.serverErrors ?? 0,
    reloads: keeper.reloads,
    pools: poolsOf(parts),
    problems: parts.problems,
  };
}

/** The view in a few hundred bytes, for `status`. */
export function summaryOf(view: BalancerView): BalancerSummary {
  const pools = view.pools.map(summaryOfPool);
  const isQuiet = (pool: PoolSummary): boolean => !pool.servingAll && pool.down + pool.draining === 0;
  const loudFirst = pools.toSorted((a, b) => Number(isQuiet(a)) - Number(isQuiet(b)));
  return { ...view, pools: loudFirst.slice(0, SUMMARY_POOLS), poolCount: pools.length };
}

function summaryOfPool({ pool, servingAll, members }: PoolView): PoolSummary {
  const down = members.filter(({ health }) => health === "down").length;
  const draining = members.filter(({ health, drain }) => health !== "down" && drain !== undefined).length;
  const sessions = members.reduce((sum, member) => sum + member.sessions, 0);
  const up = members.filter(({ health, drain }) => health === "up" && drain === undefined).length;
  return { pool, servingAll, members: members.length, up, draining, down, sessions };
}

function poolsOf({ wanted, figures, health }: ViewParts): PoolView[] {
  const wants = new Map(wanted.members.map((want) => [memberId(want), want]));
  const counted = new Map(figures?.members.map((member) => [memberId(member), member]));
  const view = (pool: string, config: MemberConfig): MemberView => {
    const key = { pool, member: config.name };
    const want = wants.get(memberId(key));
    const figure = counted.get(memberId(key));
    const seen = health.of(key);
    const { name: member, node, address, port, backup } = config;
    return {
      member,
      node,
      address,
      port,
      backup,
      weight: want?.weight ?? config.weight,
      ...(want === undefined || want.weight === config.weight ? {} : { fileWeight: config.weight }),
      drain: want?.drain,
      health: figure === undefined || figure.health === "unknown" ? told(seen) : figure.health,
      detail: figure === undefined || figure.detail === "" ? (seen?.detail ?? "") : figure.detail,
      sessions: figure?.sessions ?? 0,
      queued: figure?.queued ?? 0,
      requests: figure?.requests ?? 0,
      idleSeconds: figure?.idleSeconds,
    };
  };
  return wanted.config.pools.map(({ name, sticky, members }) => ({
    pool: name,
    servingAll: wanted.servingAll.includes(name),
    sticky: sticky?.kind,
    members: members.map((member) => view(name, member)),
  }));
}

function told(seen: { readonly isUp: boolean } | undefined): MemberView["health"] {
  return seen === undefined ? "unknown" : seen.isUp ? "up" : "down";
}
