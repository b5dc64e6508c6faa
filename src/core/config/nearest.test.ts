import { expect, test } from "vitest";
import { editDistance, nearestWord } from "./nearest.ts";

test.each([
  ["adress", "address", 1],
  ["adrdess", "address", 1],
  ["adres", "address", 2],
  ["evrey", "every", 1],
  ["", "abc", 3],
  ["same", "same", 0],
])("from %s to %s it takes %i edits", (a, b, edits) => {
  expect(editDistance(a, b)).toBe(edits);
  expect(editDistance(b, a)).toBe(edits);
});

test("the nearest word is offered, a far one is not", () => {
  expect(nearestWord("adress", ["links", "address", "addresses"])).toBe("address");
  expect(nearestWord("Groups", ["groups"])).toBe("groups");
  expect(nearestWord("c", ["a", "b"])).toBeUndefined();
  expect(nearestWord("zzz", ["key", "nodes"])).toBeUndefined();
});
