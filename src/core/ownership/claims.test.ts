import { expect, test } from "vitest";
import { instant } from "../base/time.ts";
import { type ClaimQuestion, Grants } from "./claims.ts";

const GRACE_MS = 250;

function question(change: Partial<ClaimQuestion> = {}): ClaimQuestion {
  return {
    claimer: "srv2",
    epoch: 17,
    now: instant(0),
    knownEpoch: 16,
    knownHolder: "srv1",
    busyHere: false,
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
