/**
 * Whether the checks of a pool can be believed. Servers fail one after the other; when more than a set share of them
 * fails within one period of the checks, the likelier cause is the checker (its own network, a changed check page, a
 * firewall), and taking all servers away would turn a wrong alarm into an outage. Then the pool is suspected: every
 * member serves, whatever the checks say, until so many pass again that the share is kept (Envoy calls this the panic
 * threshold).
 */

import { after, type Instant } from "../base/time.ts";

/** What the decision depends on besides the findings. */
export interface PoolPace {
  /** Members of the pool, backups too. */
  readonly members: number;
  /** One cause is seen by all members' checks within this time: the pause between two checks and one check's limit. */
  readonly periodMs: number;
  readonly panicShare: number;
}

/** What was found about one pool. */
export interface PoolTrust {
  /** Members that are down, and since when. */
  readonly downSince: ReadonlyMap<string, Instant>;
  readonly isSuspected: boolean;
}

/** Nothing found yet. */
export const TRUSTED: PoolTrust = { downSince: new Map(), isSuspected: false };

export interface Finding {
  readonly member: string;
  readonly isUp: boolean;
}

/** The pool after these findings, all made at `now`; repeating what is known changes nothing. */
export function observeMembers(
  trust: PoolTrust,
  pace: PoolPace,
  seen: { readonly findings: readonly Finding[]; readonly now: Instant },
): PoolTrust {
  const downSince = new Map(trust.downSince);
  for (const { member, isUp } of seen.findings) {
    if (isUp) downSince.delete(member);
    else if (!downSince.has(member)) downSince.set(member, seen.now);
  }
  return { downSince, isSuspected: isSuspected(downSince, trust.isSuspected, pace, seen.now) };
}

/** The pool when its members are these; what was found about others is forgotten. */
export function keepMembers(trust: PoolTrust, names: ReadonlySet<string>): PoolTrust {
  const downSince = new Map([...trust.downSince].filter(([member]) => names.has(member)));
  return downSince.size === trust.downSince.size ? trust : { ...trust, downSince };
}

function isSuspected(downSince: ReadonlyMap<string, Instant>, before: boolean, pace: PoolPace, now: Instant): boolean {
  const most = pace.panicShare * pace.members;
  if (before) return downSince.size > most;
  const together = [...downSince.values()].filter((since) => now <= after(since, pace.periodMs)).length;
  return together > most;
}
