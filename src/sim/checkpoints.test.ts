/**
 * Checkpoints under everything that the simulator can do: cores that are replaced, at random instants, by what their
 * checkpoint restores must not be told from cores that live on. The hash of a run covers every effect.
 */

import { expect, test } from "vitest";
import { Random } from "../core/base/random.ts";
import { checkpointsOf, restoreNode, stateShape, type Checkpoint } from "../core/node/checkpoint.ts";
import { digestEffects, NO_DIGEST } from "../core/recording/digest.ts";
import { Node } from "../core/node/node.ts";
import type { MakeCore } from "./process.ts";
import { runOnce } from "./run.ts";

/** Cores that mix all their effects into one digest; `interrupt` may replace a node between two steps. */
function digesting(interrupt: (node: Node, options: ConstructorParameters<typeof Node>[0]) => Node): {
  makeCore: MakeCore;
  digest: () => number;
} {
  let digest = NO_DIGEST;
  const makeCore: MakeCore = (options) => {
    let node = new Node(options);
    let isStarted = false;
    return {
      step(input) {
        if (isStarted) node = interrupt(node, options);
        isStarted = true;
        const result = node.step(input);
        digest = digestEffects(digest, result.effects);
        return result;
      },
      view: (now) => node.view(now),
    };
  };
  return { makeCore, digest: () => digest };
}

test("a run whose cores are restored from checkpoints again and again has the same effects", {
  timeout: 120_000,
}, () => {
  let restored = 0;
  for (let seed = 1; seed <= 30; seed++) {
    const options = { seed: 70_000 + seed, mix: seed % 3 === 0 ? ("power" as const) : ("chaos" as const), seconds: 5 };
    const plain = digesting((node) => node);
    const once = runOnce({ ...options, makeCore: plain.makeCore });
    const random = new Random(`${seed}/checkpoints`);
    const interrupted = digesting((node, nodeOptions) => {
      if (!random.chance(0.002)) return node;
      restored++;
      const taken = checkpointsOf(node, nodeOptions.config)();
      const text = JSON.stringify(taken, (_, each: unknown) => (each instanceof Float64Array ? [...each] : each));
      return restoreNode(nodeOptions, JSON.parse(text) as Checkpoint);
    });
    const again = runOnce({ ...options, makeCore: interrupted.makeCore });
    expect([again.hash, again.violations, interrupted.digest()], `seed ${options.seed}`).toEqual([
      once.hash,
      once.violations,
      plain.digest(),
    ]);
  }
  expect(restored).toBeGreaterThan(150);
});

test("the shape of the state names every class that can be part of it", () => {
  for (const name of ["Node", "Group", "Claiming", "VipProbe", "Peer", "Link", "Node.life.s"]) {
    expect(stateShape()).toContain(`${name}(`);
  }
});
