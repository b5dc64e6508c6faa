/** The verbs about the balancer as an operator uses them, on real engines, with what they print. */

import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { until } from "../clock.ts";
import { type BalancedSite, withBalancedSite } from "./balanced-site.fixture.ts";

const ENGINES = ["haproxy", "nginx"] as const;

/** The node's own cluster file with one thing replaced, beside it. */
function changedFile(site: BalancedSite, change: (text: string) => string): string {
  const { clusterFile } = site.lab.node("srv1").paths;
  const path = `${clusterFile}.new`;
  const text = readFileSync(clusterFile, "utf8");
  writeFileSync(path, change(text));
  expect(readFileSync(path, "utf8")).not.toBe(text);
  return path;
}

/** A row of a table by its first word, as words. */
function row(text: string, first: string): string[] {
  const line = text.split("\n").find((one) => one.startsWith(`${first} `));
  return line === undefined ? [] : line.split(/ {2,}/);
}

// One lab for all of it: building labs takes most of the time.
test.each(ENGINES)("%s: the verbs do what they say, and say what they do", { timeout: 120_000 }, async (engine) => {
  await withBalancedSite({ engine }, async (site) => {
    await tellAndDrain(site, engine);
    await standby(site);
    await renderDiffReload(site, engine);
  });
});

type EngineName = (typeof ENGINES)[number];

/** status, pools and why tell what runs, and a drain what remains. */
async function tellAndDrain(site: BalancedSite, engine: EngineName): Promise<void> {
  const { lab } = site;
  await site.startLoad({ perSecond: 50, newConnections: 0.5 });
  await site.answers(50);

  const status = await site.command("srv2", "status");
  expect(status).toMatch(new RegExp(`^srv1 +${engine} [0-9.]+ +running +[1-9]`, "m"));
  expect(status).toMatch(/^web +\d+ +2 of 2 up$/m);
  const pools = await site.command("srv2", "pools", "web");
  expect(row(pools, "web/srv1").slice(0, 4)).toEqual(["web/srv1", "10.0.0.11:8000", "up", "100"]);
  expect(await site.command("srv1", "why", "www")).toMatch(/^ +srv2 +balancer +up/m);

  // Somebody reads slowly; he is what remains.
  const reader = site.ask("/slow?ms=3000", {});
  await until("the slow request is at a member", async () => (await sessions(site)) > 0, {
    everyMs: 50,
    limitMs: 5_000,
  });
  const wrong = await lab.understudy("srv1", ["drain", "web/srv3"]);
  expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringMatching(/did you mean "web\/srv[12]"/)]);
  expect(await site.command("srv1", "drain", "web/srv2")).toMatch(/web\/srv2.*\n.*remain/);
  if (engine === "haproxy") {
    // Those who have its cookie come back.
    const sticky = await lab.understudy("srv1", ["drain", "srv2", "--wait", "--quiet", "1s", "--timeout", "3s"]);
    expect(sticky.code).toBe(1);
    expect(sticky.stderr).toMatch(
      /DRAIN_NOT_FINISHED .*requests? of its visitors came meanwhile; web\/srv2 stays drained/,
    );
  }
  await site.visitors.call("stopLoad");
  const waited = await lab.understudy("srv1", ["drain", "srv2", "--wait", "--quiet", "1s", "--timeout", "15s"]);
  expect(waited).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/web\/srv2: nothing remains, after \d+s\n$/),
  });
  await reader;
  for (const node of ["srv1", "srv2"]) {
    expect(row(await site.command(node, "pools"), "web/srv2")[2]).toBe("draining");
  }
  const last = await lab.understudy("srv2", ["drain", "srv1"]);
  expect([last.code, last.stderr]).toEqual([1, expect.stringContaining("DRAIN_LAST_MEMBER")]);
  await site.command("srv2", "undrain", "srv2");
  await site.command("srv2", "weight", "srv2", "7");
  expect(row(await site.command("srv1", "pools"), "web/srv2").slice(2, 4)).toEqual(["up", "7"]);
  await site.command("srv1", "weight", "web/srv2", "file");
  expect(row(await site.command("srv2", "pools"), "web/srv2").slice(2, 4)).toEqual(["up", "100"]);
}

