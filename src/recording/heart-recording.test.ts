import { expect, test } from "vitest";
import { MAX_BATCH_LENGTH } from "../core/base/limits.ts";
import { instant } from "../core/base/time.ts";
import type { Effect } from "../core/node/effects.ts";
import type { Input } from "../core/node/inputs.ts";
import { HeartRecording, type TapePart } from "./heart-recording.ts";

class Bench {
  readonly parts: TapePart[] = [];
  now = 1_000;
  takeCheckpoint = (): [] => [];
  readonly recording = new HeartRecording({
    incarnation: "1".repeat(16),
    checkpoints: { shape: "", take: () => this.takeCheckpoint() },
    post: (part) => {
      this.parts.push(part);
    },
    wall: () => 0,
  });

  step(forMs: number, effects: readonly Effect[] = [], input: object = { kind: "tick" }): void {
    this.now += forMs;
    this.recording.stepped({ ...input, now: instant(this.now) } as Input, effects);
  }

  get kinds(): string[] {
    return this.parts.map(({ kind }) => kind);
  }
}

const decided = { kind: "event", event: { reason: "PEER_UP", facts: {} } } as unknown as Effect;

test("steps are handed over every two seconds, in one batch", () => {
  const bench = new Bench();
  for (let i = 0; i < 100; i++) bench.step(100);
  expect(bench.kinds).toEqual(["begin", "batch", "batch", "batch", "batch", "batch"]);
});

test("a new segment waits until nothing was decided for half a second, but not for ever", () => {
  const bench = new Bench();
  bench.step(100, [decided]);
  bench.recording.askedToBegin();
  for (let i = 0; i < 4; i++) bench.step(100);
  expect(bench.kinds.filter((kind) => kind === "begin")).toHaveLength(1);
  bench.step(100);
  expect(bench.kinds.slice(-2)).toEqual(["batch", "begin"]);
  bench.recording.askedToBegin();
  for (let i = 0; i < 99; i++) bench.step(100, [decided]);
  expect(bench.kinds.filter((kind) => kind === "begin")).toHaveLength(2);
  for (let i = 0; i < 3; i++) bench.step(100, [decided]);
  expect(bench.kinds.filter((kind) => kind === "begin")).toHaveLength(3);
});

test("a main thread that gives no sign of life gets no more than its share, and the rest is a gap", () => {
  const bench = new Bench();
  for (let i = 0; i < 40; i++) bench.step(2_000);
  expect(bench.kinds.filter((kind) => kind === "batch")).toHaveLength(30);
  expect(bench.kinds.at(-1)).toBe("gap");
  bench.recording.fed();
  bench.recording.askedToBegin();
  bench.step(100);
  bench.step(2_000);
  expect(bench.kinds.slice(-3)).toEqual(["gap", "begin", "batch"]);
});

test("more than a tape holds in one go is a gap", () => {
  const bench = new Bench();
  bench.step(1, [], { kind: "monitor", monitor: "m", verdict: "up", detail: "é ".repeat(MAX_BATCH_LENGTH / 2) });
  expect(bench.kinds).toEqual(["begin", "gap"]);
});

test("the last word of a daemon that hands its leases over is handed over at once, and so is what made the core throw", () => {
  const handover = { groups: [], wishes: [], macs: {} };
  const bench = new Bench();
  bench.step(2_000);
  bench.step(1, [{ kind: "reply", id: 1, outcome: { kind: "handover", handover } }]);
  expect(bench.kinds).toEqual(["begin", "batch", "batch"]);
  bench.recording.stepped({ kind: "tick", now: instant(bench.now + 1) }, [], "an assertion");
  const last = bench.parts.at(-1);
  expect(last?.kind === "batch" && last.text).toContain("an assertion");
});

test("a defect of the recording is told once and ends the recording, not the heart", () => {
  const bench = new Bench();
  bench.takeCheckpoint = () => {
    throw new Error("state holds no function");
  };
  bench.recording.askedToBegin();
  for (let i = 0; i < 50; i++) bench.step(1_000);
  bench.recording.cut(instant(bench.now));
  expect(bench.kinds.slice(-1)).toEqual(["failed"]);
  expect(bench.kinds.filter((kind) => kind === "failed")).toHaveLength(1);
});
