/**
 * What an engine should carry now: the cluster file's balancer under operators' wishes, nodes in standby and what the
 * checks found. Pure, so that every node comes to the same from the same facts.
 *
 * An operator's drain counts always. A standby drains the members on that node, but never the last ones that could
 * take new visitors: a node that is put aside with nobody else to serve would be an outage by request.
 */

import type { BalancerConfig, MemberConfig, PoolConfig } from "../config/balancer.ts";
import type { DrainCause, MemberKey, MemberWant, Wanted } from "./wanted.ts";
import { memberId } from "./wanted.ts";
import { isDrained, wishedWeight, type WishBook } from "./wishes.ts";

/** What checks found, by this node's engine or by us. */
export interface Findings {
  /** Members (`POOL/MEMBER`) that are down. */
  readonly down: ReadonlySet<string>;
  /** Pools whose checks are suspected. */
  readonly servingAll: ReadonlySet<string>;
}

export const NO_FINDINGS: Findings = { down: new Set(), servingAll: new Set() };

/** Everything that is known besides the cluster file. */
export interface Facts {
  readonly wishes: WishBook;
  /** Nodes in standby. */
  readonly standby: ReadonlySet<string>;
  readonly findings: Findings;
}

/** Engines without checks of their own get our findings; the others know better themselves. */
const CHECKED_BY_US: ReadonlySet<BalancerConfig["engine"]> = new Set(["nginx"]);

export function effective(config: BalancerConfig, facts: Facts): Wanted {
  const ours = CHECKED_BY_US.has(config.engine);
  const members = config.pools.flatMap((pool) => {
    const spare = standbyDrains(pool, facts);
    return pool.members.map((member): MemberWant => {
      const key = { pool: pool.name, member: member.name };
      return {
        ...key,
        weight: weightOf(key, member, facts),
        drain: drainOf(key, spare, facts),
        isUp: !ours || isTrustedUp(key, facts.findings),
      };
    });
  });
  const servingAll = config.pools.map(({ name }) => name).filter((name) => facts.findings.servingAll.has(name));
  return { config, members, servingAll };
}

/**
 * The pools that would have no member for new visitors once these were drained (or got weight 0). Members on nodes in
 * standby do not count: somebody is about to take them away.
 */
export function poolsLeftEmpty(
  config: BalancerConfig,
  facts: Facts,
  taken: readonly MemberKey[],
): readonly string[] {
  const gone = new Set(taken.map(memberId));
  return config.pools
    .filter((pool) => pool.members.some((member) => gone.has(memberId({ pool: pool.name, member: member.name }))))
    .filter((pool) => {
      const left = takers(pool, facts).filter(
        ({ key, member }) => !gone.has(memberId(key)) && !isOnStandby(member, facts),
      );
      return left.length === 0;
    })
    .map(({ name }) => name);
}

/** Members of the pool that a standby drains: all on such nodes, or none when nobody would be left. */
function standbyDrains(pool: PoolConfig, facts: Facts): ReadonlySet<string> {
  if (facts.standby.size === 0) return new Set();
  if (takers(pool, facts).every(({ member }) => isOnStandby(member, facts))) return new Set();
  return new Set(pool.members.filter((member) => isOnStandby(member, facts)).map(({ name }) => name));
}

/** Members that take new visitors unless a standby takes them away. */
function takers(pool: PoolConfig, facts: Facts): { readonly key: MemberKey; readonly member: MemberConfig }[] {
  return pool.members
    .map((member) => ({ key: { pool: pool.name, member: member.name }, member }))
    .filter(
      ({ key, member }) =>
        !isDrained(facts.wishes, key) && weightOf(key, member, facts) > 0 && isTrustedUp(key, facts.findings),
    );
}

function isOnStandby(member: MemberConfig, facts: Facts): boolean {
  return member.node !== undefined && facts.standby.has(member.node);
}

function drainOf(key: MemberKey, spare: ReadonlySet<string>, facts: Facts): DrainCause | undefined {
  if (isDrained(facts.wishes, key)) return "operator";
  return spare.has(key.member) ? "standby" : undefined;
}

function weightOf(key: MemberKey, member: MemberConfig, facts: Facts): number {
  return wishedWeight(facts.wishes, key) ?? member.weight;
}

/** Checks that are suspected say nothing. */
function isTrustedUp(key: MemberKey, findings: Findings): boolean {
  return findings.servingAll.has(key.pool) || !findings.down.has(memberId(key));
}
