import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Generations } from "./generations.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "generations-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

test("a set goes live in one step, comes back in one step, and others are removed", () => {
  const sets = new Generations(directory);
  expect(sets.live).toBeUndefined();
  const first = sets.write([{ path: "a.cfg", content: "1" }]);
  sets.enliven(first);
  const second = sets.write([{ path: "a.cfg", content: "2" }]);
  const live = (): string => readFileSync(join(directory, "live/a.cfg"), "utf8");
  expect(live()).toBe("1");
  sets.enliven(second);
  expect([live(), sets.live]).toEqual(["2", second]);
  sets.enliven(first);
  expect(live()).toBe("1");
  sets.keepOnly(first);
  expect(readdirSync(directory).sort()).toEqual([first, "live"].sort());
});

test("a set never takes the name of another one, also after a restart", () => {
  const first = new Generations(directory).write([]);
  expect(new Generations(directory).write([])).not.toBe(first);
});

test("secrets are only for their owner, and folders are made", () => {
  const sets = new Generations(directory);
  const name = sets.write([
    { path: "certificates/a.pem", content: "secret", secret: true },
    { path: "maps/b.map", content: "" },
  ]);
  const mode = (path: string): string => (statSync(join(directory, name, path)).mode & 0o777).toString(8);
  expect(mode("certificates/a.pem")).toBe("600");
  // The umask may take more.
  expect(mode("maps/b.map")).toMatch(/^6[04]0$/);
  expect(mode("")).toBe("750");
});
