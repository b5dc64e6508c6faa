import { expect, test } from "vitest";
import { drawStandingWindows, drawWindows, NOBODY, OVERLAP_MS } from "./allowances.ts";
import { kindOf } from "./kinds.ts";
import type { KindName } from "./kinds.ts";
import { holdersOf, holderWithin } from "./spells.ts";
import type { Spell } from "./spells.ts";

let nextId = 1;

function spell(name: KindName, node: string | undefined, fromMs: number, toMs: number, restMs = 1e9): Spell {
  return { id: nextId++, name, node, fromMs, doneMs: fromMs, toMs, restMs };
}

function windows(nodes: number, spells: Spell[], holders = [{ node: "srv1", sinceMs: 0 }]) {
  const names = ["srv1", "srv2", "srv3", "srv4", "srv5"].slice(0, nodes);
  return drawWindows({ nodes: names, spells, holders }).map(({ cause, fromMs, toMs }) => [cause, fromMs, toMs]);
}

const felt = (name: KindName): number => kindOf(name).feltMs;

test("a fault on the node that serves opens a window of its kind's bound, however long it lasts", () => {
  expect(windows(2, [spell("freeze", "srv1", 10_000, 19_000)])).toEqual([["freeze", 10_000, 10_000 + felt("freeze")]]);
  expect(windows(2, [spell("nginx", "srv1", 10_000, 19_000)])).toEqual([["nginx", 10_000, 10_000 + felt("nginx")]]);
});

test("a fault elsewhere explains nothing", () => {
  expect(windows(2, [spell("freeze", "srv2", 10_000, 19_000)])).toEqual([]);
  expect(windows(3, [spell("power-off", "srv3", 10_000, 19_000), spell("nginx", "srv2", 11_000, 12_000)])).toEqual([]);
});

test("what must not be felt opens no window even on the node that serves", () => {
  for (const name of [
    "silence-private",
    "block-694",
    "disk-full",
    "clock-step",
    "switch",
    "standby",
    "restart",
  ] as const)
    expect(windows(2, [spell(name, "srv1", 10_000, 12_000)])).toEqual([]);
  for (const name of ["gateway", "late", "replay", "maintenance"] as const)
    expect(windows(2, [spell(name, undefined, 10_000, 12_000)])).toEqual([]);
});

test("a node that begins to serve while a fault is on it makes the fault felt from then on", () => {
  const holders = [
    { node: "srv1", sinceMs: 0 },
    { node: "srv2", sinceMs: 11_000 },
  ];
  const rough = spell("lose-30", "srv2", 10_000, 14_000);
  expect(windows(2, [rough], holders)).toEqual([["lose-30", 11_000, 14_000 + felt("lose-30")]]);
});

test("a second fault meanwhile gives the cluster more time, and a harmless one does not", () => {
  const freeze = spell("freeze", "srv1", 10_000, 19_000);
  const three = (other: Spell) => windows(3, [freeze, other])[0];
  expect(three(spell("lose-30", "srv2", 10_500, 11_000))).toEqual(["freeze", 10_000, 10_000 + OVERLAP_MS]);
  expect(three(spell("disk-full", "srv2", 10_500, 11_000))).toEqual(["freeze", 10_000, 10_000 + felt("freeze")]);
  expect(three(spell("lose-30", "srv2", 1_000, 2_000))).toEqual(["freeze", 10_000, 10_000 + felt("freeze")]);
});

test("an order that meets another fault may be felt", () => {
  const other = spell("freeze", "srv2", 10_100, 10_400);
  expect(windows(2, [spell("switch", "srv2", 10_000, 10_000), other])).toEqual([
    ["switch", 10_000, 10_000 + OVERLAP_MS],
  ]);
});

test("while no node can be counted on everything is explained, and for a while afterwards", () => {
  const spells = [spell("power-off", "srv1", 10_000, 12_000, 14_000), spell("freeze", "srv2", 11_000, 12_500, 14_000)];
  expect(windows(2, spells)).toContainEqual([NOBODY, 11_000, 14_000 + OVERLAP_MS]);
  expect(windows(3, spells).map(([cause]) => cause)).not.toContain(NOBODY);
});

test("without a gateway one sound node is not enough", () => {
  const spells = [spell("gateway", undefined, 10_000, 15_000), spell("freeze", "srv2", 11_000, 11_500)];
  const weakMs = kindOf("freeze").weakMs ?? 0;
  expect(windows(2, spells)).toEqual([[NOBODY, 11_000, 11_500 + weakMs + OVERLAP_MS]]);
  expect(windows(3, spells)).toEqual([]);
});

test("in maintenance what hits the node that serves may be felt until it is over", () => {
  const spells = [spell("maintenance", undefined, 9_000, 20_000), spell("freeze", "srv1", 10_000, 19_000)];
  expect(windows(3, spells)).toContainEqual(["freeze", 10_000, 20_000 + OVERLAP_MS]);
});

test("a planned move may break connections that stand, and fails no others", () => {
  const situation = {
    nodes: ["srv1", "srv2"],
    spells: [spell("switch", "srv2", 10_000, 10_000)],
    holders: [{ node: "srv1", sinceMs: 0 }],
  };
  expect(drawWindows(situation)).toEqual([]);
  expect(drawStandingWindows(situation)).toMatchObject([{ cause: "switch", fromMs: 10_000 }]);
  const elsewhere = { ...situation, spells: [spell("standby", "srv2", 10_000, 12_000)] };
  expect(drawStandingWindows(elsewhere)).toEqual([]);
  const moved = { ...elsewhere, holders: [...situation.holders, { node: "srv2", sinceMs: 30_000 }] };
  expect(drawStandingWindows(moved)).toMatchObject([{ cause: "the address moved", toMs: 32_000 }]);
});

test("who served is told by the order in which stretches begin", () => {
  const holders = holdersOf([
    { node: "srv2", fromMs: 50 },
    { node: "srv1", fromMs: 0 },
    { node: "srv1", fromMs: 20 },
    { node: "srv1", fromMs: 90 },
  ]);
  expect(holders).toEqual([
    { node: "srv1", sinceMs: 0 },
    { node: "srv2", sinceMs: 50 },
    { node: "srv1", sinceMs: 90 },
  ]);
  expect(holderWithin(holders, "srv1", { fromMs: 30, toMs: 100 })).toBe(30);
  expect(holderWithin(holders, "srv1", { fromMs: 60, toMs: 100 })).toBe(90);
  expect(holderWithin(holders, "srv2", { fromMs: 100, toMs: 200 })).toBeUndefined();
});
