import { execFile } from "node:child_process";
import { chmod, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

import { withDirectory } from "../daemon/fixtures/pretended.ts";

const PROGRAM = fileURLToPath(new URL("../../bin/understudy", import.meta.url));

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function understudy(argv: readonly string[], env: NodeJS.ProcessEnv = process.env, program = PROGRAM): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(program, argv, { env, timeout: 15_000 }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

test("what is not understood ends with 2 and names the nearest verb", async () => {
  expect(await understudy(["statsu"])).toMatchObject({
    code: 2,
    err: expect.stringContaining(`did you mean "status"?`),
  });
  expect((await understudy(["switch", "www"])).code).toBe(2);
  expect((await understudy(["status", "--jsno"])).code).toBe(2);
  expect((await understudy(["maintenance", "perhaps"])).code).toBe(2);
  expect((await understudy([])).code).toBe(2);
});

test("help and version end with 0", async () => {
  const help = await understudy(["--help"]);
  expect(help.code).toBe(0);
  expect(help.out).toContain("explain where a group is");
  expect((await understudy(["help", "switch"])).out).toContain("--to <node>");
  expect(await understudy(["--version"])).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
});

test("without a daemon every verb that needs one ends with 1 and says what to do", async () => {
  await withDirectory(async (directory) => {
    const balancing = [["pools"], ["drain", "srv1"], ["undrain", "srv1"], ["weight", "srv1", "9"], ["reload"]];
    const verbs = [["status"], ["why", "www"], ["clear", "www"], ["events"], ...balancing];
    const all = await Promise.all(verbs.map((verb) => understudy([...verb, "--runtime-dir", directory])));
    for (const [index, ended] of all.entries()) {
      expect(ended, verbs[index]?.[0]).toMatchObject({ code: 1, out: "" });
      expect(ended.err).toContain(`no daemon listens on ${directory}/understudy.sock`);
      expect(ended.err).toContain("next: start it");
    }
  });
});

test("a daemon that refuses, or answers with nonsense, is told in its own words", async () => {
  await withDirectory(async (directory) => {
    const refusal = {
      ok: false,
      problems: [{ code: "NOT_NOW", severity: "error", message: "the group is stuck", next: "clear it" }],
    };
    const server = createServer((request, response) => {
      request.resume();
      response.writeHead(request.method === "POST" ? 409 : 200);
      response.end(request.method === "POST" ? JSON.stringify(refusal) : "<html>");
    });
    await new Promise<void>((resolve) => server.listen(join(directory, "understudy.sock"), resolve));
    const env = { ...process.env, UNDERSTUDY_RUNTIME_DIR: directory };
    const refused = await understudy(["standby", "srv1"], env);
    expect(refused).toMatchObject({ code: 1, out: "" });
    expect(refused.err).toContain("NOT_NOW");
    expect(refused.err).toContain("next: clear it");
    expect((await understudy(["status"], env)).code).toBe(1);
    server.close();
  });
});

test("a daemon with a broken cluster file or key ends with 1 before it touches anything", async () => {
  await withDirectory(async (directory) => {
    const config = join(directory, "cluster.yaml");
    const dirs = ["--state-dir", join(directory, "state"), "--runtime-dir", join(directory, "run")];
    const daemon = (...more: string[]) => understudy(["daemon", "--config", config, ...dirs, ...more]);
    await writeFile(config, "cluster: demo\nnodse: {}\n");
    const broken = await daemon("--node", "srv1");
    expect(broken.code).toBe(1);
    expect(broken.err).toContain(`did you mean "nodes"?`);
    const text = [
      "cluster: demo",
      `key: ${directory}/key`,
      "nodes:",
      "  srv1: { address: 192.0.2.11 }",
      "  srv2: { address: 192.0.2.12 }",
      "groups: {}",
    ];
    await writeFile(config, `${text.join("\n")}\n`);
    const stranger = await daemon("--node", "srv9");
    expect([stranger.code, stranger.err]).toEqual([1, expect.stringContaining("srv1, srv2")]);
    const keyless = await daemon("--node", "srv1");
    expect([keyless.code, keyless.err]).toEqual([1, expect.stringContaining("KEY_MISSING")]);
    await writeFile(join(directory, "key"), "00".repeat(32));
    await chmod(join(directory, "key"), 0o644);
    const open = await daemon("--node", "srv1");
    expect([open.code, open.err]).toEqual([1, expect.stringContaining("chmod 600")]);
  });
});

test("the launcher works through a link, and without any Node says what is missing", async () => {
  await withDirectory(async (directory) => {
    const linked = join(directory, "linked");
    await symlink(PROGRAM, linked);
    expect((await understudy(["--version"], process.env, linked)).code).toBe(0);
    const bin = join(directory, "package", "bin");
    const tools = join(directory, "tools");
    await mkdir(bin, { recursive: true });
    await mkdir(tools);
    await writeFile(join(bin, "understudy"), await readFile(PROGRAM), { mode: 0o755 });
    for (const tool of ["dirname", "readlink"]) await symlink(`/usr/bin/${tool}`, join(tools, tool));
    const bare = { PATH: tools };
    const none = await understudy(["status"], bare, join(bin, "understudy"));
    expect([none.code, none.err]).toEqual([1, expect.stringContaining("needs Node 24 or newer")]);
    await writeFile(join(tools, "node"), "#!/bin/sh\necho v20.11.1\n", { mode: 0o755 });
    expect((await understudy(["status"], bare, join(bin, "understudy"))).err).toContain("needs Node 24 or newer");
    await writeFile(join(tools, "node"), `#!/bin/sh\n[ "$1" = --version ] && echo v24.1.0 || echo "ran $*"\n`, {
      mode: 0o755,
    });
    const ran = await understudy(["status", "--json"], bare, join(bin, "understudy"));
    expect(ran.out).toContain("status --json");
  });
});

test("the completion knows every verb", async () => {
  const completion = await readFile(new URL("../../packaging/understudy.bash-completion", import.meta.url), "utf8");
  const words = /'' *\) words='([^']*)'/.exec(completion)?.[1]?.split(" ") ?? [];
  const help = (await understudy(["--help"])).out;
  const verbs = [...help.matchAll(/^ {2}([a-z]+)(?: \[\w+\])? {2,}/gm)].map(([, verb = ""]) => verb);
  expect(verbs.length).toBeGreaterThan(10);
  expect(words.filter((word) => !word.startsWith("-")).toSorted()).toEqual(verbs.toSorted());
});
