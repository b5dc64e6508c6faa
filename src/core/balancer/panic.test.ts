import fc from "fast-check";
import { expect, test } from "vitest";

import { instant } from "../base/time.ts";
import type { Finding, PoolPace, PoolTrust } from "./panic.ts";
import { keepMembers, observeMembers, TRUSTED } from "./panic.ts";

const PACE: PoolPace = { members: 4, periodMs: 2_500, panicShare: 0.5 };

/** Findings one after the other: `at member up|down`. */
function after(lines: readonly string[], pace = PACE, from: PoolTrust = TRUSTED): PoolTrust {
  return lines.reduce((trust, line) => {
    const [at = "", member = "", word] = line.split(" ");
    return observeMembers(trust, pace, {
      findings: [{ member, isUp: word === "up" }],
      now: instant(Number(at)),
    });
  }, from);
}

test("members that fail one after the other are believed to be down, all of them", () => {
  const trust = after(["0 a down", "3000 b down", "6000 c down", "9000 d down"]);
  expect(trust).toMatchObject({ isSuspected: false });
  expect([...trust.downSince.keys()]).toEqual(["a", "b", "c", "d"]);
});

test("more than the share within one period makes the checks suspect; the share itself does not", () => {
  expect(after(["0 a down", "100 b down"]).isSuspected).toBe(false);
  expect(after(["0 a down", "100 b down", "2500 c down"]).isSuspected).toBe(true);
  expect(after(["0 a down", "100 b down", "2501 c down"]).isSuspected).toBe(false);
});

test("a member that came back in between does not count", () => {
  expect(after(["0 a down", "100 b down", "200 a up", "300 c down"]).isSuspected).toBe(false);
});

test("hearing the same again neither makes a failure younger nor older", () => {
  expect(after(["0 a down", "2600 a down", "2600 b down", "2700 c down"]).isSuspected).toBe(false);
});

test("it is over when so many pass again that the share is kept, however long that takes", () => {
  const suspected = after(["0 a down", "1 b down", "2 c down", "3 d down"]);
  expect(after(["900000 a up"], PACE, suspected).isSuspected).toBe(true);
  expect(after(["900000 a up", "900001 b up"], PACE, suspected).isSuspected).toBe(false);
});

test("the only member of a pool goes on serving when its check fails", () => {
  expect(after(["0 a down"], { ...PACE, members: 1 }).isSuspected).toBe(true);
});

test("what was found about members that left is forgotten", () => {
  const suspected = after(["0 a down", "1 b down", "2 c down"]);
  const kept = keepMembers(suspected, new Set(["a", "d"]));
  expect([...kept.downSince.keys()]).toEqual(["a"]);
  expect(observeMembers(kept, { ...PACE, members: 2 }, { findings: [], now: instant(5) }).isSuspected).toBe(false);
});

test("never suspected while no more than the share is down, always when all fall in one turn", () => {
  const findings: fc.Arbitrary<Finding & { at: number }> = fc.record({
    member: fc.constantFrom("a", "b", "c", "d"),
    isUp: fc.boolean(),
    at: fc.integer({ min: 0, max: 3_000 }),
  });
  fc.assert(
    fc.property(fc.array(findings, { maxLength: 30 }), fc.constantFrom(0.25, 0.5, 0.75), (steps, panicShare) => {
      const pace = { ...PACE, panicShare };
      let trust = TRUSTED;
      let now = 0;
      for (const { member, isUp, at } of steps) {
        now += at;
        trust = observeMembers(trust, pace, { findings: [{ member, isUp }], now: instant(now) });
        if (trust.downSince.size <= panicShare * 4) expect(trust.isSuspected).toBe(false);
      }
      const up = ["a", "b", "c", "d"].map((member) => ({ member, isUp: true }));
      const calm = observeMembers(trust, pace, { findings: up, now: instant(now) });
      expect(calm.isSuspected).toBe(false);
      const down = up.map(({ member }) => ({ member, isUp: false }));
      expect(observeMembers(calm, pace, { findings: down, now: instant(now + 1) }).isSuspected).toBe(true);
    }),
  );
});
