import { expect, test } from "vitest";
import { KIND_NAMES, kindOf } from "./kinds.ts";
import { drawSchedule, renderPhase } from "./schedule.ts";

test("the same seed gives the same schedule, another seed another one", () => {
  const one = drawSchedule({ seed: 7, minutes: 10 });
  expect(drawSchedule({ seed: 7, minutes: 10 })).toEqual(one);
  expect(drawSchedule({ seed: 8, minutes: 10 }).phases).not.toEqual(one.phases);
});

test("a longer run begins like a shorter one of the same seed", () => {
  const short = drawSchedule({ seed: 3, minutes: 2 });
  const long = drawSchedule({ seed: 3, minutes: 10 });
  expect(long.nodes).toBe(short.nodes);
  expect(long.phases.slice(0, short.phases.length)).toEqual(short.phases);
});

test("phases last a minute at most, faults begin inside of them in order and keep to their kind", () => {
  for (let seed = 1; seed <= 50; seed += 1) {
    const { phases, nodes } = drawSchedule({ seed, minutes: 5 });
    expect(nodes).toBeGreaterThanOrEqual(2);
    expect(nodes).toBeLessThanOrEqual(5);
    const ids = phases.flatMap(({ faults }) => faults.map(({ id }) => id));
    expect(ids).toEqual(ids.map((_, index) => index + 1));
    for (const { lengthMs, faults } of phases) {
      expect(lengthMs).toBeLessThanOrEqual(60_000);
      let lastMs = 0;
      for (const { name, atMs, durationMs, target } of faults) {
        expect(atMs).toBeGreaterThanOrEqual(lastMs);
        expect(atMs).toBeLessThan(lengthMs);
        lastMs = atMs;
        const [least, most] = kindOf(name).durationMs ?? [0, 0];
        expect(durationMs).toBeGreaterThanOrEqual(least);
        expect(durationMs).toBeLessThanOrEqual(most);
        expect(target.kind === "everybody").toBe(kindOf(name).hits === "cluster");
      }
    }
  }
});

test("two minutes have most kinds of faults, and faults overlap", () => {
  for (let seed = 1; seed <= 50; seed += 1) {
    const { phases } = drawSchedule({ seed, minutes: 2 });
    const faults = phases.flatMap((phase) => phase.faults);
    expect(new Set(faults.map(({ name }) => name)).size).toBeGreaterThan(KIND_NAMES.length * 0.8);
    const overlaps = phases.flatMap((phase) =>
      phase.faults.filter((fault, index) => {
        const next = phase.faults[index + 1];
        return next !== undefined && next.atMs < fault.atMs + fault.durationMs;
      }),
    );
    expect(overlaps.length).toBeGreaterThan(0);
  }
});

test("wanted kinds and a wanted number of nodes are kept to", () => {
  const { nodes, phases } = drawSchedule({ seed: 1, minutes: 3, nodes: 4, kinds: ["freeze", "switch"] });
  expect(nodes).toBe(4);
  expect(new Set(phases.flatMap(({ faults }) => faults.map(({ name }) => name)))).toEqual(
    new Set(["freeze", "switch"]),
  );
  const others = phases.flatMap(({ faults }) => faults.map(({ other }) => other));
  expect(new Set(others)).toEqual(new Set(["srv1", "srv2", "srv3", "srv4"]));
});

test("a phase is told in one line a fault", () => {
  const lines = renderPhase({
    number: 2,
    lengthMs: 20_000,
    faults: [
      { id: 4, name: "freeze", atMs: 500, durationMs: 40, target: { kind: "holder" }, other: "srv1" },
      { id: 5, name: "switch", atMs: 1_250, durationMs: 0, target: { kind: "node", node: "srv1" }, other: "srv2" },
    ],
  });
  expect(lines).toEqual([
    "phase 2: 20.0 s, 2 faults",
    "    #4   +0.50 s freeze          the holder  for 40 ms",
    "    #5   +1.25 s switch          srv1        to srv2",
  ]);
});
