import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

const program = new URL("../main.ts", import.meta.url).pathname;
let folder = "";
let key = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "check-"));
  key = join(folder, "cluster.key");
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function understudy(...args: string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    encoding: "utf8",
    timeout: 20_000,
  });
  return { code: status, out: stdout, err: stderr };
}

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const legal = (keyFile: string) =>
  `cluster: web\nkey: ${keyFile}\ngateways: [192.0.2.1]\nnodes:\n  a: { address: 192.0.2.11, links: [10.0.0.11] }\n  b: { address: 192.0.2.12, links: [10.0.0.12] }\n`;

test("a made key and a legal file are fine, and the timing is shown with its numbers", () => {
  expect(understudy("keygen", key)).toMatchObject({ code: 0, err: "" });
  const { code, out, err } = understudy("check", write("good.yaml", legal(key)));
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toContain("interval 100ms + evidence 120ms + margin 30ms = 250ms");
  expect(out).toContain("cluster web, 2 nodes, 0 groups: fine");
});

test("a second keygen is refused and a key that others can read is an error with the fix named", () => {
  expect(understudy("keygen", key)).toMatchObject({ code: 1, out: "" });
  chmodSync(key, 0o644);
  const { code, err } = understudy("check", write("good.yaml", legal(key)));
  chmodSync(key, 0o600);
  expect(code).toBe(1);
  expect(err).toContain(`chmod 600 ${key}`);
});

test("a key that is not on this machine is a warning", () => {
  const { code, err } = understudy("check", write("good.yaml", legal("/nowhere/cluster.key")));
  expect(code).toBe(0);
  expect(err).toContain("understudy keygen /nowhere/cluster.key");
});

test("errors are drawn with their line and end with 1", () => {
  const file = write("bad.yaml", legal(key).replace("nodes", "nodse"));
  const { code, out, err } = understudy("check", file);
  expect({ code, out }).toEqual({ code: 1, out: "" });
  expect(err).toContain(`${file}:4:1  CONFIG_UNKNOWN_KEY`);
  expect(err).toContain('^^^^^  did you mean "nodes"?');
});

test("as JSON the same is one object on standard output", () => {
  const good = understudy("check", "--json", write("good.yaml", legal(key)));
  expect({ code: good.code, err: good.err }).toEqual({ code: 0, err: "" });
  expect(JSON.parse(good.out)).toMatchObject({ ok: true, cluster: "web", timing: { takerWaitsMs: 250 }, problems: [] });
  const bad = understudy("check", "--json", write("bad.yaml", "cluster: web\n"));
  expect(bad.code).toBe(1);
  expect(JSON.parse(bad.out)).toMatchObject({ ok: false, problems: [{ code: "CONFIG_MISSING", at: { line: 1 } }] });
});

test.each([[["check"]], [["check", "/nowhere/cluster.yaml"]], [["check", "--wrong", "x"]], [["keygen"]]])(
  "%j is a wrong use and ends with 2",
  (args) => {
    expect(understudy(...args).code).toBe(2);
  },
);

test("a balancer is told in short, as text and as JSON", () => {
  const balanced = `${legal(key)}groups: { www: { resources: [{ vip: 192.0.2.10/24 }] } }
balancer:
  sites: { example.com: { listen: 80, pool: apache } }
  pools: { apache: { members: { a: 10.0.0.11:8000, b: 10.0.0.12:8000 } } }
`;
  const file = write("balanced.yaml", balanced);
  const { code, out, err } = understudy("check", file);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toContain("  example.com  http 80 on 192.0.2.10  -> apache\n");
  expect(out).toContain("cluster web, 2 nodes, 1 group, 1 site, 1 pool: fine");
  const json = JSON.parse(understudy("check", "--json", file).out);
  expect(json).toMatchObject({ ok: true, balancer: { engine: "haproxy", sites: 1, pools: 1 } });
});
