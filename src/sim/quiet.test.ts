/**
 * A node looks at its decisions only when something may have changed them. Beside every node of some runs stands a
 * shadow that is told the same and looks at everything in every step: it must want the same done in the same step, and
 * must never ask to be woken sooner.
 */

import { expect, test } from "vitest";
import type { Effect } from "../core/node/effects.ts";
import { Node } from "../core/node/node.ts";
import type { Mix } from "./faults/fault.ts";
import type { MakeCore } from "./process.ts";
import { runOnce } from "./run.ts";

interface Compared {
  steps: number;
  /** Steps in which both wanted nothing done. */
  quiet: number;
  readonly differences: string[];
}

function shadowed(compared: Compared): MakeCore {
  return (options) => {
    const node = new Node(options);
    const shadow = new Node(options);
    return {
      step: (input) => {
        shadow.unsettle();
        const wanted = shadow.step(input);
        const result = node.step(input);
        compared.steps++;
        if (wanted.effects.length === 0 && result.effects.length === 0) compared.quiet++;
        else if (textOf(wanted.effects) !== textOf(result.effects))
          compared.differences.push(`${options.node} at ${input.now}, ${input.kind}: ${textOf(wanted.effects)}`);
        if (result.wakeAt > wanted.wakeAt && result.wakeAt > input.now)
          compared.differences.push(`${options.node} at ${input.now}, ${input.kind}: woken later`);
        return result;
      },
      view: (now) => node.view(now),
    };
  };
}

function textOf(effects: readonly Effect[]): string {
  return JSON.stringify(effects);
}

const RUNS: readonly { mix: Mix; seeds: number }[] = [
  { mix: "calm", seeds: 2 },
  { mix: "lossy", seeds: 3 },
  { mix: "power", seeds: 3 },
  { mix: "chaos", seeds: 10 },
];

for (const { mix, seeds } of RUNS) {
  test(`a node that always looks decides the same in ${mix} runs`, { timeout: 120_000 }, () => {
    const compared: Compared = { steps: 0, quiet: 0, differences: [] };
    const makeCore = shadowed(compared);
    for (let seed = 1; seed <= seeds; seed++) runOnce({ seed, makeCore, mix, seconds: 8 });
    expect(compared.differences.slice(0, 3)).toEqual([]);
    expect(compared.steps).toBeGreaterThan(5_000);
    expect(compared.quiet).toBeGreaterThan(compared.steps / 3);
  });
}
