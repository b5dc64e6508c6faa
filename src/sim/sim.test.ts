/**
 * The real core under seeded faults: half of the fresh seeds (the others are in seeds.test.ts), and what must hold in
 * many runs of one kind.
 */

import { expect, test } from "vitest";
import { after } from "../core/base/time.ts";
import { Node } from "../core/node/node.ts";
import { passAll, passes, realCore } from "./campaign.fixture.ts";
import type { Fault } from "./faults/fault.ts";
import { GOOD_QUALITY } from "./network.ts";
import type { Core, MakeCore } from "./process.ts";
import { runOnce } from "./run.ts";

test("seeds 1 to 250 keep every promise, and every checker had something to check", { timeout: 600_000 }, () => {
  expect(passAll(1, 250).failed).toBe(0);
});

test("the holder of three dies while the survivors lose packets, 200 times: never two holders, always one in the end", {
  timeout: 240_000,
}, () => {
  let moves = 0;
  for (let seed = 1; seed <= 200; seed++) {
    const quality = { ...GOOD_QUALITY, loss: 0.1 + 0.2 * (seed / 200), delayMax: 3 };
    const lossy = [0, 1].map(
      (link): Fault => ({ at: 2_500, forMs: 2_500, action: { kind: "quality", link, quality } }),
    );
    const death: Fault = { at: 3_000 + seed, forMs: 2_000, action: { kind: "power", node: "holder" } };
    const report = runOnce({
      seed,
      makeCore: realCore,
      nodes: 3,
      links: 2,
      seconds: 4,
      mix: "chaos",
      faults: [...lossy, death],
    });
    expect(report.violations, `seed ${seed}`).toEqual([]);
    moves += report.moves;
  }
  expect(moves).toBeGreaterThanOrEqual(150);
});

test("nothing moves in ten minutes of up to 30 % packet loss on both of two links", { timeout: 240_000 }, () => {
  const report = runOnce({ seed: 1, makeCore: realCore, nodes: 2, links: 2, seconds: 600, mix: "lossy" });
  expect(report.violations).toEqual([]);
  expect(report.moves).toBe(0);
});

test("power loss of the holder is over within 400 ms, mostly within 260 ms", { timeout: 240_000 }, () => {
  const gaps: number[] = [];
  for (let seed = 1; seed <= 10; seed++) gaps.push(...passes({ seed, mix: "power", nodes: 2 }).takeoverGapsMs);
  gaps.sort((a, b) => a - b);
  expect(gaps.length).toBeGreaterThan(10);
  expect(gaps[gaps.length >> 1]).toBeLessThan(260);
});

/**
 * Cores broken on purpose, as a wrapper around the real one. One that takes every refusal for a grant is not among
 * them: the probes on the wire and the rule for rivals cover for it in every schedule that chance found in 900 seeds,
 * so its place is a golden case ("A claim that a living node refuses is not taken").
 */
const MUTANTS: Record<string, (core: Core) => Core> = {
  "never closes a gate": (core) => ({
    step: (input) => {
      const { effects, wakeAt } = core.step(input);
      return { effects: effects.filter((effect) => effect.kind !== "close"), wakeAt };
    },
    view: (now) => core.view(now),
  }),
  "keeps its gate open for twice as long": (core) => ({
    step: (input) => {
      const { effects, wakeAt } = core.step(input);
      const stretched = effects.map((effect) =>
        effect.kind === "open" ? { ...effect, until: after(effect.until, 130) } : effect,
      );
      return { effects: stretched, wakeAt };
    },
    view: (now) => core.view(now),
  }),
  "does not listen to what the network says about its addresses": (core) => ({
    step: (input) => {
      const isAboutVip = input.kind === "announcement" || (input.kind === "answer" && /\.1\d\d$/.test(input.address));
      return core.step(isAboutVip ? { kind: "tick", now: input.now } : input);
    },
    view: (now) => core.view(now),
  }),
  "forgets its epochs": (core) => ({
    step: (input) => core.step(input.kind === "start" ? { ...input, epochs: {} } : input),
    view: (now) => core.view(now),
  }),
};

/** Seeds within which every mutant must be caught. */
const MUTANT_SEEDS = 150;

for (const [name, mutate] of Object.entries(MUTANTS)) {
  test(`a core that ${name} is caught`, { timeout: 240_000 }, () => {
    const broken: MakeCore = (options) => mutate(new Node(options));
    for (let seed = 1_001; seed <= 1_000 + MUTANT_SEEDS; seed++) {
      if (runOnce({ seed, makeCore: broken, seconds: 10, mix: "chaos" }).violations.length > 0) return;
    }
    expect.fail(`not caught in ${MUTANT_SEEDS} seeds`);
  });
}
