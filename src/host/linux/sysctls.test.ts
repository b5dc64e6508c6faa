import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Sysctls } from "./sysctls.ts";

let directory: string;
let options: { folder: string; record: string };

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "understudy-sysctls-"));
  options = { folder: join(directory, "conf"), record: join(directory, "settings.json") };
  mkdirSync(join(options.folder, "eth0"), { recursive: true });
  set({ arp_ignore: "0", arp_announce: "1" });
});
afterEach(() => rmSync(directory, { recursive: true }));

function set(values: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(values)) writeFileSync(join(options.folder, "eth0", name), `${value}\n`);
}

function values(): string[] {
  return ["arp_ignore", "arp_announce"].map((name) => readFileSync(join(options.folder, "eth0", name), "utf8").trim());
}

test("a device is protected while we run, and gets back what it had", () => {
  const sysctls = new Sysctls(options);
  expect(sysctls.protect("eth0")).toEqual({ ok: true });
  expect(values()).toEqual(["1", "2"]);
  sysctls.restore();
  expect(values()).toEqual(["0", "1"]);
  expect(readdirSync(directory)).toEqual(["conf"]);
});

test("a next self, or the stop hook after a crash, gives back what the first self found", () => {
  new Sysctls(options).protect("eth0");
  const next = new Sysctls(options);
  next.protect("eth0");
  next.restore();
  expect(values()).toEqual(["0", "1"]);
});

test("an administrator's stricter value stays, before and meanwhile", () => {
  set({ arp_ignore: "8" });
  const sysctls = new Sysctls(options);
  sysctls.protect("eth0");
  expect(values()).toEqual(["8", "2"]);
  set({ arp_announce: "0" });
  sysctls.restore();
  expect(values()).toEqual(["8", "0"]);
});

test("a record that was tampered with reaches no other file", () => {
  const other = join(directory, "other");
  writeFileSync(other, "2");
  const names = ["../other", "eth0/../../other", "../arp_ignore", "eth0/tag", "other"];
  writeFileSync(options.record, JSON.stringify(names.map((name) => [name, "0"])));
  new Sysctls(options).restore();
  expect(readFileSync(other, "utf8")).toBe("2");
  writeFileSync(options.record, "no record");
  expect(new Sysctls(options).protect("eth0")).toEqual({ ok: true });
});

test("a device that does not exist, or is none, is told", () => {
  expect(new Sysctls(options).protect("eth9")).toMatchObject({ ok: false });
  expect(new Sysctls(options).protect("../eth0")).toEqual({ ok: false, reason: '"../eth0" is not a device name' });
});

test("where the record cannot be written the device is protected all the same", () => {
  const sysctls = new Sysctls({ ...options, record: join(directory, "missing", "settings.json") });
  expect(sysctls.protect("eth0")).toEqual({ ok: true });
  sysctls.restore();
  expect(values()).toEqual(["0", "1"]);
});
