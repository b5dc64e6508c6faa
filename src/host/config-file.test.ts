import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hashOfConfig, loadClusterFile, UNREADABLE } from "./config-file.ts";

const examples = new URL("../../examples/", import.meta.url).pathname;
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "config-file-"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const samples = readdirSync(examples).filter((name) => name.endsWith(".yaml"));

test("there are examples", () => {
  expect(samples.length).toBeGreaterThanOrEqual(3);
});

test.each(samples)("the example %s is loaded without an error or a warning", (name) => {
  const loaded = loadClusterFile(join(examples, name));
  expect(loaded.problems).toEqual([]);
  expect(loaded.ok && loaded.value.hash).toMatch(/^[0-9a-f]{64}$/);
});

test("the hash follows the meaning and not the text", () => {
  const text = "cluster: web\nnodes: { a: { address: 192.0.2.1 }, b: { address: 192.0.2.2 } }\n";
  const hash = (name: string, content: string) => {
    const loaded = loadClusterFile(write(name, content));
    if (!loaded.ok) throw new Error(loaded.problems[0]?.message);
    expect(loaded.value.hash).toBe(hashOfConfig(loaded.value.config));
    return loaded.value.hash;
  };
  expect(hash("b.yaml", `# a comment\n${text}arbiter: segment\n`)).toBe(hash("a.yaml", text));
  expect(hash("c.yaml", text.replace("web", "web2"))).not.toBe(hash("a.yaml", text));
});

test("errors of the check refuse the file like errors of the text, with their place", () => {
  const loaded = loadClusterFile(
    write("d.yaml", "cluster: web\nnodes: { a: { address: 192.0.2.1 } }\nheartbeat: { interval: 1s }\n"),
  );
  expect(loaded.ok).toBe(false);
  expect(loaded.problems[0]).toMatchObject({
    code: "TIMING_EVIDENCE_TOO_SHORT",
    at: { line: 3, column: 24, length: 2 },
  });
});

test("what cannot be read is told as such", () => {
  const pipe = join(folder, "pipe");
  execFileSync("mkfifo", [pipe]);
  const unreadable = [
    [join(folder, "none.yaml"), "there is no such file"],
    [folder, "it is no regular file"],
    [pipe, "it is no regular file"],
    [write("latin1.yaml", Uint8Array.of(0x63, 0x3a, 0x20, 0xe4)), "it is no UTF-8 text"],
    [write("large.yaml", new Uint8Array(17_000_000)), "far more than any cluster file"],
  ] as const;
  for (const [path, why] of unreadable) {
    const { ok, problems } = loadClusterFile(path);
    expect(ok).toBe(false);
    expect(problems).toMatchObject([{ code: UNREADABLE, subject: { file: path } }]);
    expect(problems[0]?.message).toContain(why);
  }
});
