/** The verb as it is called: what it prints, how it ends, and what it leaves alone. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const program = fileURLToPath(new URL("../main.ts", import.meta.url));
const example = fileURLToPath(new URL("../../../examples/two-nodes.yaml", import.meta.url));
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "simulate-"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function run(args: readonly string[], options: { input?: string; node?: readonly string[] } = {}): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...(options.node ?? []), program, ...args], {
    encoding: "utf8",
    timeout: 30_000,
    input: options.input ?? "",
    env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined },
  });
  return { code: status, out: stdout, err: stderr };
}

function simulate(...args: string[]): Ended {
  return run(["simulate", "--config", example, ...args]);
}

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test("a power loss is answered with a timeline, the end and a summary", () => {
  const { code, out, err } = simulate("power srv1; wait 5s; expect www on srv2; boot srv1");
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toMatch(
    /^cluster example-web, simulated with seed 1\n {2}link 0 {2}eth0 {2}srv1 192\.0\.2\.11 · srv2 192\.0\.2\.12/,
  );
  expect(out).toContain("at the beginning: www on srv1\n");
  expect(out).toMatch(/ 0\.\d{3} {2}srv2 {5}srv2 holds www at epoch \d+: srv1 is dead {2}GROUP_TAKEN\n/);
  expect(out).toMatch(/… 4\.\d s without news/);
  expect(out).toContain("\n  www on srv2, epoch ");
  expect(out).toMatch(/ {2}www: moved srv1 → srv2 after \d{3} ms; clients without answer \d{3} ms\n/);
  expect(out).toContain("1 of 1 expectations met");
});

test("an expectation that is not met ends with 1, and is drawn with what was seen", () => {
  const { code, out, err } = simulate("switch www srv2\nwait 1s; expect www on srv1 # no");
  expect(code).toBe(1);
  expect(out).toContain("expect www on srv1: but www is on srv2");
  expect(err).toBe(
    'script:2:10  EXPECTATION_NOT_MET  "expect www on srv1": www is on srv2\n' +
      "     2 | wait 1s; expect www on srv1 # no\n" +
      "       |          ^^^^^^^^^^^^^^^^^^\n",
  );
});

/** Nodes that cannot read each other have only the wire as a witness, and a cut takes that away at a bad moment. */
const TWO_HOLDERS = "filter srv1; filter srv2; wait 180ms; cut srv1:eth0 for 100ms; wait 2s";

test("two holders that clients reach at once end with 1, without any expectation", () => {
  const { code, err } = simulate(TWO_HOLDERS);
  expect(code).toBe(1);
  expect(err).toMatch(
    /^PROMISE_BROKEN {2}192\.0\.2\.10 is served by srv1 and srv2 at once for \d+ ms, and clients reach both\n$/,
  );
  const runs = simulate(TWO_HOLDERS, "--runs", "2");
  expect(runs.code).toBe(1);
  expect(runs.err).toContain("and clients reach both (seed 1)");
  const json = simulate(TWO_HOLDERS, "--json");
  expect({ code: json.code, err: json.err }).toEqual({ code: 1, err: "" });
});

test("two holders after a machine's clock stood still are told, and end with 0", () => {
  const { code, out, err } = simulate("filter srv1; filter srv2; pause srv1 for 300ms; wait 2s");
  expect(out).toContain("the clock of srv1 had stood still");
  expect({ code, err }).toEqual({ code: 0, err: "" });
});

test("a script comes from a file or from standard input as well, and is named in its errors", () => {
  const good = write("good.script", "# a remark\npower srv1\nwait 2s\nexpect www on srv2\n");
  expect(simulate("--script", good)).toMatchObject({ code: 0, err: "" });
  const bad = write("bad.script", "powr srv1\nwait 5\n");
  const { code, out, err } = simulate("--script", bad);
  expect({ code, out }).toEqual({ code: 2, out: "" });
  expect(err).toContain(`${bad}:1:1  SCRIPT_UNKNOWN_VERB  there is no verb "powr"`);
  expect(err).toContain('did you mean "power"?   next: write power NODE [for TIME]');
  expect(err).toContain(`${bad}:2:6  SCRIPT_BAD_DURATION  5 has no unit`);
  const piped = run(["simulate", "--config", example, "--script", "-"], { input: "boot srv1" });
  expect(piped).toMatchObject({ code: 2, out: "" });
  expect(piped.err).toContain("stdin:1:1  SCRIPT_IMPOSSIBLE  srv1 has power already");
});

