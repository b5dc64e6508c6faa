/** What frames of an unconfirmed life say, and for how long they are minded. */

import { expect, test } from "vitest";
import type { Instant } from "../base/time.ts";
import { LONG_AGO } from "../base/time.ts";
import type { Frame, GroupReport } from "./frame.ts";
import { Newcomer } from "./newcomer.ts";

const at = (ms: number): Instant => ms as Instant;

/** Only what is read here. */
function frame(incarnation: string, sequence: number, role: GroupReport["role"], mode = "online"): Frame {
  return { incarnation, sequence, mode, groups: [{ name: "www", role }] } as unknown as Frame;
}

test("a node that left may be back for a minute after its last frame", () => {
  const newcomer = new Newcomer();
  newcomer.hear(frame("a", 1, "idle"), at(1_000));
  newcomer.advance(at(60_999));
  expect(newcomer.backUntil).toBe(61_000);
  newcomer.advance(at(61_000));
  expect(newcomer.backUntil).toBe(LONG_AGO);
});

test("a capture that is played back a second time says nothing", () => {
  const newcomer = new Newcomer();
  for (const sequence of [1, 2, 3]) newcomer.hear(frame("a", sequence, "holding"), at(sequence));
  for (const sequence of [1, 2, 3]) newcomer.hear(frame("a", sequence, "holding"), at(100_000));
  expect(newcomer.servesAt("www")).toBe(3);
  newcomer.advance(at(100_000));
  expect(newcomer.backUntil).toBe(LONG_AGO);
});

test("a life that was confirmed once is over when another is, and not believed again", () => {
  const newcomer = new Newcomer();
  newcomer.hear(frame("a", 1, "holding"), at(1));
  newcomer.confirmed("b");
  expect(newcomer.servesAt("www")).toBe(LONG_AGO);
  newcomer.hear(frame("a", 9, "holding"), at(2));
  newcomer.hear(frame("b", 9, "holding"), at(3));
  expect(newcomer.servesAt("www")).toBe(LONG_AGO);
  expect(newcomer.backUntil).toBe(LONG_AGO);
});

test("captures of many lives do not take turns for ever", () => {
  const newcomer = new Newcomer();
  for (let round = 0; round < 3; round++) {
    for (let life = 0; life < 100; life++) newcomer.hear(frame(`life ${life}`, 5, "holding"), at(round * 1_000 + life));
  }
  expect(newcomer.servesAt("www")).toBe(31);
});

test("after captures of many lives and a confirmed one, a new life is believed", () => {
  const newcomer = new Newcomer();
  for (let life = 0; life < 100; life++) newcomer.hear(frame(`life ${life}`, 5, "holding"), at(life));
  newcomer.confirmed("a");
  newcomer.hear(frame("b", 1, "starting"), at(200));
  expect(newcomer.servesAt("www")).toBe(200);
});

test("a goodbye of an unconfirmed life takes nothing back, and a release does", () => {
  const newcomer = new Newcomer();
  newcomer.hear(frame("a", 1, "holding"), at(1));
  newcomer.hear(frame("a", 2, "idle", "left"), at(2));
  expect(newcomer.backUntil).toBe(60_001);
  expect(newcomer.servesAt("www")).toBe(LONG_AGO);
});
