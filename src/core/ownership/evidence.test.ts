import { expect, test } from "vitest";
import { instant, LONG_AGO, NEVER } from "../base/time.ts";
import { timingFrom } from "../base/timing.ts";
import { SegmentEvidence } from "./evidence.ts";

const timing = timingFrom({ intervalMs: 100, evidenceMs: 120, marginMs: 30 });
const at = instant;

function segment(gateways: readonly string[] = ["192.0.2.1"]): SegmentEvidence {
  return new SegmentEvidence({ gateways, timing });
}

test("An echoed beat serves for interval and E from its sending, an answered question for E", () => {
  const evidence = segment();
  evidence.echoed(at(1_000));
  expect(evidence.deadline).toBe(1_220);
  evidence.gatewayAnswered(at(1_110));
  expect(evidence.deadline).toBe(1_230);
  evidence.kernelAnswered(at(1_120));
  expect(evidence.deadline).toBe(1_240);
});

test("Older evidence never shortens a deadline, whatever order the answers come in", () => {
  const evidence = segment();
  evidence.gatewayAnswered(at(1_000));
  for (const sentAt of [900, 500, 999]) {
    evidence.gatewayAnswered(at(sentAt));
    evidence.kernelAnswered(at(sentAt));
  }
  evidence.echoed(at(890));
  expect(evidence.deadline).toBe(1_120);
  expect(evidence.provenAt).toBe(1_000);
});

test("Proofs close together make one row, a gap begins a new one", () => {
  const evidence = segment();
  for (const sentAt of [1_000, 1_010, 1_040]) evidence.gatewayAnswered(at(sentAt));
  expect([evidence.provenSince, evidence.provenAt]).toEqual([1_000, 1_040]);
  evidence.gatewayAnswered(at(1_071));
  expect([evidence.provenSince, evidence.provenAt]).toEqual([1_071, 1_071]);
});

test("Answers that are dated early make a row of their own, which echoes between them do not break", () => {
  const evidence = segment();
  // Questions every 10 ms, each answer dated 40 ms early; and every 50 ms an echo that is dated exactly.
  for (let now = 1_000; now <= 1_400; now += 10) {
    if (now % 50 === 0) evidence.echoed(at(now));
    evidence.gatewayAnswered(at(now - 40));
  }
  const lengths = evidence.rows.map(({ since, until }) => until - since);
  expect(lengths[0]).toBeLessThan(50);
  expect(lengths[1]).toBe(400);
  expect(evidence.rows[1]?.until).toBe(1_360);
});

test("After a pause or a lost device nothing from before counts", () => {
  const evidence = segment();
  evidence.echoed(at(1_000));
  evidence.forget();
  expect([evidence.deadline, evidence.echoAt, evidence.provenAt, evidence.provenSince]).toEqual([
    LONG_AGO,
    LONG_AGO,
    LONG_AGO,
    LONG_AGO,
  ]);
  expect(evidence.reach(at(1_001))).toBe(0);
});

test("A gateway counts as lost only after several unanswered questions and a whole interval", () => {
  const evidence = segment();
  evidence.gatewayAnswered(at(0));
  const lost: number[] = [];
  for (let now = 10; now <= 200; now += 10) if (evidence.asked(at(now))) lost.push(now);
  expect(lost).toEqual([110]);
  expect(evidence.gatewayUp).toBe(false);
});

test("Rare questions need more than a few to call a gateway lost, and an answer starts the count again", () => {
  const evidence = segment();
  evidence.gatewayAnswered(at(0));
  for (let ask = 1; ask <= 5; ask++) expect(evidence.asked(at(ask * 50))).toBe(false);
  expect(evidence.gatewayAnswered(at(250))).toBe(false);
  for (let ask = 1; ask <= 5; ask++) expect(evidence.asked(at(250 + ask * 50))).toBe(false);
  expect(evidence.asked(at(600))).toBe(true);
  expect(evidence.gatewayAnswered(at(700))).toBe(true);
});

test("The reach is 2 with a gateway, 1 with peers only, 0 with nobody", () => {
  const evidence = segment();
  expect(evidence.reach(at(0))).toBe(0);
  evidence.echoed(at(0));
  expect(evidence.reach(at(10))).toBe(1);
  evidence.gatewayAnswered(at(0));
  expect(evidence.reach(at(10))).toBe(2);
  const alone = segment();
  alone.echoed(at(0));
  expect(alone.reach(at(249))).toBe(1);
  expect(alone.reach(at(250))).toBe(0);
});

test("Gateways are asked often in doubt, oftener the nearer the deadline, rarely in peace, never when there are none", () => {
  const evidence = segment();
  const nextIn = (now: number, state: { doubt: boolean; serving: boolean }) => evidence.askAt(at(now), state) - now;
  const calm = { doubt: false, serving: false };
  const serving = { doubt: false, serving: true };
  evidence.gatewayAnswered(at(0));
  evidence.asked(at(0));
  evidence.gatewayAnswered(at(0));
  expect(nextIn(0, { doubt: true, serving: false })).toBe(timing.askMs);
  expect(nextIn(0, calm), "no echo: the gateway alone tells that we hear").toBe(timing.intervalMs);
  expect(nextIn(0, serving)).toBeCloseTo(100 / 3);
  expect(nextIn(70, serving)).toBe(timing.askMs - 70);
  evidence.echoed(at(0));
  expect(nextIn(0, serving)).toBe(1_000);
  expect(nextIn(0, calm)).toBe(1_000);
  expect(segment([]).askAt(at(0), { doubt: true, serving: true })).toBe(NEVER);
});

test("One question without an answer is followed up soon", () => {
  const evidence = segment();
  evidence.gatewayAnswered(at(0));
  evidence.asked(at(1_000));
  expect(evidence.askAt(at(1_000), { doubt: false, serving: false })).toBe(1_000 + 2 * timing.askMs);
});

test("After a gap in all proofs the node was deaf, and hears since the first proof after it", () => {
  const evidence = segment();
  evidence.echoed(at(0));
  evidence.gatewayAnswered(at(200));
  expect(evidence.hearingSince).toBe(at(0));
  evidence.kernelAnswered(at(200 + timing.echoMs + 1));
  expect(evidence.hearingSince).toBe(at(200 + timing.echoMs + 1));
});
