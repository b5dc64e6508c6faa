/** The timing inequality for every setting that the cluster file may carry. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { CLOCK_DRIFT, timingFrom } from "./timing.ts";

/** At least as wide as what the cluster file's schema allows. */
const settings = fc.record({
  intervalMs: fc.integer({ min: 10, max: 10_000 }),
  evidenceMs: fc.integer({ min: 10, max: 60_000 }),
  marginMs: fc.integer({ min: 1, max: 10_000 }),
});

test("A holder's gate is closed a whole margin before anybody else's opens, for all settings", () => {
  fc.assert(
    fc.property(settings, fc.nat(10_000), fc.nat(10_000), (chosen, sentAt, transitMs) => {
      const timing = timingFrom(chosen);
      const heardAt = sentAt + transitMs;
      // A peer's echo proves nothing younger than the beat that it echoes, a gateway's answer than the question.
      const closedByEcho = sentAt + timing.echoMs;
      const closedByGateway = sentAt + timing.intervalMs + timing.evidenceMs;
      const opens = heardAt + timing.waitMs;
      expect(opens - closedByEcho).toBeGreaterThanOrEqual(chosen.marginMs);
      expect(opens - closedByGateway).toBeGreaterThanOrEqual(chosen.marginMs);
    }),
  );
});

test("Two clocks that each run wrong by the whole bound, in the worst way, leave the gates apart", () => {
  fc.assert(
    fc.property(
      settings,
      fc.double({ min: -1, max: 1, noNaN: true }),
      fc.double({ min: -1, max: 1, noNaN: true }),
      (chosen, one, other) => {
        const timing = timingFrom(chosen);
        const holderRate = 1 + one * CLOCK_DRIFT;
        const takerRate = 1 + other * CLOCK_DRIFT;
        // Four milliseconds: a tick of a kernel that counts 250 of them in a second.
        expect(timing.waitMs / takerRate).toBeGreaterThan(timing.echoMs / holderRate + 4);
      },
    ),
  );
});

test("A peer is late before it is suspect, and suspect before it is dead, while E is longer than the slack of a beat", () => {
  fc.assert(
    fc.property(settings, (chosen) => {
      const { lateMs, suspectMs, waitMs, intervalMs } = timingFrom(chosen);
      expect(lateMs).toBeGreaterThan(intervalMs);
      expect(suspectMs).toBeLessThan(waitMs);
      if (chosen.evidenceMs > 2 * Math.max(10, intervalMs * 0.15)) expect(lateMs).toBeLessThan(suspectMs);
    }),
  );
});

test("The default settings give a takeover 250 ms after the last frame", () => {
  expect(timingFrom({ intervalMs: 100, evidenceMs: 120, marginMs: 30 })).toEqual({
    intervalMs: 100,
    evidenceMs: 120,
    marginMs: 30,
    lateMs: 115,
    suspectMs: 160,
    waitMs: 250,
    echoMs: 220,
    askMs: 10,
  });
});
