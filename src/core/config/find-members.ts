/**
 * Which members an operator means: `POOL/MEMBER`, or a member's name alone for every pool that has it. The same for the
 * command line and the daemon, so that a wrong name is told in the same words everywhere.
 */

import type { Problem, Result } from "../base/report.ts";
import { nearestWord } from "./nearest.ts";

/** A pool with the names of its members; a config's pools can be turned into it, and an answer of the API. */
export interface NamedPool {
  readonly pool: string;
  readonly members: readonly string[];
}

interface Key {
  readonly pool: string;
  readonly member: string;
}

/** The members in the pools' order, at least one; or what is wrong with the name, and the nearest right one. */
export function findMembers(pools: readonly NamedPool[], text: string): Result<readonly Key[]> {
  const slash = text.indexOf("/");
  if (slash < 0) return findEverywhere(pools, text);
  const [poolName, member] = [text.slice(0, slash), text.slice(slash + 1)];
  const found = findPool(pools, poolName);
  if (!found.ok) {
    // In the operator's next line the pool is right and the member stays as it was written.
    const [problem] = found.problems;
    const nearest = problem?.nearest === undefined ? {} : { nearest: `${problem.nearest}/${member}` };
    return refuse({ ...(problem as Problem), ...nearest });
  }
  const pool = found.value;
  if (pool.members.includes(member)) return { ok: true, value: [{ pool: poolName, member }], problems: [] };
  const nearest = nearestWord(member, pool.members);
  return refuse(
    {
      code: "MEMBER_UNKNOWN",
      severity: "error",
      message: `the pool ${poolName} has no member "${member}"`,
      expected: pool.members.join(", "),
      next: `\`understudy pools ${poolName}\` shows its members`,
    },
    nearest === undefined ? undefined : `${poolName}/${nearest}`,
  );
}

/** The pool of that name, or what is wrong with it. */
export function findPool(pools: readonly NamedPool[], name: string): Result<NamedPool> {
  const pool = pools.find((one) => one.pool === name);
  if (pool !== undefined) return { ok: true, value: pool, problems: [] };
  const names = pools.map((one) => one.pool);
  return refuse(
    {
      code: "POOL_UNKNOWN",
      severity: "error",
      message: `there is no pool "${name}"`,
      expected: names.join(", "),
      next: "`understudy pools` shows all of them",
    },
    nearestWord(name, names),
  );
}

function findEverywhere(pools: readonly NamedPool[], member: string): Result<readonly Key[]> {
  const value = pools.filter(({ members }) => members.includes(member)).map(({ pool }) => ({ pool, member }));
  if (value.length > 0) return { ok: true, value, problems: [] };
  const names = [...new Set(pools.flatMap(({ members }) => members))];
  if (pools.some(({ pool }) => pool === member)) {
    return refuse({
      code: "MEMBER_UNKNOWN",
      severity: "error",
      message: `"${member}" is a pool, and a member is needed`,
      expected:
        pools
          .find(({ pool }) => pool === member)
          ?.members.map((name) => `${member}/${name}`)
          .join(", ") ?? "",
      next: "name one of its members",
    });
  }
  return refuse(
    {
      code: "MEMBER_UNKNOWN",
      severity: "error",
      message: `no pool has a member "${member}"`,
      expected: names.join(", "),
      next: "`understudy pools` shows all of them",
    },
    nearestWord(member, names),
  );
}

function refuse(problem: Problem, nearest?: string): { readonly ok: false; readonly problems: readonly Problem[] } {
  return { ok: false, problems: [nearest === undefined ? problem : { ...problem, nearest }] };
}
