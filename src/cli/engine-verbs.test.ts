/** `render` and `diff` as they are called: the real program, with and without a daemon. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, test } from "vitest";

import { withDirectory } from "../daemon/fixtures/pretended.ts";
import { parseCluster } from "../core/config/parse.ts";
import { wantedOf } from "../core/balancer/wanted.ts";
import { understudy, withDaemon } from "./fixtures/pretended-daemon.ts";
import { balancerView, memberView, poolsAnswer, poolView } from "./fixtures/pretended-pools.ts";

const FILE = `cluster: web
key: /etc/understudy/cluster.key
gateways: [192.0.2.1]
nodes:
  srv1: { address: 192.0.2.11, links: [10.0.0.11] }
  srv2: { address: 192.0.2.12, links: [10.0.0.12] }
groups:
  www: { resources: [{ vip: 192.0.2.10/24 }] }
`;
const BALANCED = `${FILE}balancer:
  sites:
    example.com: { listen: 80, pool: apache, body-limit: 30MB }
  pools:
    apache:
      members: { srv1: 10.0.0.11:8000, srv2: 10.0.0.12:8000 }
      check: { http: "HEAD /check.txt", every: 2s, fall: 3, rise: 2 }
`;

/** The file on disk, and the program beside it. */
async function withFiles(
  files: Readonly<Record<string, string>>,
  use: (path: (name: string) => string) => Promise<void>,
): Promise<void> {
  await withDirectory(async (directory) => {
    for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
    await use((name) => join(directory, name));
  });
}

function configOf(text: string) {
  const parsed = parseCluster(text, "cluster.yaml");
  if (!parsed.ok) throw new Error(parsed.problems.map(({ message }) => message).join("; "));
  return parsed.value.config;
}

test.concurrent("render refuses what cannot be rendered, and says why", async () => {
  const sticky = BALANCED.replace("      check:", "      sticky: { cookie: SERVERID }\n      check:");
  await withFiles({ "plain.yaml": FILE, "sticky.yaml": sticky }, async (path) => {
    const [wrong, missing, plain, lacking] = await Promise.all([
      understudy("render", "apache"),
      understudy("render", "haproxy", "--config", path("none.yaml")),
      understudy("render", "haproxy", "--config", path("plain.yaml")),
      understudy("render", "nginx", "--config", path("sticky.yaml"), "--json"),
    ]);
    expect(wrong.code).toBe(2);
    expect([missing.code, missing.err]).toEqual([2, expect.stringContaining("FILE_UNREADABLE")]);
    expect([plain.code, plain.err]).toEqual([1, expect.stringContaining("BALANCER_NONE")]);
    expect(lacking.code).toBe(1);
    const [problem] = JSON.parse(lacking.out).problems;
    expect(problem).toMatchObject({ code: "CONFIG_ENGINE_LACKS", at: { line: 15 }, expected: "engine: haproxy" });
  });
});

test.concurrent("diff of two files that mean the same ends with 0, and trouble with 2", async () => {
  await withFiles(
    { "a.yaml": BALANCED, "b.yaml": `# the same\n${BALANCED}`, "bad.yaml": "clutser: x\n" },
    async (path) => {
      const [same, bad, lost] = await Promise.all([
        understudy("diff", path("b.yaml"), "--config", path("a.yaml")),
        understudy("diff", path("bad.yaml"), "--config", path("a.yaml")),
        understudy("diff", path("a.yaml"), "--runtime-dir", path("nowhere")),
      ]);
      expect([same.code, same.out]).toEqual([0, expect.stringContaining("nothing changes: both mean the same")]);
      expect([bad.code, bad.out, bad.err]).toEqual([2, "", expect.stringContaining('did you mean "cluster"?')]);
      // There is neither a daemon nor the usual file.
      expect([lost.code, lost.err]).toEqual([2, expect.stringContaining("NO_DAEMON")]);
      expect(lost.err).toContain("FILE_UNREADABLE");
    },
  );
});