test.each([
  [["power srv1", "--script", "x"], "there are two scripts"],
  [[], "there is no script"],
  [["--script", "/no/such/file"], "/no/such/file cannot be read: there is no such file"],
  [["--script", "/"], "/ cannot be read: it is a directory"],
  [["wait 2s", "--until", "1s"], "--until ends the play after 1 s"],
  [["wait 2s", "--until", "soon"], "a duration like 500ms"],
  [["wait 2s", "--seed", "-1"], "a whole number from 0"],
  [["wait 2s", "--runs", "0"], "a whole number from 1 to 1000"],
])("%j is not understood", (args, told) => {
  const { code, out, err } = simulate(...args);
  expect({ code, out }).toEqual({ code: 2, out: "" });
  expect(err).toContain(told);
});

test("a cluster file with errors is told as `check` tells it, and ends with 2", () => {
  const file = write("bad.yaml", "cluster: web\nnodse: {}\n");
  const { code, out, err } = run(["simulate", "--config", file, "wait 1s"]);
  expect({ code, out }).toEqual({ code: 2, out: "" });
  expect(err).toContain(`${file}:2:1  CONFIG_UNKNOWN_KEY`);
  expect(err).toContain('did you mean "nodes"?');
});

test("the same seed prints the same bytes, and many runs print a spread", () => {
  const args = ["loss eth1 10%; power srv1; wait 1s; boot srv1", "--seed", "3"];
  const { out } = simulate(...args);
  expect(simulate(...args).out).toBe(out);
  const many = simulate(...args, "--runs", "4");
  expect(many.code).toBe(0);
  expect(many.out).toContain("simulated with seeds 3 to 6");
  expect(many.out).toMatch(/www {4}192\.0\.2\.10 {2}\d{3} ms {4}\d{3} ms {2}\d{3} ms/);
  expect(many.out).toContain("www ended on srv2 in 4 of 4 runs");
});

test("--json gives the same as data, also when something is wrong", () => {
  const { code, out, err } = simulate("power srv1; wait 2s; expect www nowhere", "--json");
  expect({ code, err }).toEqual({ code: 1, err: "" });
  const answer = JSON.parse(out) as Record<string, unknown>;
  expect(answer).toMatchObject({
    ok: true,
    cluster: "example-web",
    seed: 1,
    isSettled: true,
    start: [{ group: "www", on: ["srv1"] }],
    end: [{ group: "www", on: ["srv2"], pending: {} }],
    moves: [{ group: "www", from: "srv1", to: "srv2" }],
    expectations: [{ isMet: false, atMs: 2_000, seen: "www is on srv2", at: { file: "script", line: 1, column: 22 } }],
  });
  expect(answer["entries"]).toContainEqual(
    expect.objectContaining({ kind: "decision", reason: "PEER_DEAD", by: ["srv2"], nodes: ["srv1"] }),
  );
  const runs = JSON.parse(simulate("power srv1", "--json", "--runs", "3").out) as unknown;
  expect(runs).toMatchObject({
    ok: true,
    runs: 3,
    spread: [{ vip: "192.0.2.10" }],
    outcomes: [{ on: ["srv2"], runs: 3 }],
  });
  const wrong = simulate("boot srv1", "--json");
  expect(wrong).toMatchObject({ code: 2, err: "" });
  expect(JSON.parse(wrong.out)).toMatchObject({ ok: false, problems: [{ code: "SCRIPT_IMPOSSIBLE" }] });
});

/** Throws as soon as anything of Node opens a socket. */
const NO_NETWORK = `data:text/javascript,${encodeURIComponent(`
  import net from "node:net";
  import dgram from "node:dgram";
  import { syncBuiltinESMExports } from "node:module";
  const refuse = () => { throw new Error("the network was touched"); };
  net.Socket.prototype.connect = net.Server.prototype.listen = refuse;
  dgram.createSocket = dgram.Socket.prototype.bind = refuse;
  syncBuiltinESMExports();
`)}`;

test("it writes no file, starts no program, loads no native code and opens no socket; the key need not exist", () => {
  const before = readdirSync(folder).toSorted();
  // Node itself refuses everything that is not allowed here by name.
  const node = ["--permission", "--allow-fs-read=*", "--no-warnings", "--import", NO_NETWORK];
  const { code, out, err } = run(["simulate", "--config", example, "power srv1; wait 1s; expect www on srv2"], {
    node,
  });
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toContain("1 of 1 expectations met");
  expect(readdirSync(folder).toSorted()).toEqual(before);
  // And it does refuse: the same program cannot make a key so.
  const refused = run(["keygen", join(folder, "key")], { node });
  expect(refused.code).not.toBe(0);
});
