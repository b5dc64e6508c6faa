/** What the daemons recorded is enough to see afterwards why they did what they did, and to report it. */

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { pause, until } from "../clock.ts";
import { type Lab, withLab } from "../lab.ts";
import type { CommandOutput } from "../member.ts";
import { packageRoot } from "../plan.ts";
import { expectNeverTwo, expectNoMove, watchSite } from "./site.fixture.ts";

test("after the holder was killed, the recordings of both nodes replay to the same decisions, the takeover among them", async () => {
  await withLab({}, async (lab) => {
    const { holder, standby, client } = await watchSite(lab);
    await pause(2_000);
    const fromMs = await lab.node(holder).killDaemon();
    await client.pageAfter(fromMs, { from: standby });
    await pause(3_000);
    const taker = await lab.understudy(standby, ["replay", lab.node(standby).paths.stateDirectory]);
    expect(taker.stderr).toBe("");
    expect(taker.stdout).toMatch(new RegExp(`${holder} is dead|PEER_DEAD`));
    expect(taker.stdout).toContain("GROUP_TAKEN");
    expect(taker.stdout).toContain(`because=${holder} is dead`);
    expect(taker.stdout).toMatch(/the same \d+ decisions/);
    expect(taker.code).toBe(0);
    const dead = await lab.understudy(standby, ["replay", lab.node(holder).paths.stateDirectory, "--json"]);
    const lines = dead.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.at(-1)).toMatchObject({ kind: "summary", ok: true });
    expect(lines.some((line) => line["reason"] === "GROUP_TAKEN")).toBe(true);
    expect(dead.code).toBe(0);
    await expectNeverTwo(lab, fromMs);
  });
});

test("a full disk stops the recording, which is told once, and nothing else", async () => {
  await withLab({ stateDiskBytes: 4_194_304 }, async (lab) => {
    const site = await watchSite(lab);
    const { holder } = site;
    const fromMs = await lab.call("fillDisk", { node: holder });
    const told = async (): Promise<string[]> => {
      const { stdout } = await lab.understudy(holder, ["events", "--json"]);
      return stdout.split("\n").filter((line) => line.includes("RECORDING_STOPPED"));
    };
    await until("the stopped recording is told", async () => (await told()).length > 0, { limitMs: 60_000 });
    await pause(5_000);
    expect(await told()).toHaveLength(1);
    await expectNoMove(lab, site, fromMs);
    const before = await onNode(lab, holder, ["replay", lab.node(holder).paths.stateDirectory]);
    expect(before.stdout).toMatch(/the same \d+ decisions/);
    expect(before.code).toBe(0);
  });
});

/** Runs an Understudy command on the node, with its disk and in its network. */
function onNode(lab: Lab, name: string, argv: readonly string[]): Promise<CommandOutput> {
  const { runtimeDirectory } = lab.node(name).paths;
  const program = [process.execPath, join(packageRoot, "src/cli/main.ts"), "--runtime-dir", runtimeDirectory];
  return lab.node(name).run([...program, ...argv], { timeoutMs: 30_000 });
}

/** Makes a bundle on the node, in its own network, and unpacks it; answers its files' texts by name. */
async function bundleOf(lab: Lab, name: string, into: string): Promise<(file: string) => string> {
  const { paths } = lab.node(name);
  mkdirSync(into);
  const file = join(into, "bundle.tar.gz");
  const sources = ["--config", paths.clusterFile, "--state-dir", paths.stateDirectory, "--since", "1h"];
  const made = await onNode(lab, name, ["bundle", "--output", file, ...sources]);
  expect(made.code, made.stderr).toBe(0);
  expect(made.stdout).toContain("addresses, names");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  execFileSync("tar", ["-xzf", file, "-C", into, "--strip-components=1"]);
  return (each) => readFileSync(join(into, each), "utf8");
}

test("a bundle of a living daemon holds everything, one of a dead daemon what is left, and its recordings replay", async () => {
  const directory = mkdtempSync(join(tmpdir(), "understudy-bundles-"));
  try {
    await withLab({}, async (lab) => {
      const { holder, standby } = await watchSite(lab);
      await pause(2_500);
      const living = await bundleOf(lab, standby, join(directory, "living"));
      const manifest = living("MANIFEST");
      // Without a service manager in the lab there is nothing to ask about the unit.
      const missing = manifest.split("\n").filter((line) => line.startsWith("missing") && !line.includes("systemctl"));
      expect(missing.filter((line) => !line.includes("journalctl"))).toEqual([]);
      expect(JSON.parse(living("status.json"))).toMatchObject({ answeredBy: standby });
      expect(living("kernel/nft.txt")).toContain("table inet understudy");
      expect(living("kernel/addresses.txt")).toContain(lab.node(standby).plan.cables[0]?.mac ?? "no address");
      expect(JSON.parse(living("check.json"))).toMatchObject({ ok: true });
      const key = readFileSync(lab.node(standby).paths.keyFile);
      const search = spawnSync("grep", ["-rlF", "-e", key.toString().trim(), join(directory, "living")]);
      // 1: found nowhere.
      expect([search.status, search.stdout.toString()]).toEqual([1, ""]);
      await lab.node(holder).killDaemon();
      await pause(500);
      const dead = await bundleOf(lab, holder, join(directory, "dead"));
      expect(dead("MANIFEST")).toContain("missing  state of the cluster, from the daemon: no daemon listens on");
      expect(dead("state/events.jsonl")).toContain("GROUP_TAKEN");
      for (const each of ["living", "dead"]) {
        const again = await lab.understudy(standby, ["replay", join(directory, each)]);
        expect(again.stdout).toMatch(/the same \d+ decisions/);
        expect(again.code, again.stderr).toBe(0);
      }
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