/** In progress now, at all members. */
async function sessions(site: BalancedSite): Promise<number> {
  const answer = JSON.parse(await site.command("srv1", "pools", "--json"));
  return answer.nodes
    .flatMap(({ view }: { view: { pools: { members: { sessions: number }[] }[] } }) => view.pools)
    .flatMap(({ members }: { members: { sessions: number }[] }) => members)
    .reduce((sum: number, member: { sessions: number }) => sum + member.sessions, 0);
}

/** standby drains the node's members on all engines, and online ends it. */
async function standby(site: BalancedSite): Promise<void> {
  const standby = await site.command("srv1", "standby", "srv2", "--wait", "--quiet", "500ms");
  expect(standby).toMatch(/web\/srv2: nothing remains\n$/);
  for (const node of ["srv1", "srv2"])
    expect(row(await site.command(node, "pools"), "web/srv2").at(-1)).toContain("srv2 is in standby");
  const last = await site.command("srv1", "standby", "srv1");
  expect(last).toContain("web/srv1: still taking new visitors, because nobody else of the pool could");
  await site.command("srv1", "online", "srv1");
  await site.command("srv1", "online", "srv2");
  await until("both members are up", async () => /^web +\d+ +2 of 2 up$/m.test(await site.command("srv1", "status")), {
    everyMs: 200,
    limitMs: 10_000,
  });
}

/** render prints what runs, diff what would change, and reload does it. */
async function renderDiffReload(site: BalancedSite, engine: EngineName): Promise<void> {
  const { lab } = site;
  const { clusterFile } = lab.node("srv1").paths;
  const { files } = JSON.parse(await site.command("srv1", "render", engine, "--config", clusterFile, "--json"));
  expect(files.length).toBeGreaterThan(0);
  for (const { path, content } of files as { path: string; content: string }[]) {
    // nginx' live file also says which of them it is.
    const text = readFileSync(path, "utf8");
    const [, stamp] = /return 200 ([0-9a-f]{16});/.exec(text) ?? [];
    const live = stamp === undefined ? text : text.replaceAll(stamp, "by-hand");
    expect(live).toBe(content);
  }

  expect(await lab.understudy("srv1", ["diff", clusterFile])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("nothing changes"),
  });
  const limit = changedFile(site, (text) => text.replace(/(\n +)pool: "?web"?/, '$&$1body-limit: "10MB"'));
  const differs = await lab.understudy("srv1", ["diff", limit]);
  expect(differs.code, differs.stderr).toBe(1);
  expect(differs.stdout).toMatch(/\+ +balancer\.sites\.lab\.test\.body-limit +10MB/);
  expect(differs.stdout).toMatch(/^\+.*(10485760|10m)/m);
  expect(differs.stdout).toMatch(new RegExp(`${engine}: by one reload`));

  site.write((balancer) => {
    const [lab] = Object.values(balancer.sites);
    if (lab !== undefined) lab["body-limit"] = "10MB";
  });
  expect(await site.command("srv1", "reload")).toMatch(/^balancer: by one reload/);
  expect(await site.command("srv1", "reload")).toMatch(/^nothing changed/);
  expect((await lab.understudy("srv1", ["diff", clusterFile])).code).toBe(0);
  // srv2 was not told yet: the engines' configs differ, and that is told.
  expect(await site.command("srv1", "pools")).toContain("BALANCER_DIFFERS");

  site.writeText((text) => text.replace("pools:", "polls:"));
  const refused = await lab.understudy("srv1", ["reload"]);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('did you mean "pools"?')]);
  expect((await site.ask("/")).status).toBe(200);
}
