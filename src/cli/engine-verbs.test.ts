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
