/**
 * What an engine should carry now: the cluster file's balancer under operators' wishes, nodes in standby and what the
 * checks found. Pure, so that every node comes to the same from the same facts.
 *
 * An operator's drain counts while somebody else of the pool is up; when the others die, members that answer serve
 * again until one comes back, unless the drain was forced. A standby drains the members on that node, but never the last
 * ones that could take new visitors: a node that is put aside with nobody else to serve would be an outage by request.
 */

import type { BalancerConfig, MemberConfig, PoolConfig } from "../config/balancer.ts";
import type { DrainCause, MemberKey, MemberWant, Wanted } from "./wanted.ts";
import { memberId } from "./wanted.ts";
import { isDrained, isDrainForced, wishedWeight, type WishBook } from "./wishes.ts";

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
    const back = drainsThatRest(pool, facts);
    const spare = standbyDrains(pool, facts, back);
    return pool.members.map((member): MemberWant => {
      const key = { pool: pool.name, member: member.name };
      return {
        ...key,
        weight: weightOf(key, member, facts),
        drain: drainOf(key, { spare, back }, facts),
        isUp: !ours || isTrustedUp(key, facts.findings),
      };
    });
  });
  const servingAll = config.pools.map(({ name }) => name).filter((name) => facts.findings.servingAll.has(name));
  return { config, members, servingAll };
}

/** Members (`POOL/MEMBER`) that operators drained and that serve all the same, because nobody else of the pool is up. */
export function restingDrains({ members }: Wanted, wishes: WishBook): readonly string[] {
  return members.filter((want) => want.drain !== "operator" && isDrained(wishes, want)).map(memberId);
}

/**
 * The pools that would have no member for new visitors once these were drained (or got weight 0). Members on nodes in
 * standby do not count: somebody is about to take them away.
 */
export function poolsLeftEmpty(config: BalancerConfig, facts: Facts, taken: readonly MemberKey[]): readonly string[] {
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

const NONE: ReadonlySet<string> = new Set();

/**
 * Members whose drain does not count for now. Here a check is believed also where the pool's are suspected: a member that
 * passes is the only one of which something good is known.
 */
function drainsThatRest(pool: PoolConfig, facts: Facts): ReadonlySet<string> {
  const keyed = pool.members.map((member) => ({ key: { pool: pool.name, member: member.name }, member }));
  const drained = keyed.filter(({ key }) => isDrained(facts.wishes, key));
  // Who forced one drain of the pool said that it may be without anybody.
  if (drained.length === 0 || drained.some(({ key }) => isDrainForced(facts.wishes, key))) return NONE;
  const able = keyed.filter(({ key, member }) => weightOf(key, member, facts) > 0);
  const upFirst = [
    able.filter(({ key }) => !facts.findings.down.has(memberId(key))),
    able.filter(({ key }) => isTrustedUp(key, facts.findings)),
  ];
  const serving = upFirst.find((members) => members.length > 0) ?? [];
  if (serving.some(({ key }) => !isDrained(facts.wishes, key))) return NONE;
  return new Set(serving.map(({ member }) => member.name));
}

/** Members of the pool that a standby drains: all on such nodes, or none when nobody would be left. */
function standbyDrains(pool: PoolConfig, facts: Facts, back: ReadonlySet<string>): ReadonlySet<string> {
  if (facts.standby.size === 0) return NONE;
  if (takers(pool, facts, back).every(({ member }) => isOnStandby(member, facts))) return new Set();
  return new Set(pool.members.filter((member) => isOnStandby(member, facts)).map(({ name }) => name));
}

/** Members that take new visitors unless a standby takes them away. */
function takers(
  pool: PoolConfig,
  facts: Facts,
  back: ReadonlySet<string> = NONE,
): { readonly key: MemberKey; readonly member: MemberConfig }[] {
  return pool.members
    .map((member) => ({ key: { pool: pool.name, member: member.name }, member }))
    .filter(
      ({ key, member }) =>
        (!isDrained(facts.wishes, key) || back.has(member.name)) &&
        weightOf(key, member, facts) > 0 &&
        isTrustedUp(key, facts.findings),
    );
}

function isOnStandby(member: MemberConfig, facts: Facts): boolean {
  return member.node !== undefined && facts.standby.has(member.node);
}

function drainOf(
  key: MemberKey,
  { spare, back }: { readonly spare: ReadonlySet<string>; readonly back: ReadonlySet<string> },
  facts: Facts,
): DrainCause | undefined {
  if (isDrained(facts.wishes, key) && !back.has(key.member)) return "operator";
  return spare.has(key.member) ? "standby" : undefined;
}

function weightOf(key: MemberKey, member: MemberConfig, facts: Facts): number {
  return wishedWeight(facts.wishes, key) ?? member.weight;
}

/** Checks that are suspected say nothing. */
function isTrustedUp(key: MemberKey, findings: Findings): boolean {
  return findings.servingAll.has(key.pool) || !findings.down.has(memberId(key));
}
