import fc from "fast-check";
import { expect, test } from "vitest";

import { MAX_MEMBER_WISHES } from "../base/limits.ts";
import type { MemberWish, WishBook } from "./wishes.ts";
import {
  drainKey,
  isDrained,
  isDrainForced,
  isFull,
  mergeWishes,
  NO_WISHES,
  readWish,
  readWishKey,
  stateWish,
  weightKey,
  wishedWeight,
  wishesToTell,
} from "./wishes.ts";

const SRV1 = { pool: "apache", member: "srv1" };

/** Few keys, values, versions and nodes, so that they meet. */
const wish: fc.Arbitrary<MemberWish> = fc
  .record({
    about: fc.constantFrom("drain/apache/srv1", "drain/apache/srv2", "weight/apache/srv1"),
    on: fc.boolean(),
    weight: fc.constantFrom("file", "0", "7", "256"),
    version: fc.integer({ min: 1, max: 3 }),
    node: fc.constantFrom("srv1", "srv2", "srv3"),
  })
  .map(({ about, on, weight, version, node }) => ({
    key: about,
    value: about.startsWith("drain/") ? (on ? "on" : "off") : weight,
    version,
    node,
  }));
const wishes = fc.array(wish, { maxLength: 8 });

function book(...lists: readonly (readonly MemberWish[])[]): WishBook {
  return lists.reduce<WishBook>((known, list) => mergeWishes(known, list).book, NO_WISHES);
}

function sorted(known: WishBook): MemberWish[] {
  return [...known.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

test("merging does not depend on the order or on the grouping, and again changes nothing", () => {
  fc.assert(
    fc.property(wishes, wishes, wishes, (a, b, c) => {
      const all = sorted(book(a, b, c));
      expect(sorted(book(c, b, a))).toEqual(all);
      expect(sorted(book([...a, ...b, ...c].toReversed()))).toEqual(all);
      expect(sorted(book(a, sorted(book(b, c))))).toEqual(all);
      expect(sorted(book(sorted(book(a, b)), c))).toEqual(all);
      expect(mergeWishes(book(a, b, c), [...a, ...b, ...c])).toEqual({ book: book(a, b, c), changed: [] });
    }),
  );
});

test("what merging calls changed is exactly what is another wish than before", () => {
  fc.assert(
    fc.property(wishes, wishes, (a, b) => {
      const before = book(a);
      const { book: merged, changed } = mergeWishes(before, b);
      const differs = [...merged.values()].filter((one) => JSON.stringify(before.get(one.key)) !== JSON.stringify(one));
      expect(changed.toSorted((x, y) => (x.key < y.key ? -1 : 1))).toEqual(
        differs.toSorted((x, y) => (x.key < y.key ? -1 : 1)),
      );
    }),
  );
});

test("a wish stated anew wins over everything that was known when it was stated", () => {
  fc.assert(
    fc.property(wishes, fc.constantFrom("on", "force", "off"), (before, value) => {
      const known = book(before);
      const stated = stateWish(known, { key: drainKey(SRV1), value, node: "srv1" });
      expect(book(before, [stated], before).get(stated.key)).toEqual(stated);
    }),
  );
});

test("of two wishes stated apart a drain wins over its end, whoever counted equally far", () => {
  const on: MemberWish = { key: drainKey(SRV1), value: "on", version: 4, node: "srv1" };
  const off: MemberWish = { ...on, value: "off", node: "srv2" };
  expect(isDrained(book([on], [off]), SRV1)).toBe(true);
  expect(isDrained(book([off], [on]), SRV1)).toBe(true);
  const forced: MemberWish = { ...on, value: "force", node: "srv0" };
  expect(isDrainForced(book([on], [forced], [off]), SRV1)).toBe(true);
  expect(isDrainForced(book([forced], [on]), SRV1)).toBe(true);
  expect(isDrained(book([forced]), SRV1)).toBe(true);
  expect(isDrainForced(book([on]), SRV1)).toBe(false);
  // The side that said more about it since they last met wins in any case.
  expect(isDrained(book([on], [{ ...off, version: 5 }]), SRV1)).toBe(false);
});

test("after two nodes told each other what the other lacks, both know the same", () => {
  fc.assert(
    fc.property(wishes, wishes, (a, b) => {
      const [one, two] = [book(a), book(b)];
      const oneAfter = mergeWishes(one, wishesToTell(two, one)).book;
      const twoAfter = mergeWishes(two, wishesToTell(one, two)).book;
      expect(sorted(oneAfter)).toEqual(sorted(book(a, b)));
      expect(sorted(twoAfter)).toEqual(sorted(book(a, b)));
      expect(wishesToTell(oneAfter, twoAfter)).toEqual([]);
    }),
  );
});

test("a book has its limit, and full books of all nodes agree whatever came first", () => {
  const many = Array.from(
    { length: MAX_MEMBER_WISHES },
    (_, index): MemberWish => ({ key: `drain/p/m${100_000 + index}`, value: "on", version: 1, node: "srv1" }),
  );
  const early: MemberWish = { key: "drain/a/first", value: "on", version: 1, node: "srv2" };
  const one = book(many, [early]);
  const two = book([early], many);
  expect(one.size).toBe(MAX_MEMBER_WISHES);
  expect(sorted(one)).toEqual(sorted(two));
  expect(one.has(early.key)).toBe(true);
  expect(isFull(one, "drain/z/z")).toBe(true);
  expect(isFull(one, early.key)).toBe(false);
});

test("a weight is the operator's until the file's is wished again", () => {
  const stated = stateWish(NO_WISHES, { key: weightKey(SRV1), value: "0", node: "srv1" });
  expect(wishedWeight(book([stated]), SRV1)).toBe(0);
  const file = stateWish(book([stated]), { key: weightKey(SRV1), value: "file", node: "srv2" });
  expect(wishedWeight(book([stated], [file]), SRV1)).toBeUndefined();
});

test("only what a node can have wished is read from outside", () => {
  const good = { key: "weight/apache/srv1", value: "256", version: 1, node: "srv1" };
  expect(readWish({ ...good, more: 1 })).toEqual(good);
  const bad: unknown[] = [
    undefined,
    "drain",
    [],
    { ...good, key: "weight/apache" },
    { ...good, key: "weight/apache/srv1/x" },
    { ...good, key: `drain/${"x".repeat(64)}/srv1`, value: "on" },
    { ...good, value: "257" },
    { ...good, value: "-1" },
    { ...good, value: "01" },
    { ...good, value: "on" },
    { ...good, key: "drain/apache/srv1", value: "1" },
    { ...good, version: 0 },
    { ...good, version: 1.5 },
    { ...good, version: Number.MAX_SAFE_INTEGER },
    { ...good, node: "" },
    { ...good, node: 1 },
  ];
  expect(bad.map(readWish)).toEqual(bad.map(() => undefined));
  expect(readWishKey(drainKey(SRV1))).toEqual({ kind: "drain", ...SRV1 });
});
