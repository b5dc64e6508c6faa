/** The published package carries compiled JavaScript and no sources: it must start without them. */

import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { filesBelow, read, ROOT } from "./sources.ts";

const QUIET = { encoding: "utf8", stdio: "pipe" } as const;

test("the command line runs from compiled files alone", { timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "understudy-build-"));
  try {
    // Types are another check's business; here a half-written file must not hide what was built.
    const tsc = join(ROOT, "node_modules/.bin/tsc");
    const build = ["-p", join(ROOT, "tsconfig.build.json"), "--outDir", join(folder, "dist"), "--noCheck"];
    execFileSync(tsc, build, QUIET);
    for (const path of ["bin/understudy", "package.json"]) cpSync(join(ROOT, path), join(folder, path));
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    const version = execFileSync(join(folder, "bin/understudy"), ["--version"], QUIET);
    expect(version.trim()).toBe((JSON.parse(read("package.json")) as { version: string }).version);
    const key = join(folder, "cluster.key");
    execFileSync(join(folder, "bin/understudy"), ["keygen", key], QUIET);
    const file = join(folder, "cluster.yaml");
    const nodes = "nodes: { srv1: { address: 192.0.2.11 }, srv2: { address: 192.0.2.12 } }";
    writeFileSync(
      file,
      `cluster: c\nkey: ${key}\n${nodes}\ngroups: { www: { resources: [{ vip: 192.0.2.10/24 }] } }\n`,
    );
    expect(execFileSync(join(folder, "bin/understudy"), ["check", file], QUIET)).toContain("250");
    const whatIf = ["simulate", "--config", file, "power srv1; wait 2s; expect www on srv2"];
    expect(execFileSync(join(folder, "bin/understudy"), whatIf, QUIET)).toContain("1 of 1 expectations met");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("programs that are started by their path have a way from sources to compiled files", () => {
  const started = /new URL\((?:"(\.[^"]+\.ts)"|`(\.[^`]+\.ts)`), import\.meta\.url\)/g;
  const wrong = filesBelow("src", [".ts"])
    // Mutants are made of source text: they stay out of the package.
    .filter((path) => !/\.test\.ts$|\/fixtures\/|\/mutants\//.test(path))
    .flatMap((path) => {
      const text = read(path);
      // Node's type stripping needs ".ts", the package ".js": somebody must tell the two apart.
      const knows = text.includes("labProgram(") || text.includes("ChildObserver(") || text.includes('endsWith(".ts")');
      return [...text.matchAll(started)].filter(() => !knows).map(([whole]) => `${path}: ${whole}`);
    });
  expect(wrong).toEqual([]);
});
