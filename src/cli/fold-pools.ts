/**
 * All nodes' engines as one picture of the pools: a member's sessions are those of every engine together, and where the
 * engines disagree about a member, that is kept and not averaged away.
 */

import type { BalancerView, MemberView, PoolsAnswer, PoolView } from "../api/balancer.ts";
import type { NamedPool } from "../core/config/find-members.ts";

/** One node's engine about one member. */
export interface Opinion {
  readonly node: string;
  readonly view: MemberView;
}

/** A member as all engines that answer see it. */
export interface FoldedMember {
  readonly pool: string;
  readonly member: string;
  /** In the nodes' order; not empty. */
  readonly opinions: readonly Opinion[];
  readonly sessions: number;
  readonly queued: number;
  readonly requests: number;
  /** Since any engine used it last; undefined: none ever did. */
  readonly idleSeconds: number | undefined;
}

export interface FoldedPool {
  readonly pool: string;
  readonly sticky: PoolView["sticky"];
  /** Nodes whose engine suspects the checks. */
  readonly suspectedOn: readonly string[];
  readonly members: readonly FoldedMember[];
}

/** The pools of all answering engines, in the first one's order. */
export function foldPools(answer: PoolsAnswer): FoldedPool[] {
  const seen = new Map<string, { node: string; view: PoolView }[]>();
  for (const { node, view } of answering(answer)) {
    for (const pool of view.pools) {
      const known = seen.get(pool.pool) ?? [];
      known.push({ node, view: pool });
      seen.set(pool.pool, known);
    }
  }
  return [...seen].map(([pool, views]) => ({
    pool,
    sticky: views.find(({ view }) => view.sticky !== undefined)?.view.sticky,
    suspectedOn: views.filter(({ view }) => view.servingAll).map(({ node }) => node),
    members: foldMembers(pool, views),
  }));
}

/** The pools' names as `findMembers` wants them. */
export function namesIn(pools: readonly FoldedPool[]): NamedPool[] {
  return pools.map(({ pool, members }) => ({ pool, members: members.map(({ member }) => member) }));
}

/** Nodes whose engine did not answer: their sessions are not in the sums. */
export function silentNodes(answer: PoolsAnswer): string[] {
  return answer.nodes.filter(({ view }) => view === undefined).map(({ node }) => node);
}

function answering(answer: PoolsAnswer): { node: string; view: BalancerView }[] {
  return answer.nodes.flatMap(({ node, view }) => (view === undefined ? [] : [{ node, view }]));
}

function foldMembers(pool: string, views: readonly { node: string; view: PoolView }[]): FoldedMember[] {
  const seen = new Map<string, Opinion[]>();
  for (const { node, view } of views) {
    for (const member of view.members) {
      const known = seen.get(member.member) ?? [];
      known.push({ node, view: member });
      seen.set(member.member, known);
    }
  }
  return [...seen].map(([member, opinions]) => {
    const sum = (count: (view: MemberView) => number): number =>
      opinions.reduce((total, { view }) => total + count(view), 0);
    const idle = opinions.flatMap(({ view }) => (view.idleSeconds === undefined ? [] : [view.idleSeconds]));
    return {
      pool,
      member,
      opinions,
      sessions: sum((view) => view.sessions),
      queued: sum((view) => view.queued),
      requests: sum((view) => view.requests),
      idleSeconds: idle.length === 0 ? undefined : Math.min(...idle),
    };
  });
}
