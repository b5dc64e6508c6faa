/**
 * What operators should know about the balancer: pure, so that every sentence has a test. Each node finds its own; those
 * that several nodes find in the same words are told once, with the nodes' names where not all agree.
 */

import type { BalancerView, PoolView } from "../../api/balancer.ts";
import { memberId } from "../../core/balancer/wanted.ts";
import type { MemberWish, WishBook } from "../../core/balancer/wishes.ts";
import { drainKey, isDrained, weightKey } from "../../core/balancer/wishes.ts";
import type { Problem } from "../../core/base/report.ts";
import type { KeeperState } from "./keeper.ts";

/** Members of one kind of trouble that are named one by one. */
const NAMED = 10;

export interface OwnFacts {
  readonly node: string;
  readonly engine: string;
  readonly keeper: KeeperState;
  readonly pools: readonly PoolView[];
  readonly wishes: WishBook;
  /** Per peer: how many wishes it has not heard. */
  readonly unheard: ReadonlyMap<string, number>;
}

/** What this node's balancer has to tell. */
export function ownProblems(facts: OwnFacts): readonly Problem[] {
  const { node, pools } = facts;
  const found = [
    ...engineProblems(facts),
    ...pools.filter(({ servingAll }) => servingAll).map(suspected),
    ...pools.filter(isEmpty).map(empty),
    ...downMembers(pools),
    ...restingDrains(pools, facts.wishes),
    ...drainedMembers(pools, facts.wishes),
    ...weightedMembers(pools, facts.wishes),
    ...[...facts.unheard].map(([peer, count]) => unheard(peer, count)),
  ];
  return found.map((problem) => ({ ...problem, subject: { node, ...problem.subject } }));
}

function engineProblems({ node, engine, keeper }: OwnFacts): Problem[] {
  if (keeper.state !== "down") return keeper.problems.map((problem) => onNode(node, problem));
  const reasons = keeper.problems.map(({ message }) => message);
  const next = keeper.problems.find((problem) => problem.next !== undefined)?.next;
  return [
    {
      code: "ENGINE_DOWN",
      severity: "error",
      message: `${engine} does not run on ${node}${reasons.length === 0 ? "" : `: ${reasons.join("; ")}`}`,
      next: next ?? `it is started again by itself; if it stays so, look at the daemon's journal on ${node}`,
    },
  ];
}

function onNode(node: string, problem: Problem): Problem {
  return { ...problem, message: `${node}: ${problem.message}` };
}

function suspected({ pool, members }: PoolView): Problem {
  const down = members.filter(({ health }) => health === "down").length;
  return {
    code: "POOL_SUSPECTED",
    severity: "warning",
    message: `${down} of ${members.length} members of ${pool} failed their checks at once: the checks are not believed, and all members serve`,
    next: `look at what the checks of ${pool} ask for, then at the members; it ends by itself when enough of them pass`,
  };
}

/** Where all serve, whatever their checks say, `suspected` tells. */
function isEmpty({ servingAll, members }: PoolView): boolean {
  return !members.some(
    ({ health, drain, weight }) => (servingAll || health !== "down") && drain === undefined && weight > 0,
  );
}

function empty({ pool }: PoolView): Problem {
  return {
    code: "POOL_EMPTY",
    severity: "error",
    message: `${pool} has nobody for new visitors: every member is down, drained or has weight 0`,
    next: `bring a member back: \`understudy pools ${pool}\` shows why each is away, \`understudy undrain\` ends a drain`,
  };
}

function downMembers(pools: readonly PoolView[]): Problem[] {
  const down = pools.flatMap(({ pool, members }) =>
    members.filter(({ health }) => health === "down").map(({ member }) => memberId({ pool, member })),
  );
  const rest = down.length - NAMED;
  const next = "`understudy pools` shows what their checks say";
  return [
    ...down
      .slice(0, NAMED)
      .map((id): Problem => ({ code: "MEMBER_DOWN", severity: "warning", message: `${id} is down`, next })),
    ...(rest > 0
      ? [{ code: "MEMBERS_DOWN", severity: "warning", message: `${rest} more members are down`, next } as const]
      : []),
  ];
}

function by(wish: MemberWish | undefined): string {
  return wish === undefined ? "" : `: wished at ${wish.node}`;
}

