/**
 * What one node's engine should carry right now: the cluster file's balancer together with everything that changes
 * without it (operators' wishes, standby, health where we do the checks). Renderers turn it into an engine's words,
 * `change.ts` compares two of them.
 */

import type { BalancerConfig, MemberConfig } from "../config/balancer.ts";

/** Names a member: pool and member together. */
export interface MemberKey {
  readonly pool: string;
  readonly member: string;
}

/** Why a member gets no new visitors. */
export type DrainCause = "operator" | "standby";

export interface MemberWant extends MemberKey {
  /** 0 to 256: the cluster file's, or what an operator set. */
  readonly weight: number;
  /** Present sessions go on, new visitors go elsewhere. */
  readonly drain: DrainCause | undefined;
  /** False: checks of ours found it down (only for engines that do no checks themselves). */
  readonly isUp: boolean;
}

export interface Wanted {
  readonly config: BalancerConfig;
  /** One per member, in the config's order of pools and members. */
  readonly members: readonly MemberWant[];
  /** Pools whose checks are suspected: every member serves, whatever the checks say. */
  readonly servingAll: readonly string[];
}

/** The text form that people and the API use: `apache/srv1`. */
export function memberId(key: MemberKey): string {
  return `${key.pool}/${key.member}`;
}

/** A config as the file says it, without any wish or finding. */
export function wantedOf(config: BalancerConfig): Wanted {
  const members = config.pools.flatMap((pool) => pool.members.map((member) => plainWant(pool.name, member)));
  return { config, members, servingAll: [] };
}

function plainWant(pool: string, member: MemberConfig): MemberWant {
  return { pool, member: member.name, weight: member.weight, drain: undefined, isUp: true };
}

/** A file that an engine reads, made from a `Wanted`. Paths are relative to the engine's own directory. */
export interface RenderedFile {
  readonly path: string;
  readonly content: string;
}

/** Where an engine's files and sockets are; the same on every node as far as the daemon's directories are. */
export interface EnginePlace {
  /** The engine's own directory below the daemon's runtime directory; absolute. */
  readonly directory: string;
}
