import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { cleanConfig } from "./clean-config.ts";
import { makeBundle } from "./make-bundle.ts";
import { collectPart, type Part, TEXT_LIMIT_BYTES } from "./part.ts";
import { partsOf } from "./parts.ts";
import { makeTar } from "./tar.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "understudy-bundle-"));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const SECRET = "Xq7tr0ub4dorZ9";
const TIME = Date.UTC(2026, 10, 21, 3, 0, 0);

function unpack(file: string): Record<string, string> {
  const target = join(directory, "unpacked");
  mkdirSync(target);
  execFileSync("tar", ["-xzf", file, "-C", target]);
  const found: Record<string, string> = {};
  for (const each of readdirSync(target, { recursive: true, withFileTypes: true })) {
    const path = join(each.parentPath, each.name);
    if (each.isFile()) found[path.slice(target.length + 1)] = readFileSync(path, "latin1");
  }
  return found;
}

test("an archive unpacks with the machine's own tar, byte by byte, at the sizes where blocks end", () => {
  const sizes = [0, 1, 511, 512, 513, 100_000];
  const entries = sizes.map((size) => ({ name: `folder/${size}`, content: Buffer.alloc(size, size % 251) }));
  const file = join(directory, "a.tar");
  writeFileSync(file, makeTar(entries, TIME));
  mkdirSync(join(directory, "out"));
  execFileSync("tar", ["-xf", file, "-C", join(directory, "out")]);
  for (const { name, content } of entries) {
    const path = join(directory, "out", name);
    expect(readFileSync(path).equals(content), name).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(path).mtimeMs).toBe(TIME);
  }
});

test("a cluster file keeps its lines and loses its comments and secrets", () => {
  const clean = cleanConfig(
    [
      `cluster: web # root is ${SECRET}`,
      `# ${SECRET}`,
      "monitors:",
      `  db: { command: [mysqladmin, --password, ${SECRET}, ping] }`,
      `  api: { http: "http://user:${SECRET}@192.0.2.1/#top", every: 5s }`,
      "  list:",
      "    command:",
      "      - check",
      "      - --token",
      `      - ${SECRET}`,
      `  env: { command: [env, "DB_PASSWORD=${SECRET}", run] }`,
      "  hash: { command: [echo, 'a # b'] }",
    ].join("\n"),
  );
  expect(clean).not.toContain(SECRET);
  expect(clean.split("\n")).toHaveLength(12);
  expect(clean).toContain("mysqladmin");
  expect(clean).toContain("@192.0.2.1/#top");
  expect(clean).toContain("'a # b'");
});

/** Everything that a node has, with a secret wherever one can be. */
function plant(): { configFile: string; stateDir: string; runtimeDir: string; key: string } {
  const at = (name: string) => join(directory, name);
  const key = "c0ffee".repeat(11).slice(0, 64);
  for (const folder of ["state", "run"]) mkdirSync(at(folder));
  writeFileSync(at("cluster.key"), key, { mode: 0o600 });
  writeFileSync(
    at("cluster.yaml"),
    `cluster: web # ${SECRET}\nkey: ${at("cluster.key")}\nnodes:\n  a: { address: 192.0.2.1 }\n  b: { address: 192.0.2.2 }\nmonitors:\n  db: { command: [ping, --password, ${SECRET}], every: 5s }\n`,
  );
  const event = { id: "a:1:1", by: "a", text: `db failed: password=${SECRET}`, facts: { detail: `token: ${SECRET}` } };
  writeFileSync(at("state/events.jsonl"), `${JSON.stringify(event)}\n{"torn ${SECRET.slice(0, 0)}`);
  writeFileSync(
    at("state/state.json"),
    JSON.stringify({ version: 1, epochs: { www: 16 }, wishes: [], password: SECRET }),
  );
  const stop = { argv: ["stop-db", "--password", SECRET], timeoutMs: 1_000 };
  writeFileSync(
    at("run/running.json"),
    JSON.stringify({ node: "a", resources: [{ resource: "db", stop }], addresses: [] }),
  );
  return { configFile: at("cluster.yaml"), stateDir: at("state"), runtimeDir: at("run"), key };
}

async function bundle(
  get: (path: string) => Promise<unknown>,
): Promise<{ files: Record<string, string>; key: string; file: string }> {
  const { key, ...planted } = plant();
  const file = join(directory, "bundle.tar.gz");
  const parts = partsOf({ version: "1.0.0", ...planted, since: TIME, get });
  await makeBundle({ file, folder: "understudy-a", parts, time: TIME, about: "Understudy on a" });
  return { files: unpack(file), key, file };
}

test("no secret that lies around a node is in its bundle, wherever it stands", async () => {
  process.env["UNDERSTUDY_TEST_PASSWORD"] = SECRET;
  try {
    const status = {
      nodes: [{ view: { monitors: [{ detail: `Authorization: Bearer ${SECRET}` }], config: "ab".repeat(32) } }],
    };
    const { files, key, file } = await bundle((path) => Promise.resolve({ path, status, token: SECRET }));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(Object.keys(files)).toEqual(
      expect.arrayContaining(
        [
          "MANIFEST",
          "cluster.yaml",
          "check.json",
          "status.json",
          "events.json",
          "state/events.jsonl",
          "state/running.json",
        ].map((name) => `understudy-a/${name}`),
      ),
    );
    for (const [name, text] of Object.entries(files)) {
      expect(text, name).not.toContain(SECRET);
      expect(text, name).not.toContain(key);
    }
    expect(files["understudy-a/state/events.jsonl"]).toContain("db failed");
    expect(files["understudy-a/state/running.json"]).toContain("stop-db");
    expect(files["understudy-a/MANIFEST"]).toMatch(/cluster\.yaml {2}\d+ bytes {2}cluster file \(\d places left out\)/);
  } finally {
    delete process.env["UNDERSTUDY_TEST_PASSWORD"];
  }
});

test("with the daemon dead the bundle holds what the disk has, and says why the rest is missing", async () => {
  const { files } = await bundle(() => Promise.reject(new Error("no daemon listens on /run/understudy")));
  const manifest = files["understudy-a/MANIFEST"] ?? "";
  expect(manifest).toContain("missing  state of the cluster, from the daemon: no daemon listens on");
  expect(manifest).toMatch(/missing {2}recorded inputs, for `understudy replay`: /);
  expect(files["understudy-a/state/events.jsonl"]).toContain("db failed");
  expect(files["understudy-a/status.json"]).toBeUndefined();
});

test("a part that hangs is left out after its time, and a text that is too long keeps its end", async () => {
  const hanging: Part = { title: "hangs", collect: () => new Promise(() => {}) };
  expect((await collectPart(hanging, 30)).missing).toBe("it was not had within 0.03 s");
  const long: Part = {
    title: "long",
    collect: () => Promise.resolve([{ name: "x", content: `${"x".repeat(TEXT_LIMIT_BYTES)}end` }]),
  };
  const [file] = (await collectPart(long)).files;
  expect(file?.isCut).toBe(true);
  expect(file?.content.length).toBe(TEXT_LIMIT_BYTES);
  expect(file?.content.subarray(-3).toString()).toBe("end");
});

test("a file that is there already is not touched", async () => {
  const file = join(directory, "taken");
  writeFileSync(file, "mine");
  await expect(makeBundle({ file, folder: "f", parts: [], time: TIME, about: "" })).rejects.toThrow("EEXIST");
  expect(readFileSync(file, "utf8")).toBe("mine");
});
