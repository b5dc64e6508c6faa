/**
 * Many groups with long names on real nodes that talk through real frames: every frame fits into a datagram, every
 * group is claimed and served, and what is said about a group comes round for all of them.
 */

import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_FRAME_BYTES } from "../base/limits.ts";
import { type Member, PretendedCluster } from "./pretended-cluster.ts";

function expectAllServed(cluster: PretendedCluster): void {
  for (const group of cluster.config.groups) expect(cluster.serving(group), group.name).toHaveLength(1);
}

test("Twenty groups with the longest names are all served, before and after their nodes die", {
  timeout: 60_000,
}, () => {
  const cluster = new PretendedCluster({ nodes: 3, links: 2, groups: 20, nameLength: 63 });
  cluster.pass(3_000);
  expectAllServed(cluster);
  (cluster.members[0] as Member).isUp = false;
  cluster.pass(3_000);
  expectAllServed(cluster);
  (cluster.members[1] as Member).isUp = false;
  cluster.pass(3_000);
  expectAllServed(cluster);
  expect(cluster.tooLarge).toBe(0);
  expect(cluster.largest).toBeLessThanOrEqual(MAX_FRAME_BYTES);
});

test("Every group is reported again and again, and every wish arrives, whatever the shape", { timeout: 60_000 }, () => {
  const shapes = fc.record({
    nodes: fc.integer({ min: 2, max: 4 }),
    links: fc.integer({ min: 1, max: 3 }),
    groups: fc.integer({ min: 1, max: 32 }),
    nameLength: fc.integer({ min: 8, max: 63 }),
  });
  fc.assert(
    fc.property(shapes, (shape) => {
      const cluster = new PretendedCluster(shape);
      cluster.pass(3_000);
      const [first, second] = cluster.members as [Member, Member];
      for (const [id, { name }] of cluster.config.groups.entries()) {
        cluster.input(first, { kind: "request", now: cluster.now, id, request: { verb: "clear", group: name } });
      }
      const since = cluster.now;
      cluster.pass(8_000);
      expectAllServed(cluster);
      for (const { name } of cluster.config.groups) {
        for (const member of cluster.members) expect(member.reported.get(name)).toBeGreaterThan(since);
        expect(second.node.view(cluster.now).wishes.some(({ key }) => key === `cleared/${name}`)).toBe(true);
      }
      expect(cluster.tooLarge).toBe(0);
    }),
    { numRuns: 8 },
  );
});
