import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { version } from "../../api/version.ts";
import { InputRing, listSegments, RING_DIRECTORY } from "../../recording/input-ring.ts";
import { pairHeader, recordPair } from "../../recording/pretended-pair.ts";

const program = fileURLToPath(new URL("../main.ts", import.meta.url));
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "understudy-replay-"));
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function understudy(...argv: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...argv], { encoding: "utf8", timeout: 30_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
  });
}

/** Records a takeover into a state directory; `spoil` changes the texts of its batches. */
async function record(name: string, spoil = (text: string) => text): Promise<string> {
  const stateDir = join(directory, name);
  const ring = new InputRing({
    stateDir,
    limitBytes: 1e7,
    askToBegin: () => {},
    stopped: () => {},
    resumed: () => {},
    now: () => 0,
  });
  for (const part of recordPair({ diesAt: 6_000, endsAt: 12_000 })) {
    if (part.kind === "begin") ring.begin({ ...pairHeader(part), software: version() }, part.checkpoint);
    if (part.kind === "batch") ring.add(spoil(part.text));
  }
  await ring.close();
  return stateDir;
}

test("a state directory is replayed as a timeline with reasons, and the verdict comes last", async () => {
  const { code, stdout, stderr } = await understudy("replay", await record("same"));
  expect(stderr).toBe("");
  expect(code).toBe(0);
  const lines = stdout.trim().split("\n");
  expect(lines[0]).toMatch(/^srv2, recorded by version .* from the daemon's start at /);
  expect(stdout).toMatch(/srv1 is dead.* {2}PEER_DEAD {2}\[silentMs=/);
  expect(stdout).toContain("[epoch=");
  expect(lines.at(-1)).toMatch(/^1 segment, \d+ inputs, .* to .*: the same \d+ decisions$/);
  const quiet = await understudy("replay", join(directory, "same"), "--group", "mail");
  expect(quiet.stdout.trim().split("\n")).toHaveLength(2);
  const verbose = await understudy("replay", join(directory, "same"), "--verbose");
  expect(verbose.stdout).toContain("< frame from srv1 beat");
  expect(verbose.stdout).toContain("> open www/192.0.2.10");
});

test("another decision than the recorded one is shown with its input, and answers 1", async () => {
  const stateDir = await record("other", (text) => text.replace("is dead", "is bored"));
  const { code, stdout } = await understudy("replay", stateDir);
  expect(code).toBe(1);
  expect(stdout).toMatch(/first difference at .*inputs-00000001\.rec\n {2}input {3}tick/);
  expect(stdout).toMatch(/before {2}LINK_DOWN.*\n.*\n +GROUP_TAKEN: .*is bored/);
  expect(stdout).toMatch(/now {5}LINK_DOWN.*\n.*\n +GROUP_TAKEN: .*is dead/);
  expect(stdout).toContain("not the same");
});

test("with --json every line is an object, and the last one is the summary", async () => {
  const { code, stdout } = await understudy("replay", await record("json"), "--json");
  expect(code).toBe(0);
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines[0]).toMatchObject({ kind: "segment", node: "srv2", begins: "start" });
  expect(lines.some(({ kind, reason }) => kind === "decision" && reason === "GROUP_TAKEN")).toBe(true);
  expect(lines.at(-1)).toMatchObject({ kind: "summary", ok: true, segments: 1 });
});

test("a file that was cut off is replayed as far as it goes, and says at which byte it ends", async () => {
  const [segment] = await listSegments(join(await record("torn"), RING_DIRECTORY));
  const file = segment?.path ?? "";
  truncateSync(file, statSync(file).size - 5);
  const { code, stdout, stderr } = await understudy("replay", file);
  expect(code).toBe(0);
  expect(stdout).toMatch(/the same \d+ decisions/);
  expect(stderr).toMatch(/RECORDING_TORN .* was replayed up to byte \d+/);
});

test.each([
  ["an absent path", ["/nonexistent/x"], "RECORDING_UNREADABLE", 2],
  ["a directory without recordings", ["/proc/self/fdinfo"], "RECORDING_MISSING", 2],
  ["a time that is none", ["x", "--from", "yesterday"], "a while ago (2h), a clock time", 2],
  ["times in the wrong order", ["x", "--from", "1h", "--until", "2h"], "TIMES_SWAPPED", 2],
  ["no path", [], "missing required argument", 2],
  ["an option that is none", ["x", "--form", "1h"], "--from", 2],
])("%s is refused with what to do", async (_, argv, words, exit) => {
  const { code, stderr } = await understudy("replay", ...argv);
  expect(stderr).toContain(words);
  expect(code).toBe(exit);
});

test("a foreign file is refused with its first byte", async () => {
  const file = join(directory, "foreign");
  writeFileSync(file, Buffer.alloc(1_000, 7));
  const { code, stderr } = await understudy("replay", file);
  expect(code).toBe(2);
  expect(stderr).toContain("RECORDING_FOREIGN");
  expect(stderr).toContain("at byte 0");
  expect(stderr).toContain("next: ");
});

test("a bundle is refused where it cannot be written, where a file is, and for a time that has not been", async () => {
  const taken = await understudy("bundle", "--output", program, "--config", "/nonexistent");
  expect([taken.code, taken.stderr]).toEqual([1, expect.stringContaining("OUTPUT_EXISTS")]);
  const nowhere = await understudy("bundle", "--output", "/nonexistent/b.tar.gz");
  expect([nowhere.code, nowhere.stderr]).toEqual([1, expect.stringContaining("OUTPUT_REFUSED")]);
  const future = await understudy("bundle", "--since", "2999-01-01");
  expect([future.code, future.stderr]).toEqual([2, expect.stringContaining("TIME_IN_FUTURE")]);
});