function restingDrains(pools: readonly PoolView[], wishes: WishBook): Problem[] {
  return pools.flatMap(({ pool, members }) => {
    const resting = members.filter(({ member, drain }) => drain !== "operator" && isDrained(wishes, { pool, member }));
    return resting.slice(0, NAMED).map(({ member }): Problem => {
      const id = memberId({ pool, member });
      return {
        code: "DRAIN_RESTS",
        severity: "warning",
        message: `the drain of ${id} does not count while nobody else of ${pool} is up: it takes new visitors`,
        next: `bring another member of ${pool} back, or insist with \`understudy drain ${id} --force\``,
      };
    });
  });
}

/** A weight that was meant for an hour is easily forgotten. */
function weightedMembers(pools: readonly PoolView[], wishes: WishBook): Problem[] {
  const weighted = pools.flatMap(({ pool, members }) =>
    members.flatMap(({ member, weight, fileWeight }) =>
      fileWeight === undefined ? [] : [{ key: { pool, member }, weight, fileWeight }],
    ),
  );
  const named = weighted.slice(0, NAMED).map(
    ({ key, weight, fileWeight }): Problem => ({
      code: "MEMBER_WEIGHTED",
      severity: "info",
      message: `${memberId(key)} has weight ${weight}, and ${fileWeight} in the cluster file${by(wishes.get(weightKey(key)))}`,
      next: `end it with \`understudy weight ${memberId(key)} file\``,
    }),
  );
  const rest = weighted.length - NAMED;
  if (rest <= 0) return named;
  const message = `${rest} more members have another weight than in the cluster file`;
  return [...named, { code: "MEMBERS_WEIGHTED", severity: "info", message, next: "`understudy pools` shows them" }];
}

function drainedMembers(pools: readonly PoolView[], wishes: WishBook): Problem[] {
  const drained = pools.flatMap(({ pool, members }) =>
    members.filter(({ drain }) => drain === "operator").map(({ member }) => ({ pool, member })),
  );
  const rest = drained.length - NAMED;
  const named = drained.slice(0, NAMED).map(
    (key): Problem => ({
      code: "MEMBER_DRAINED",
      severity: "info",
      message: `${memberId(key)} gets no new visitors${by(wishes.get(drainKey(key)))}`,
      next: `end it with \`understudy undrain ${memberId(key)}\``,
    }),
  );
  if (rest <= 0) return named;
  const message = `${rest} more members get no new visitors`;
  return [...named, { code: "MEMBERS_DRAINED", severity: "info", message, next: "`understudy pools` shows them" }];
}

function unheard(peer: string, count: number): Problem {
  return {
    code: "WISHES_NOT_HEARD",
    severity: "warning",
    message: `${peer} has not heard ${count} ${count === 1 ? "wish" : "wishes"} about members`,
    next: `it will be told when it answers; \`understudy status\` shows how ${peer} is`,
  };
}

type Told = Pick<BalancerView, "node" | "configHash" | "problems">;

/** Everything that these nodes tell, each finding once, and what only shows when they are compared. */
export function clusterProblems(views: readonly Told[]): readonly Problem[] {
  const byText = new Map<string, { readonly problem: Problem; readonly nodes: string[] }>();
  for (const { node, problems } of views) {
    for (const { subject: _, ...problem } of problems) {
      const key = `${problem.code} ${problem.message}`;
      const same = byText.get(key);
      if (same === undefined) byText.set(key, { problem, nodes: [node] });
      else same.nodes.push(node);
    }
  }
  const told = [...byText.values()].map(({ problem, nodes }): Problem => {
    if (problem.code === "MEMBER_DOWN" && nodes.length < views.length)
      return {
        ...problem,
        message: `${problem.message}, as ${nodes.join(", ")} ${nodes.length === 1 ? "sees" : "see"} it`,
      };
    return nodes.length === 1 ? { ...problem, subject: { node: nodes[0] as string } } : problem;
  });
  return [...told, ...differences(views)];
}

function differences(views: readonly Told[]): Problem[] {
  if (new Set(views.map(({ configHash }) => configHash)).size < 2) return [];
  const groups = [...Map.groupBy(views, ({ configHash }) => configHash).values()];
  const sides = groups.map((same) => same.map(({ node }) => node).join(", "));
  return [
    {
      code: "BALANCER_DIFFERS",
      severity: "warning",
      message: `the nodes balance by different cluster files: ${sides.join(" / ")}`,
      next: "copy one file to all nodes, then `understudy reload` on each",
    },
  ];
}
