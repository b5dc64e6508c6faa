import fc from "fast-check";
import { expect, test } from "vitest";
import type { Wish } from "../membership/frame.ts";
import { Wishes } from "./wishes.ts";

/** Few keys, values, versions and nodes, so that they meet. */
const wish: fc.Arbitrary<Wish> = fc.record({
  key: fc.constantFrom("maintenance", "standby/srv1", "at/www"),
  value: fc.constantFrom("", "on", "off"),
  version: fc.integer({ min: 1, max: 4 }),
  node: fc.constantFrom("srv1", "srv2", "srv3"),
});
const wishes = fc.array(wish, { maxLength: 8 });

function merged(...lists: readonly (readonly Wish[])[]): Wish[] {
  const result = new Wishes();
  for (const list of lists) result.merge(list);
  return result.all().toSorted((a, b) => a.key.localeCompare(b.key));
}

test("Merging does not depend on the order: all nodes end with the same wishes", () => {
  fc.assert(
    fc.property(wishes, wishes, (a, b) => {
      expect(merged(a, b)).toEqual(merged(b, a));
      expect(merged(a.toReversed())).toEqual(merged(a));
    }),
  );
});

test("Merging does not depend on the grouping", () => {
  fc.assert(
    fc.property(wishes, wishes, wishes, (a, b, c) => {
      expect(merged(merged(a, b), c)).toEqual(merged(a, merged(b, c)));
    }),
  );
});

test("Merging again changes nothing and says so", () => {
  fc.assert(
    fc.property(wishes, (list) => {
      const mine = new Wishes();
      mine.merge(list);
      const { revision } = mine;
      expect(mine.merge(list)).toEqual([]);
      expect(mine.merge(mine.all())).toEqual([]);
      expect(mine.revision).toBe(revision);
    }),
  );
});

test("A wish stated anew wins over everything known when it was stated", () => {
  fc.assert(
    fc.property(wishes, fc.constantFrom("on", "off"), (before, value) => {
      const mine = new Wishes();
      mine.merge(before);
      mine.set("maintenance", value, "srv1");
      mine.merge(before);
      expect(mine.get("maintenance")).toBe(value);
    }),
  );
});

test("Wishes take turns in frames, and a new one comes first", () => {
  const mine = new Wishes();
  for (let i = 0; i < 15; i++) mine.set(`standby/srv${i}`, "on", "srv1");
  const seen = new Set<string>();
  for (let beat = 0; beat < 3; beat++) {
    const chosen = mine.inTurn().slice(0, 5);
    mine.told(chosen);
    for (const { key } of chosen) seen.add(key);
  }
  expect(seen.size).toBe(15);
  mine.set("standby/srv7", "off", "srv1");
  expect(mine.inTurn()[0]).toMatchObject({ key: "standby/srv7", value: "off" });
});

test("Wishes for keys without end are not taken in without end", () => {
  const mine = new Wishes();
  mine.merge(Array.from({ length: 500 }, (_, i) => ({ key: `at/group${i}`, value: "srv1", version: 1, node: "srv1" })));
  expect(mine.all()).toHaveLength(81);
  expect(mine.merge([{ key: "at/group0", value: "srv2", version: 2, node: "srv1" }])).toEqual(["at/group0"]);
});

test("Of two wishes with one number the end of a restriction wins, whoever states it and whoever hears first", () => {
  const on = { key: "maintenance", value: "on", version: 3, node: "srv2" };
  const off = { key: "maintenance", value: "off", version: 3, node: "srv1" };
  for (const order of [
    [on, off],
    [off, on],
  ]) {
    const mine = new Wishes();
    for (const wish of order) mine.merge([wish]);
    expect(mine.get("maintenance")).toBe("off");
  }
});
