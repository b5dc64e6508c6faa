import { expect, test } from "vitest";
import { instant } from "../base/time.ts";
import { VipProbe } from "./vip-probe.ts";

const at = instant;
const ANSWERER = { node: "srv1", mac: "02:00:00:00:00:10" };
const ALL = { since: at(-1_000_000), until: at(1_000_000) };

/** Asks every 5 ms from `from` on, `times` times; answers the time of the last question. */
function ask(probe: VipProbe, from: number, times: number): number {
  for (let count = 0; count < times; count++) expect(probe.ask(at(from + count * 5), 5)).toBe(true);
  return from + (times - 1) * 5;
}

test("Questions keep their distance", () => {
  const probe = new VipProbe();
  expect([0, 1, 4, 5, 9, 10].map((now) => probe.ask(at(now), 5))).toEqual([true, false, false, true, false, true]);
});

test("A VIP is free after four questions without an answer, each with its time to be answered", () => {
  const probe = new VipProbe();
  const last = ask(probe, 100, 4);
  expect(probe.quiet(at(last + 4), ALL)).toBe(false);
  expect(probe.quiet(at(last + 5), ALL)).toBe(true);
});

test("Silence about questions that the segment is not known to have carried proves nothing", () => {
  const probe = new VipProbe();
  const last = ask(probe, 100, 8);
  const now = at(last + 50);
  expect(probe.quiet(now, { since: at(100), until: at(last) })).toBe(true);
  expect(probe.quiet(now, { since: at(100), until: at(110) })).toBe(false);
  expect(probe.quiet(now, { since: at(121), until: at(last) })).toBe(false);
  expect(probe.quiet(now, { since: at(120), until: at(last) })).toBe(true);
});

test("An answer of a node's hardware address starts the count again", () => {
  const probe = new VipProbe();
  ask(probe, 100, 4);
  probe.answered({ ...ANSWERER, now: at(116) });
  expect(probe.quiet(at(130), ALL)).toBe(false);
  expect(probe.believed(at(120))).toMatchObject(ANSWERER);
  expect(probe.believed(at(217))).toBeUndefined();
  const last = ask(probe, 120, 4);
  expect(probe.quiet(at(last + 5), ALL)).toBe(true);
});

test("Whoever answers ARP and three echo requests not at all is a fabric that speaks for the dead", () => {
  const probe = new VipProbe();
  let judged: number | undefined;
  for (let now = 100; now < 200; now += 5) {
    probe.ask(at(now), 5);
    probe.answered({ ...ANSWERER, now: at(now + 1) });
    probe.askEcho(at(now + 1));
    if (probe.judgeEchoes() !== undefined) judged ??= now;
  }
  expect(judged).toBe(130);
  expect(probe.believed(at(199))).toBeUndefined();
  expect(probe.quiet(at(205), ALL)).toBe(true);
  expect(probe.judgeEchoes()).toBeUndefined();
});

test("Silence to echo requests says nothing once the ARP answers have ended too", () => {
  const probe = new VipProbe();
  probe.ask(at(100), 5);
  probe.answered({ ...ANSWERER, now: at(101) });
  for (let now = 101; now < 200; now += 10) probe.askEcho(at(now));
  expect(probe.judgeEchoes()).toBeUndefined();
  expect(probe.askEcho(at(300))).toBeUndefined();
});

test("An echo reply makes a hardware address believed again", () => {
  const probe = new VipProbe();
  for (let now = 100; now < 200; now += 5) {
    probe.ask(at(now), 5);
    probe.answered({ ...ANSWERER, now: at(now + 1) });
    probe.askEcho(at(now + 1));
    probe.judgeEchoes();
  }
  expect(probe.quiet(at(205), ALL)).toBe(true);
  probe.echoed({ ...ANSWERER, now: at(206) });
  expect(probe.quiet(at(207), ALL)).toBe(false);
  expect(probe.believed(at(207))).toMatchObject(ANSWERER);
});

test("Another hardware address is judged by its own echo requests", () => {
  const probe = new VipProbe();
  for (let now = 100; now < 130; now += 10) {
    probe.answered({ ...ANSWERER, now: at(now) });
    probe.askEcho(at(now));
  }
  probe.answered({ node: "srv3", mac: "02:00:00:00:00:12", now: at(131) });
  expect(probe.judgeEchoes()).toBeUndefined();
  expect(probe.askEcho(at(140))).toBe("02:00:00:00:00:12");
});

test("It wants to be woken for the next question and for the verdict on the last", () => {
  const probe = new VipProbe();
  probe.ask(at(100), 20);
  expect(probe.wakeAt(at(100))).toBe(105);
  expect(probe.wakeAt(at(105))).toBe(120);
});
