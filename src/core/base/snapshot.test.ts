import { expect, test } from "vitest";
import { describeShape, partsOf, restoreSnapshot, takeSnapshot, type Snapshot } from "./snapshot.ts";

class Leaf {
  value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }

  shown(): string {
    return `<${String(this.value)}>`;
  }
}

const classes = { Leaf };
const roundTrip = (root: object, outside: readonly object[] = []): unknown => {
  const snapshot = takeSnapshot(root, { classes, outside });
  const text = JSON.stringify(snapshot, (_, each: unknown) => (each instanceof Float64Array ? [...each] : each));
  return restoreSnapshot(JSON.parse(text) as Snapshot, { classes, outside });
};

test("every kind of value comes back as it was, also those that JSON cannot write", () => {
  const root = {
    numbers: [0, -0, 1.5, -3e-9, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
    nothing: undefined,
    none: null,
    text: "é\u0000",
    truths: [true, false],
    map: new Map<unknown, unknown>([
      [1, "one"],
      ["list", [undefined]],
    ]),
    set: new Set(["b", "a"]),
    times: Float64Array.of(0.1, 2),
    leaf: new Leaf("x"),
  };
  const back = roundTrip(root) as typeof root;
  expect(back).toEqual(root);
  expect(Object.is(back.numbers[1], -0)).toBe(true);
  expect("nothing" in back).toBe(true);
  expect(back.leaf.shown()).toBe("<x>");
});

test("holes in lists stay holes", () => {
  const list: unknown[] = [];
  list[2] = undefined;
  list[4] = ["x"];
  list.length = 7;
  const back = roundTrip({ list }) as { list: unknown[] };
  expect(Object.keys(back.list)).toEqual(["2", "4"]);
  expect(back.list).toHaveLength(7);
});

test("what is shared stays shared, and circles close", () => {
  const shared = new Leaf(1);
  const root = { a: shared, b: [shared], map: new Map([[shared, shared]]), self: undefined as unknown };
  root.self = root;
  const back = roundTrip(root) as typeof root;
  expect(back.b[0]).toBe(back.a);
  expect(back.map.get(back.a)).toBe(back.a);
  expect(back.self).toBe(back);
});

test("parts of the outside are referred to and not copied", () => {
  const outside = { list: [{ name: "x" }], other: { list: [] } };
  const root = { kept: outside.list[0], all: outside };
  const back = roundTrip(root, partsOf(outside)) as typeof root;
  expect(back.kept).toBe(outside.list[0]);
  expect(back.all).toBe(outside);
});

test("a snapshot does not change when the state goes on", () => {
  const root = { times: Float64Array.of(1), list: [1] };
  const snapshot = takeSnapshot(root, { classes, outside: [] });
  root.times[0] = 2;
  root.list.push(2);
  expect(restoreSnapshot(snapshot, { classes, outside: [] })).toEqual({ times: Float64Array.of(1), list: [1] });
});

test("functions and unknown classes are refused by name", () => {
  class Stranger {}
  expect(() => roundTrip({ run: () => 1 })).toThrow("state holds no function");
  expect(() => roundTrip({ it: new Stranger() })).toThrow("the class Stranger is in the table");
});

test("the shape names the fields of classes and of plain objects by where they stand", () => {
  const shape = describeShape(takeSnapshot([new Leaf({ a: 1, b: { c: 2 } })], { classes, outside: [] }));
  expect(shape).toBe("Leaf(value) Leaf.value(a b) Leaf.value.b(c)");
});
