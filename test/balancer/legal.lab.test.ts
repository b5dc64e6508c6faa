/** What the cluster file allows, the engine itself takes: random legal balancers before the real programs. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { ENGINES } from "../../src/core/balancer/capabilities.ts";
import { ChildObserver } from "../../src/lab/child-observer.ts";
import { wall } from "../../src/lab/namespaces.ts";

/** UNDERSTUDY_LEGAL=2000 looks longer. */
const RUNS = Number(process.env["UNDERSTUDY_LEGAL"] ?? 60);
const SEED = Number(process.env["UNDERSTUDY_SEED"] ?? 1);

let inside: ChildObserver | undefined;

beforeAll(() => {
  inside = new ChildObserver(new URL("./legal-inside.ts", import.meta.url), wall([], 0), {});
});

afterAll(() => inside?.end());

test.each(ENGINES)(
  "%s takes every balancer that the cluster file allows",
  async (engine) => {
    const answer = await inside?.call("check", { engine, seed: SEED, runs: RUNS });
    const { legal, refused } = answer as { legal: number; refused?: unknown };
    expect(refused, `seed ${SEED}`).toBeUndefined();
    // Balancers that parsing refuses show nothing.
    expect(legal).toBeGreaterThan(RUNS / 2);
  },
  60_000 + RUNS * 500,
);
