import { expect, test } from "vitest";
import { type Member, PretendedCluster } from "./pretended-cluster.ts";

/** Three nodes that serve one group on the first of them; returns what the first says would change that. */
function settled(): { cluster: PretendedCluster; holder: Member; wouldChange: () => readonly string[]; group: string } {
  const cluster = new PretendedCluster({ nodes: 3, links: 2, groups: 1, nameLength: 8 });
  cluster.pass(3_000);
  const group = cluster.config.groups[0]!;
  const holder = cluster.members.find(({ node }) =>
    node.view(cluster.now).groups.some(({ role }) => role === "holding"),
  ) as Member;
  const wouldChange = (): readonly string[] => holder.node.view(cluster.now).groups[0]?.wouldChange ?? [];
  return { cluster, holder, wouldChange, group: group.name };
}

test("Only the next node is said to take over, and every eligible one can be switched to", () => {
  const { cluster, holder, wouldChange, group } = settled();
  const me = holder.node.view(cluster.now).node;
  const others = cluster.config.groups[0]!.prefer.filter((node) => node !== me);
  expect(wouldChange()).toEqual([
    `if ${me} failed, ${others[0]} would take over`,
    ...others.map((node) => `\`understudy switch ${group} --to ${node}\` would move it`),
  ]);
});

test("Nothing is promised in maintenance without saying so first", () => {
  const { cluster, holder, wouldChange } = settled();
  cluster.input(holder, { kind: "request", now: cluster.now, id: 1, request: { verb: "maintenance", on: true } });
  expect(wouldChange()[0]).toBe("nothing moves before `understudy maintenance off`; then:");
});

test("Where no other node is well, nobody would take over", () => {
  const { cluster, holder, wouldChange } = settled();
  for (const member of cluster.members) if (member !== holder) member.isUp = false;
  cluster.pass(1_000);
  expect(wouldChange().at(-1)).toMatch(/^if \S+ failed, nobody would take over$/);
});
