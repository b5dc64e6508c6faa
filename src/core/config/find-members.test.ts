import { expect, test } from "vitest";
import { findMembers, findPool } from "./find-members.ts";

const pools = [
  { pool: "apache", members: ["srv1", "srv2"] },
  { pool: "static", members: ["srv1", "files"] },
];

function problemOf(text: string) {
  const found = findMembers(pools, text);
  return found.ok ? undefined : found.problems[0];
}

test("a member of one pool, or of all pools that have it", () => {
  expect(findMembers(pools, "apache/srv1")).toMatchObject({ ok: true, value: [{ pool: "apache", member: "srv1" }] });
  expect(findMembers(pools, "srv1")).toMatchObject({
    value: [
      { pool: "apache", member: "srv1" },
      { pool: "static", member: "srv1" },
    ],
  });
});

test("a wrong name is refused with the nearest right one, written as it must be written", () => {
  expect(problemOf("apache/srv3")).toMatchObject({ code: "MEMBER_UNKNOWN", nearest: "apache/srv1" });
  expect(problemOf("apahce/srv1")).toMatchObject({ code: "POOL_UNKNOWN", nearest: "apache/srv1" });
  expect(problemOf("fiels")).toMatchObject({ code: "MEMBER_UNKNOWN", nearest: "files" });
  expect(problemOf("nothing")).not.toHaveProperty("nearest");
  expect(problemOf("nothing")?.expected).toBe("srv1, srv2, files");
});

test("a pool's name alone is told to be a pool", () => {
  expect(problemOf("static")).toMatchObject({ message: '"static" is a pool, and a member is needed' });
  expect(problemOf("static")?.expected).toBe("static/srv1, static/files");
  expect(problemOf("")).toMatchObject({ code: "MEMBER_UNKNOWN" });
});

test("a pool is found by its name only", () => {
  expect(findPool(pools, "static")).toMatchObject({ ok: true, value: { pool: "static" } });
  expect(findPool(pools, "statics")).toMatchObject({ ok: false, problems: [{ nearest: "static" }] });
});