test.concurrent("render prints the files, each under its name, and exactly with --json", async () => {
  await withFiles({ "cluster.yaml": BALANCED }, async (path) => {
    const words = ["--config", path("cluster.yaml"), "--runtime-dir", "/run/somewhere"];
    const [text, json, nginx] = await Promise.all([
      understudy("render", "haproxy", ...words),
      understudy("render", "haproxy", ...words, "--json"),
      understudy("render", "nginx", ...words),
    ]);
    expect([text.code, text.err]).toEqual([0, ""]);
    expect(text.out).toMatch(/^==> \/run\/somewhere\/balancer\/live\/haproxy\.cfg <==\n/);
    expect(text.out).toMatch(/^ +server srv1 10\.0\.0\.11:8000 weight 100\b/m);
    const { files } = JSON.parse(json.out) as { files: { path: string; content: string }[] };
    for (const { content } of files) expect(text.out).toContain(content.trimEnd());
    expect([nginx.code, nginx.err]).toEqual([0, ""]);
    expect(nginx.out).toMatch(/^ +server 10\.0\.0\.11:8000 /m);
  });
});

test.concurrent("diff tells what a running daemon would do, and who would notice", async () => {
  await withDaemon(async (ask, daemon, directory) => {
    const config = configOf(BALANCED);
    const balancer = config.balancer;
    if (balancer === undefined) throw new Error("there is no balancer");
    const wanted = wantedOf(balancer);
    // An operator drained a member: that is no difference between files, and stays.
    const members = wanted.members.map((one) => (one.member === "srv2" ? { ...one, drain: "operator" as const } : one));
    const run = { node: "srv1", file: "/etc/understudy/cluster.yaml", hash: "c0ffee", config };
    daemon.run = { ...run, wanted: { ...wanted, members }, directory: "/run/understudy/balancer" };
    const busy = [memberView("srv1", { sessions: 4 }), memberView("srv2", { sessions: 2 })];
    daemon.pools = () => poolsAnswer({ srv1: balancerView("srv1", [poolView("apache", busy)]) });
    const diff = async (from: string, to: string, ...more: string[]) => {
      const file = join(directory, `${to.length}-${more.length}.yaml`);
      await writeFile(file, BALANCED.replace(from, to));
      return await ask("diff", file, ...more);
    };
    const [same, weight, limit, node, gone] = await Promise.all([
      diff("", ""),
      diff("srv1: 10.0.0.11:8000", "srv1: { address: 10.0.0.11:8000, weight: 30 }"),
      diff("30MB", "10MB"),
      diff("www: {", "web: {"),
      diff(", srv2: 10.0.0.12:8000", "", "--json"),
    ]);
    expect([same.code, same.err]).toEqual([0, ""]);
    expect([weight.code, weight.err]).toEqual([1, ""]);
    expect(weight.out).toContain("~  balancer.pools.apache.members.srv1.weight  100 -> 30");
    expect(weight.out).toMatch(/^-.* srv1 10\.0\.0\.11:8000 weight 100/m);
    expect(weight.out).toMatch(
      /^ {2}haproxy: by runtime commands, without a reload:\n {4}set weight apache\/srv1 30$/m,
    );
    expect(weight.out).toContain("nobody: no connection is cut");
    expect(limit.out).toMatch(/^ {2}haproxy: by one reload \(site example\.com changes: body limit\)$/m);
    expect(limit.out).toContain("(34 connections now)");
    expect(node.out).toContain("  groups.www goes away: whoever uses it is cut off");
    expect(node.out).toMatch(/^ {2}groups: the daemon restarts and keeps its leases/m);
    expect(JSON.parse(gone.out)).toMatchObject({ ok: true, changes: [{ path: "balancer.pools.apache.members.srv2" }] });
    expect(gone.out).toContain("(2 sessions now)");
  });
});
