/** Engines that hang, and engines that follow one another, under a whole daemon on the real kernel. */

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import type { BalancerView, ReloadAnswer } from "../../api/balancer.ts";
import type { EventRecord } from "../../api/types.ts";
import { until } from "../../lab/clock.ts";
import { withLab } from "../../lab/lab.ts";
import type { Lab } from "../../lab/lab.ts";

async function engine(lab: Lab, node: string): Promise<BalancerView> {
  return (await lab.ask(node, "GET", "/v1/balancer")) as BalancerView;
}

/** Process numbers of every program of this name on the node. */
async function processesOf(lab: Lab, node: string, program: string): Promise<string[]> {
  const list = `for f in /proc/[0-9]*/comm; do read c < $f && [ $c = ${program} ] && echo $f; done; true`;
  const { stdout } = await lab.node(node).run(["sh", "-c", list]);
  return [...stdout.matchAll(/\/proc\/(\d+)/g)].map(([, pid = ""]) => pid);
}

test("an engine that hangs is noticed in seconds, replaced, and its node is not eligible meanwhile", async () => {
  await withLab({ balancer: "haproxy" }, async (lab) => {
    const holder = await lab.calm();
    const before = await engine(lab, holder);
    const frozen = await processesOf(lab, holder, "haproxy");
    const frozenAt = Date.now();
    await lab.node(holder).run(["kill", "-STOP", ...frozen]);
    const after = await until(
      "another engine runs",
      async () => {
        const view = await engine(lab, holder);
        return view.state === "running" && view.pid !== before.pid && view.pid !== undefined ? view : undefined;
      },
      { limitMs: 20_000 },
    );
    expect(after.problems).toEqual([]);
    const told = ((await lab.ask(holder, "GET", `/v1/events?after=${frozenAt - 1}`)) as EventRecord[]).filter(
      ({ by }) => by === holder,
    );
    const died = told.find(({ reason }) => reason === "ENGINE_DIED");
    process.stderr.write(`hung engine: noticed after ${(died?.time ?? 0) - frozenAt} ms: ${died?.text ?? ""}\n`);
    expect((died?.time ?? Number.POSITIVE_INFINITY) - frozenAt).toBeLessThan(8_000);
    expect(told.map(({ reason }) => reason)).toEqual(expect.arrayContaining(["MONITOR_DOWN", "ENGINE_STARTED"]));
    const left = await processesOf(lab, holder, "haproxy");
    expect(left.filter((pid) => frozen.includes(pid))).toEqual([]);
  });
});

test("nginx under the daemon: killed and back, a dead member found by our checks, a drain kept", async () => {
  await withLab({ balancer: "nginx" }, async (lab) => {
    const holder = await lab.calm();
    const before = await engine(lab, holder);
    expect(before).toMatchObject({ engine: "nginx", state: "running", problems: [] });
    await until("its members are up", async () =>
      (await engine(lab, holder)).pools[0]?.members.every(({ health }) => health === "up"),
    );
    await lab.ask(holder, "POST", "/v1/balancer/drain", { member: "web/srv1", on: true, force: false });
    await lab.node("srv1").killWeb();
    const down = await until("the dead member is found", async () =>
      (await engine(lab, holder)).pools[0]?.members.find(({ health }) => health === "down"),
    );
    expect(down).toMatchObject({ member: "srv1", drain: "operator" });
    expect(await lab.page()).toBeDefined();
    const killedAt = Date.now();
    await lab.node(holder).run(["kill", "-9", String(before.pid)]);
    await until("another engine runs", async () => {
      const view = await engine(lab, holder);
      return view.state === "running" && view.pid !== undefined && view.pid !== before.pid;
    });
    process.stderr.write(`killed nginx: seen back after ${Date.now() - killedAt} ms\n`);
    expect((await engine(lab, holder)).pools[0]?.members[0]).toMatchObject({ drain: "operator" });
    await lab.calm();
  });
});

test("a cluster file with another engine is put into effect by a restart, and the former engine ends", async () => {
  await withLab({ balancer: "haproxy" }, async (lab) => {
    const holder = await lab.calm();
    const path = lab.node(holder).paths.clusterFile;
    const text = readFileSync(path, "utf8");
    writeFileSync(
      path,
      text.replace("engine: haproxy", "engine: nginx").replace(/\n *sticky:\n? *(cookie: SERVERID|\{.*\})/, ""),
    );
    const answer = (await lab.ask(holder, "POST", "/v1/reload", {})) as ReloadAnswer;
    expect(answer).toMatchObject({ ok: true, restarts: true, how: [expect.stringMatching(/^balancer: /)] });
    await until("nginx carries the traffic", async () => {
      const view = await engine(lab, holder).catch(() => undefined);
      return view?.engine === "nginx" && view.state === "running";
    });
    await until("haproxy is gone", async () => (await processesOf(lab, holder, "haproxy")).length === 0);
    await lab.calm();
  });
});

test("when all checks fail at once an alert says that they are not believed, and every page comes", async () => {
  for (const name of ["haproxy", "nginx"] as const) {
    await withLab({ balancer: name }, async (lab) => {
      const holder = await lab.calm();
      const pool = async () => (await engine(lab, holder)).pools[0];
      await until("all are up", async () => (await pool())?.members.every(({ health }) => health === "up"));
      const client = await lab.startClient({ everyMs: 20, isUnlimited: true });
      const files = lab.nodes.map(({ paths }) => join(paths.webDirectory, "check.txt"));
      const failedAt = Date.now();
      for (const file of files) rmSync(file);
      await until("the checks are not believed", async () => (await pool())?.servingAll === true);
      expect((await pool())?.members.map(({ health }) => health)).toEqual(["down", "down"]);
      const status = await lab.status(holder);
      expect(status.problems.map(({ code }) => code)).toContain("POOL_SUSPECTED");
      for (const file of files) writeFileSync(file, "well\n");
      await until("they are believed again", async () => (await pool())?.servingAll === false);
      const told = ((await lab.ask(holder, "GET", `/v1/events?after=${failedAt}`)) as EventRecord[]).filter(
        ({ by, reason }) => by === holder && reason.startsWith("POOL_"),
      );
      expect(told.map(({ severity, reason }) => `${severity} ${reason}`)).toEqual([
        "alert POOL_SUSPECTED",
        "info POOL_TRUSTED",
      ]);
      const failed = (await client.tries(0)).filter(({ ok }) => !ok);
      expect(failed).toEqual([]);
      await client.stop();
    });
  }
});
