import { expect, test } from "vitest";
import { HolderTimeline, overlaps, unionLengthMs } from "./holders.ts";

function serve(timeline: HolderTimeline, node: string, fromMs: number, toMs: number): void {
  for (let ms = fromMs; ms <= toMs; ms += 1) timeline.seen(node, ms);
}

const everything = { fromMs: 0, toMs: 10_000 };

test("one holder after the other is never two holders", () => {
  const timeline = new HolderTimeline();
  serve(timeline, "srv1", 0, 500);
  serve(timeline, "srv2", 501, 900);
  serve(timeline, "srv1", 950, 960);
  const report = timeline.report(everything);
  expect(report.twoHoldersMs).toBe(0);
  expect(report.order).toEqual(["srv1", "srv2", "srv1"]);
  expect(report.servedMs).toEqual({ srv1: 510, srv2: 399 });
});

test("two nodes that serve at once are two holders for as long as both do", () => {
  const timeline = new HolderTimeline();
  serve(timeline, "srv1", 0, 500);
  serve(timeline, "srv2", 400, 900);
  expect(timeline.report(everything)).toMatchObject({
    twoHoldersMs: 100,
    meetings: [{ nodes: ["srv1", "srv2"], fromMs: 400, toMs: 500 }],
  });
});

test("a pause longer than the silence splits, so that taking turns is not two holders", () => {
  const timeline = new HolderTimeline();
  serve(timeline, "srv1", 0, 100);
  serve(timeline, "srv2", 120, 200);
  serve(timeline, "srv1", 220, 300);
  expect(timeline.report(everything).twoHoldersMs).toBe(0);
});

test("one stray frame of a second node inside another's stretch counts as a millisecond", () => {
  const timeline = new HolderTimeline();
  serve(timeline, "srv1", 0, 100);
  timeline.seen("srv2", 50.2);
  expect(timeline.report(everything).twoHoldersMs).toBeCloseTo(1);
});

test("two answers to one question are two holders even when the observer was blind for long", () => {
  const timeline = new HolderTimeline();
  for (let question = 0; question < 10; question += 1) {
    const atMs = question * 40;
    timeline.asked(question, atMs);
    timeline.seen("srv1", atMs + 0.1, question);
    timeline.seen("srv2", atMs + 0.2, question);
  }
  const report = timeline.report(everything);
  expect(report.twoHoldersMs).toBeCloseTo(10);
  expect(report.longestBlindMs).toBe(40);
  expect(report.questions).toBe(10);
});

test("how long the observer was blind is told for the window alone", () => {
  const timeline = new HolderTimeline();
  for (const atMs of [0, 1, 2, 60, 61, 100, 101, 102]) timeline.asked(atMs, atMs);
  expect(timeline.report({ fromMs: 0, toMs: 200 }).longestBlindMs).toBe(58);
  expect(timeline.report({ fromMs: 61, toMs: 200 }).longestBlindMs).toBe(39);
  expect(timeline.report({ fromMs: 101, toMs: 200 }).longestBlindMs).toBe(0);
});

test("a window sees only its own part", () => {
  const timeline = new HolderTimeline();
  serve(timeline, "srv1", 0, 500);
  serve(timeline, "srv2", 400, 900);
  expect(timeline.report({ fromMs: 450, toMs: 600 }).twoHoldersMs).toBe(50);
  expect(timeline.report({ fromMs: 600, toMs: 900 }).twoHoldersMs).toBe(0);
});

test("overlaps of three nodes are found pair by pair and their union is counted once", () => {
  const found = overlaps([
    { node: "a", fromMs: 0, toMs: 10 },
    { node: "b", fromMs: 5, toMs: 15 },
    { node: "c", fromMs: 5, toMs: 15 },
  ]);
  expect(found).toHaveLength(3);
  expect(unionLengthMs(found)).toBe(10);
});

test("who serves now is whoever left fresh evidence", () => {
  const timeline = new HolderTimeline();
  serve(timeline, "srv1", 0, 100);
  serve(timeline, "srv2", 90, 200);
  expect(timeline.serving(105)).toEqual(["srv1", "srv2"]);
  expect(timeline.serving(200)).toEqual(["srv2"]);
});
