import { expect, test } from "vitest";
import { timingOf, timingText } from "./explain.ts";

const defaults = {
  heartbeat: { intervalMs: 100, initialWaitMs: 5_000, port: 694 },
  lease: { evidenceMs: 120, marginMs: 30 },
};

test("with the defaults a taker opens 250 ms after the last frame, 30 ms after the holder's gate closed", () => {
  expect(timingOf(defaults)).toEqual({ holderClosedMs: 220, takerWaitsMs: 250 });
});

test("the inequality is shown with its numbers", () => {
  expect(timingText(defaults)).toContain("interval 100ms + evidence 120ms + margin 30ms = 250ms");
  expect(timingText(defaults)).toContain("220ms < 250ms");
});
