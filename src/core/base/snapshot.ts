/**
 * A whole graph of objects as plain data, and back: every field of every object that the root reaches, shared
 * objects once, cycles included. It walks what is there and needs no list of fields, so a new field cannot be
 * forgotten; the price is that state lies in ordinary fields (a walk cannot see `#private` ones), that it holds no
 * functions, and that every class with state is in the caller's table. Objects of the surroundings that are no
 * state, such as a config, are `outside`: only their position is written, and the restored graph refers to them.
 */

import { assert } from "./assert.ts";

/** A finite number, text or truth as it is; `null` is undefined; a list is a reference or a special value. */
export type SavedValue =
  | number
  | string
  | boolean
  | null
  | readonly [number]
  | readonly ["outside", number]
  | readonly ["-0" | "NaN" | "Infinity" | "-Infinity" | "null" | "hole"];

/** A class's name with the fields, `""` with the fields of an object without one, or a collection and its content. */
export type SavedObject =
  | readonly [name: string, fields: Readonly<Record<string, SavedValue>>]
  | readonly [name: "[]" | "Map" | "Set", content: readonly SavedValue[]]
  | readonly [name: "Float64Array", content: Float64Array | readonly number[]];

/** What the root reaches; the root comes first. Numbers stay numbers, so it can be cloned between threads as it is. */
export type Snapshot = readonly SavedObject[];

/** Name and prototype of every class whose objects are state. */
export type Classes = Readonly<Record<string, { readonly prototype: object }>>;

type Fields = Record<string, unknown>;

/** A place of a list that holds nothing, not even undefined. */
const HOLE = ["hole"] as const;

/** Takes a snapshot; nothing in it changes when the state goes on. Asserts that everything can be restored. */
export function takeSnapshot(root: object, options: { classes: Classes; outside: readonly object[] }): Snapshot {
  const names = new Map(Object.entries(options.classes).map(([name, { prototype }]) => [prototype, name]));
  const outside = new Map(options.outside.map((each, index) => [each, index]));
  const positions = new Map<object, number>();
  const objects: SavedObject[] = [];

  const save = (value: unknown): SavedValue => {
    switch (typeof value) {
      case "number":
        return Number.isFinite(value) && !Object.is(value, -0) ? value : saveSpecial(value);
      case "string":
      case "boolean":
        return value;
      case "undefined":
        return null;
      case "object":
        return value === null ? ["null"] : saveReference(value);
      default:
        assert(false, `state holds no ${typeof value}`);
    }
  };
  const saveReference = (object: object): SavedValue => {
    const known = positions.get(object);
    if (known !== undefined) return [known];
    const external = outside.get(object);
    if (external !== undefined) return ["outside", external];
    const position = objects.length;
    positions.set(object, position);
    // Its place is taken before its content is looked at, which may refer back to it.
    objects.push(["", {}]);
    objects[position] = saveObject(object);
    return [position];
  };
  const saveObject = (object: object): SavedObject => {
    // A hole is not an undefined value: `flat` and `forEach` pass over holes.
    if (Array.isArray(object)) return ["[]", Array.from(object, (each, at) => (at in object ? save(each) : HOLE))];
    if (object instanceof Map) return ["Map", [...object].flatMap(([key, value]) => [save(key), save(value)])];
    if (object instanceof Set) return ["Set", Array.from(object, save)];
    if (object instanceof Float64Array) return ["Float64Array", object.slice()];
    const prototype: unknown = Object.getPrototypeOf(object);
    const name = prototype === Object.prototype ? "" : names.get(prototype as object);
    assert(name !== undefined, `the class ${object.constructor.name} is in the table of classes with state`);
    const fields: Record<string, SavedValue> = {};
    for (const key of Object.keys(object)) fields[key] = save((object as Fields)[key]);
    return [name, fields];
  };
  save(root);
  return objects;
}

/** Makes the root anew with all that it reached. The snapshot must come from a program with the same classes. */
export function restoreSnapshot(
  snapshot: Snapshot,
  options: { classes: Classes; outside: readonly object[] },
): object | undefined {
  const shells = snapshot.map(([name, content]) => makeShell(name, content, options.classes));
  const restore = (value: SavedValue): unknown => {
    if (!Array.isArray(value)) return value === null ? undefined : value;
    const [what, position] = value as readonly [number | string, number?];
    if (typeof what === "number") return shells[what];
    if (what === "outside") return options.outside[position ?? 0];
    return what === "null" ? null : Number(what);
  };
  snapshot.forEach(([name, content], index) => {
    const shell = shells[index];
    if (name === "Float64Array") return;
    if (shell instanceof Map) {
      const flat = (content as readonly SavedValue[]).map(restore);
      for (let at = 0; at + 1 < flat.length; at += 2) shell.set(flat[at], flat[at + 1]);
    } else if (shell instanceof Set) {
      for (const value of content as readonly SavedValue[]) shell.add(restore(value));
    } else if (Array.isArray(shell)) {
      for (const value of content as readonly SavedValue[]) {
        if (Array.isArray(value) && value[0] === HOLE[0]) shell.length++;
        else shell.push(restore(value));
      }
    } else {
      for (const [key, value] of Object.entries(content as Readonly<Record<string, SavedValue>>)) {
        (shell as Fields)[key] = restore(value);
      }
    }
  });
  return shells[0];
}

/** All objects that a plain value consists of, always in the same order. */
export function partsOf(value: object): readonly object[] {
  const parts: object[] = [value];
  for (const part of parts) {
    for (const each of Object.values(part)) if (typeof each === "object" && each !== null) parts.push(each);
  }
  return parts;
}

/**
 * Names of the fields of every object that is no collection, as one text: a class by its name, an object without
 * one by the field that refers to it first. Equal texts of equal roots mean that one restores what the other saved.
 */
export function describeShape(snapshot: Snapshot): string {
  const titles = new Map<number, string>();
  const known = new Map<string, string>();
  snapshot.forEach(([name, content], index) => {
    if (Array.isArray(content) || content instanceof Float64Array) return;
    const title = name === "" ? (titles.get(index) ?? "") : name;
    if (!known.has(title)) known.set(title, `${title}(${Object.keys(content).join(" ")})`);
    for (const [key, value] of Object.entries(content as Readonly<Record<string, SavedValue>>)) {
      const position = Array.isArray(value) ? (value as readonly unknown[])[0] : undefined;
      if (typeof position === "number" && !titles.has(position)) titles.set(position, `${title}.${key}`);
    }
  });
  return [...known.values()].sort().join(" ");
}

function saveSpecial(value: number): SavedValue {
  if (Object.is(value, -0)) return ["-0"];
  if (Number.isNaN(value)) return ["NaN"];
  return [value > 0 ? "Infinity" : "-Infinity"];
}

function makeShell(name: string, content: SavedObject[1], classes: Classes): object {
  if (name === "") return {};
  if (name === "[]") return [];
  if (name === "Map") return new Map();
  if (name === "Set") return new Set();
  if (name === "Float64Array") return Float64Array.from(content as readonly number[]);
  const known = Object.hasOwn(classes, name) ? classes[name] : undefined;
  assert(known !== undefined, `the class ${name} of a snapshot is in the table of classes with state`);
  return Object.create(known.prototype) as object;
}
