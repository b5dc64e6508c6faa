import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, test } from "vitest";

import { withDirectory } from "./fixtures/pretended.ts";
import { withoutBalancer } from "./heart-config.ts";
import { loadApart } from "./load-apart.ts";

/** A cluster whose site needs a certificate that is not there. */
async function withFile(use: (options: Parameters<typeof loadApart>[0]) => Promise<void>): Promise<void> {
  await withDirectory(async (directory) => {
    const key = join(directory, "cluster.key");
    await writeFile(key, `${"k".repeat(43)}=\n`);
    await chmod(key, 0o600);
    const configFile = join(directory, "cluster.yaml");
    const text = `cluster: demo
key: ${key}
nodes: { srv1: { address: 192.0.2.11 }, srv2: { address: 192.0.2.12 } }
groups: { www: { resources: [{ vip: 192.0.2.10/24 }] } }
balancer:
  sites:
    example.com: { listen: { port: 443, tls: true }, tls: { certificates: ${directory}/missing.pem }, pool: apache }
  pools: { apache: { members: { srv1: { port: 8000 } } } }
`;
    await writeFile(configFile, text);
    await use({ configFile, node: "srv1", stateDir: directory, runtimeDir: directory });
  });
}

test("a lost certificate does not keep a daemon from starting, but refuses a reload with its place", async () => {
  await withFile(async (options) => {
    expect(await loadApart(options)).toMatchObject({ ok: true });
    expect(await loadApart({ ...options, withBalancerFiles: true })).toMatchObject({
      ok: false,
      problems: expect.arrayContaining([
        expect.objectContaining({ code: "FILE_MISSING", severity: "error", at: expect.objectContaining({ line: 7 }) }),
      ]),
    });
  });
});

test("the heart is told of the balancer's monitor and not of its members", async () => {
  await withFile(async (options) => {
    const loaded = await loadApart(options);
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
    const { config } = loaded.value;
    expect(config.balancer?.pools).toHaveLength(1);
    const told = withoutBalancer(config);
    expect(told).not.toHaveProperty("balancer");
    expect(told.groups[0]?.requires).toEqual(told.monitors.map(({ name }) => name));
    expect(told.monitors).toMatchObject([{ check: { kind: "balancer" } }]);
  });
});
