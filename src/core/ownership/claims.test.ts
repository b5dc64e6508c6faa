import fc from "fast-check";
import { expect, test } from "vitest";
import { instant } from "../base/time.ts";
import { type ClaimQuestion, Grants } from "./claims.ts";
import { nextEpoch } from "./epoch.ts";

const GRACE_MS = 250;

function question(change: Partial<ClaimQuestion> = {}): ClaimQuestion {
  return {
    claimer: "srv2",
    epoch: 17,
    now: instant(0),
    knownEpoch: 16,
    knownHolder: "srv1",
    busyHere: false,
    isDeaf: false,
    holderAlive: false,
    own: undefined,
    ...change,
  };
}

test("A claim above all known epochs is granted while nothing speaks against it", () => {
  const grants = new Grants();
  expect(grants.judge(question(), GRACE_MS)).toEqual({ granted: true });
  expect(grants.epoch).toBe(17);
  expect(grants.holder(instant(249))).toBe("srv2");
  expect(grants.holder(instant(250))).toBeUndefined();
});

test("Each reason to refuse has its word, and a refusal changes nothing", () => {
  const refusals: [Partial<ClaimQuestion>, string][] = [
    [{ epoch: 16 }, "EPOCH_TOO_LOW"],
    [{ epoch: 3 }, "EPOCH_TOO_LOW"],
    [{ busyHere: true }, "BUSY_HERE"],
    [{ isDeaf: true }, "CLAIMER_DEAF"],
    [{ holderAlive: true }, "HOLDER_ALIVE"],
    [{ own: { epoch: 18, rank: 0, claimerRank: 1 } }, "OWN_CLAIM_FIRST"],
  ];
  for (const [change, reason] of refusals) {
    const grants = new Grants();
    expect(grants.judge(question(change), GRACE_MS)).toEqual({ granted: false, reason });
    expect([grants.epoch, grants.holder(instant(0))]).toEqual([0, undefined]);
  }
});

test("Of two that claim, the lower rank grants nothing and the higher grants", () => {
  const verdict = new Grants().judge(question({ own: { epoch: 99, rank: 1, claimerRank: 0 } }), GRACE_MS);
  expect(verdict).toEqual({ granted: true });
});

test("While one node's grant stands, others are refused, however high their claim", () => {
  const grants = new Grants();
  grants.judge(question(), GRACE_MS);
  const other = question({ claimer: "srv3", epoch: 1_000, now: instant(100) });
  expect(grants.judge(other, GRACE_MS)).toEqual({ granted: false, reason: "GRANTED_TO_ANOTHER" });
  expect(grants.judge({ ...other, now: instant(250) }, GRACE_MS)).toEqual({ granted: true });
});

test("A repeated claim is granted again and for longer, a lower one of the same node is not", () => {
  const grants = new Grants();
  grants.judge(question(), GRACE_MS);
  expect(grants.judge(question({ now: instant(200) }), GRACE_MS)).toEqual({ granted: true });
  expect(grants.holder(instant(449))).toBe("srv2");
  expect(grants.judge(question({ epoch: 16, now: instant(201) }), GRACE_MS)).toEqual({
    granted: false,
    reason: "EPOCH_TOO_LOW",
  });
});

test("An epoch that was granted is never granted again once the grant is over", () => {
  const grants = new Grants();
  grants.judge(question(), GRACE_MS);
  grants.withdraw("srv2");
  for (const claimer of ["srv2", "srv3"]) {
    expect(grants.judge(question({ claimer }), GRACE_MS)).toEqual({ granted: false, reason: "EPOCH_TOO_LOW" });
  }
});

test("Only its own node can withdraw a grant", () => {
  const grants = new Grants();
  grants.judge(question(), GRACE_MS);
  grants.withdraw("srv3");
  expect(grants.holder(instant(0))).toBe("srv2");
  grants.withdraw("srv2");
  expect(grants.holder(instant(0))).toBeUndefined();
});

/** One step of the protocol among three nodes; what is not delivered is lost, what is not withdrawn runs out. */
type Step =
  | { readonly kind: "ask"; readonly claimer: number; readonly granter: number; readonly anew: boolean }
  | { readonly kind: "withdraw"; readonly claimer: number; readonly granter: number }
  | { readonly kind: "pass"; readonly ms: number };

const node = fc.integer({ min: 0, max: 2 });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant("ask" as const), claimer: node, granter: node, anew: fc.boolean() }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("withdraw" as const), claimer: node, granter: node }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 300 }) }) },
  ),
  { maxLength: 60 },
);

test("Wherever the protocol is interrupted: one claimer at a time, epochs that only grow, none granted to two", () => {
  let grants = 0;
  fc.assert(
    fc.property(steps, (list) => {
      const granters = [new Grants(), new Grants(), new Grants()];
      const standing = granters.map(() => ({ claimer: -1, until: -1 }));
      const owners = new Map<number, number>();
      const claimed = [0, 0, 0];
      let now = 0;
      for (const step of list) {
        if (step.kind === "pass") {
          now += step.ms;
          continue;
        }
        const granter = granters[step.granter] as Grants;
        const before = granter.epoch;
        if (step.kind === "withdraw") {
          granter.withdraw(`srv${step.claimer}`);
          if (standing[step.granter]?.claimer === step.claimer) standing[step.granter] = { claimer: -1, until: -1 };
          continue;
        }
        if (step.anew) claimed[step.claimer] = nextEpoch(Math.max(claimed[step.claimer] ?? 0, before), step.claimer);
        const epoch = claimed[step.claimer] ?? 0;
        const asked = question({ claimer: `srv${step.claimer}`, epoch, knownEpoch: 0, now: instant(now) });
        if (!granter.judge(asked, GRACE_MS).granted) {
          expect(granter.epoch).toBe(before);
          continue;
        }
        grants++;
        const other = standing[step.granter];
        expect(other !== undefined && other.claimer !== step.claimer && now < other.until).toBe(false);
        expect(epoch).toBeGreaterThanOrEqual(before);
        expect(owners.get(epoch) ?? step.claimer).toBe(step.claimer);
        owners.set(epoch, step.claimer);
        standing[step.granter] = { claimer: step.claimer, until: now + GRACE_MS };
      }
    }),
    { numRuns: 500 },
  );
  expect(grants).toBeGreaterThan(500);
});
