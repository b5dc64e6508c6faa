/**
 * The way from a dead holder to the next one, interrupted after every single step: one of the survivors does not run
 * for a while, then goes on with whatever it believed. Never do two nodes serve, and in the end one does.
 */

import { expect, test } from "vitest";
import { type Member, PretendedCluster } from "./pretended-cluster.ts";

const SHAPE = { nodes: 3, links: 2, groups: 1, nameLength: 8 };

/** Plays the takeover with a pause; answers how many steps the paused one had taken when all was over. */
function interrupted(who: 1 | 2, pause: { afterSteps: number; forMs: number } | undefined, groups = 1): number {
  const cluster = new PretendedCluster({ ...SHAPE, groups });
  cluster.pass(2_000);
  const [holder, ...survivors] = cluster.members as [Member, Member, Member];
  const paused = survivors[who - 1] as Member;
  const before = paused.steps;
  if (pause !== undefined) paused.pause = { ...pause, afterSteps: before + pause.afterSteps };
  holder.isUp = false;
  let most = 0;
  const look = () => {
    for (const group of cluster.config.groups) most = Math.max(most, cluster.serving(group).length);
  };
  cluster.pass(400, look);
  const steps = paused.steps - before;
  cluster.pass(1_600, look);
  expect(most, `two serve after an interruption at step ${pause?.afterSteps}`).toBeLessThanOrEqual(1);
  for (const group of cluster.config.groups)
    expect(cluster.serving(group), `interrupted at ${pause?.afterSteps}`).toHaveLength(1);
  return steps;
}

for (const who of [1, 2] as const) {
  for (const forMs of [240, 900]) {
    test(`Survivor ${who}, paused for ${forMs} ms after any step of a takeover, never makes two holders`, {
      timeout: 60_000,
    }, () => {
      const steps = interrupted(who, undefined);
      expect(steps).toBeGreaterThan(20);
      for (let afterSteps = 1; afterSteps <= steps; afterSteps++) interrupted(who, { afterSteps, forMs });
    });
  }
}
