import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { NonlocalBind } from "./nonlocal-bind.ts";

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-nonlocal-"));
  for (const family of ["ipv4", "ipv6"]) {
    mkdirSync(join(folder, family));
    writeFileSync(setting(family), "0\n");
  }
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function setting(family: string): string {
  return join(folder, family, "ip_nonlocal_bind");
}

function values(): string[] {
  return ["ipv4", "ipv6"].map((family) => readFileSync(setting(family), "utf8").trim());
}

function open(): NonlocalBind {
  return new NonlocalBind({ record: join(folder, "record.json"), folder });
}

test("both families are allowed and given back, also by a later self and after it was allowed again", () => {
  expect(open().allow()).toEqual({ ok: true });
  expect(values()).toEqual(["1", "1"]);
  open().allow();
  open().restore();
  expect(values()).toEqual(["0", "0"]);
  expect(existsSync(join(folder, "record.json"))).toBe(false);
});

test("what the administrator had allowed stays allowed", () => {
  writeFileSync(setting("ipv4"), "1\n");
  open().allow();
  open().restore();
  expect(values()).toEqual(["1", "0"]);
});

test("what somebody else took back meanwhile is not touched, and a family that is gone is skipped", () => {
  open().allow();
  writeFileSync(setting("ipv4"), "2\n");
  rmSync(setting("ipv6"));
  open().restore();
  expect(readFileSync(setting("ipv4"), "utf8")).toBe("2\n");
  expect(open().allow().ok).toBe(true);
});

test("a record that cannot be read changes nothing", () => {
  writeFileSync(join(folder, "record.json"), '[["../../etc/passwd","1"],["ipv4/ip_nonlocal_bind","x"]]');
  open().restore();
  expect(values()).toEqual(["0", "0"]);
});

test("a setting that cannot be written is told", () => {
  rmSync(setting("ipv4"));
  mkdirSync(setting("ipv4"));
  expect(open().allow()).toMatchObject({ ok: false });
});
