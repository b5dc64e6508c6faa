/** The daemon and a real engine on the real kernel: what an operator sees when either of them dies or is told something. */

import { readFileSync, writeFileSync } from "node:fs";

import { expect, test } from "vitest";
import { parse } from "yaml";

import type { BalancerView, PoolsAnswer, ReloadAnswer } from "../../api/balancer.ts";
import type { EventRecord } from "../../api/types.ts";
import { until } from "../../lab/clock.ts";
import { FAULTS } from "../../lab/faults/catalog.ts";
import { withLab } from "../../lab/lab.ts";
import type { Lab } from "../../lab/lab.ts";

async function engine(lab: Lab, node: string): Promise<BalancerView> {
  return (await lab.ask(node, "GET", "/v1/balancer")) as BalancerView;
}

async function events(lab: Lab, node: string, after = 0): Promise<EventRecord[]> {
  const all = (await lab.ask(node, "GET", `/v1/events?after=${after}`)) as EventRecord[];
  return all.filter(({ by }) => by === node);
}

function otherThan(lab: Lab, node: string): string {
  return lab.nodes.find(({ name }) => name !== node)?.name ?? node;
}

/** The member's drain as each node's engine has it; undefined where no engine answers. */
async function drains(lab: Lab, node: string, member: string): Promise<(string | undefined)[]> {
  const { nodes } = (await lab.ask(node, "GET", "/v1/pools")) as PoolsAnswer;
  return nodes.map(({ view }) => view?.pools[0]?.members.find((one) => one.member === member)?.drain);
}

async function runningEngines(lab: Lab, node: string): Promise<number[]> {
  const { stdout } = await lab
    .node(node)
    .run(["sh", "-c", "for f in /proc/[0-9]*/comm; do read c < $f && [ $c = haproxy ] && echo $f; done; true"]);
  return [...stdout.matchAll(/(\d+)/g)].map(([, pid]) => Number(pid));
}

test("a killed engine is back within a second, its node is not eligible meanwhile, and the group moves", async () => {
  await withLab({ balancer: "haproxy" }, async (lab) => {
    const holder = await lab.calm();
    const before = await engine(lab, holder);
    expect(before).toMatchObject({ state: "running", engine: "haproxy", problems: [] });
    const killedAt = Date.now();
    await FAULTS.engine.inflict(lab.node(holder));
    const after = await until("another engine runs", async () => {
      const view = await engine(lab, holder);
      return view.state === "running" && view.pid !== undefined && view.pid !== before.pid ? view : undefined;
    });
    expect(after.problems).toEqual([]);
    const told = await until("all is told", async () => {
      const list = await events(lab, holder, killedAt - 1);
      return list.filter(({ reason }) => reason === "MONITOR_UP").length > 0 ? list : undefined;
    });
    const at = (reason: string): number => told.find((one) => one.reason === reason)?.time ?? Number.NaN;
    const noticedMs = at("ENGINE_DIED") - killedAt;
    const awayMs = at("ENGINE_STARTED") - at("ENGINE_DIED");
    process.stderr.write(
      `killed engine: noticed after ${noticedMs} ms (with the way of the kill), away ${awayMs} ms\n`,
    );
    expect(awayMs).toBeLessThan(1_000);
    expect(at("MONITOR_DOWN")).toBeLessThanOrEqual(at("MONITOR_UP"));
    // Failback is never: the group stays where it went.
    await until("the group moved", async () => (await lab.view(holder)).groups[0]?.holder === otherThan(lab, holder));
    expect(await lab.calm()).toBe(otherThan(lab, holder));
  });
});

test("the engine outlives a killed daemon, and the next one adopts it; an orderly end takes it along", async () => {
  await withLab({ balancer: "haproxy" }, async (lab) => {
    const holder = await lab.calm();
    const { pid } = await engine(lab, holder);
    await lab.node(holder).killDaemon();
    await until("the daemon is gone", async () => (await lab.node(holder).processes()).length === 0);
    await lab.node(holder).startDaemon();
    await lab.calm();
    expect((await engine(lab, holder)).pid).toBe(pid);
    const reasons = (await events(lab, holder)).map(({ reason }) => reason);
    expect(reasons).toContain("ENGINE_ADOPTED");
    await lab.node(holder).stopDaemon();
    await until("the engine is gone", async () => (await runningEngines(lab, holder)).length === 0);
    expect((await lab.node(holder).run(["ls", "-A", lab.node(holder).paths.runtimeDirectory])).stdout.trim()).toBe("");
  });
});

test("a drain is in effect on all nodes at once and kept over restart, takeover and loss of power", async () => {
  await withLab({ balancer: "haproxy" }, async (lab) => {
    const holder = await lab.calm();
    const other = otherThan(lab, holder);
    const answer = await lab.ask(holder, "POST", "/v1/balancer/drain", { member: "web/srv1", on: true, force: false });
    expect(answer).toEqual({ ok: true, node: holder, detail: "web/srv1 drains" });
    expect(await drains(lab, holder, "srv1")).toEqual(["operator", "operator"]);
    await lab.node(holder).powerOff();
    await until("the other serves", async () => (await lab.view(other)).groups[0]?.role === "holding");
    expect((await drains(lab, other, "srv1")).filter(Boolean)).toEqual(["operator"]);
    await lab.node(holder).powerOn();
    await lab.calm();
    expect(await drains(lab, other, "srv1")).toEqual(["operator", "operator"]);
    const before = await lab.view(other);
    await lab.call("signal", { node: other, program: "daemon", signal: "SIGHUP" });
    await until("the next self answers", async () => {
      const view = await lab.view(other).catch(() => undefined);
      return view !== undefined && view.incarnation !== before.incarnation;
    });
    await until("its engine runs", async () => (await engine(lab, other)).state === "running");
    expect(await drains(lab, other, "srv1")).toEqual(["operator", "operator"]);
  });
});

test("when the others die, a drained member that answers serves until one is back, with an alert", async () => {
  for (const name of ["haproxy", "nginx"] as const) {
    await withLab({ balancer: name }, async (lab) => {
      const holder = await lab.calm();
      const member = async (which: string) =>
        (await engine(lab, holder)).pools[0]?.members.find((one) => one.member === which);
      await until("all are up", async () => (await member("srv1"))?.health === "up");
      await until("all are up", async () => (await member("srv2"))?.health === "up");
      await lab.ask(holder, "POST", "/v1/balancer/drain", { member: "web/srv1", on: true, force: false });
      await FAULTS.web.inflict(lab.node("srv2"));
      await until("srv1 serves", async () => (await member("srv1"))?.drain === undefined);
      await until("a page of srv1 comes", async () => (await lab.page()) === "srv1");
      expect((await engine(lab, holder)).problems.map(({ code }) => code)).toContain("DRAIN_RESTS");
      const told = (await events(lab, holder)).filter(({ reason }) => reason === "DRAIN_RESTS");
      expect(told).toMatchObject([{ severity: "alert" }]);
      await lab.node("srv2").startWeb();
      await until("srv1 drains again", async () => (await member("srv1"))?.drain === "operator");
      await until("a page of srv2 comes", async () => (await lab.page()) === "srv2");
      const pages = await Promise.all(Array.from({ length: 6 }, () => lab.page()));
      expect(new Set(pages)).toEqual(new Set(["srv2"]));
      expect((await events(lab, holder)).map(({ reason }) => reason)).toContain("DRAIN_COUNTS");
    });
  }
});

test("wishes stated on both sides of a split count on all nodes afterwards, and a drain wins over its end", async () => {
  await withLab({ balancer: "haproxy" }, async (lab) => {
    const holder = await lab.calm();
    const other = otherThan(lab, holder);
    const wish = (node: string, member: string, on: boolean) =>
      lab.ask(node, "POST", "/v1/balancer/drain", { member: `web/${member}`, on, force: true }) as Promise<{
        detail: string;
      }>;
    await lab.node(other).cut({ carrier: false });
    await until("the split is seen", async () => (await lab.view(holder)).peers[0]?.state === "dead");
    expect((await wish(holder, holder, false)).detail).toContain(`not heard by ${other}`);
    expect((await wish(other, holder, true)).detail).toContain(`not heard by ${holder}`);
    expect((await wish(other, other, true)).detail).toContain(`not heard by ${holder}`);
    expect(await drains(lab, holder, holder)).toContain(undefined);
    await lab.node(other).healCables();
    for (const member of [holder, other]) {
      const all = ["operator", "operator"];
      await until(`${member} drains everywhere`, async () => {
        const found = await drains(lab, holder, member);
        return JSON.stringify(found) === JSON.stringify(all);
      });
    }
    await lab.calm();
  });
});

test("a standby drains the node's member on all engines, its end brings it back", async () => {
  await withLab({ balancer: "haproxy" }, async (lab) => {
    const holder = await lab.calm();
    const other = otherThan(lab, holder);
    await lab.ask(holder, "POST", "/v1/requests", { verb: "standby", node: other });
    await until("it drains everywhere", async () =>
      (await drains(lab, holder, other)).every((one) => one === "standby"),
    );
    expect((await drains(lab, holder, holder)).filter(Boolean)).toEqual([]);
    await lab.ask(holder, "POST", "/v1/requests", { verb: "online", node: other });
    await until("it is back", async () => (await drains(lab, holder, other)).every((one) => one === undefined));
  });
});

test("a wrong cluster file is refused whole, a changed balancer goes live, and the rest by a restart", async () => {
  await withLab({ balancer: "haproxy" }, async (lab) => {
    const holder = await lab.calm();
    const path = lab.node(holder).paths.clusterFile;
    const good = readFileSync(path, "utf8");
    const before = await engine(lab, holder);
    const reload = async (text: string): Promise<ReloadAnswer> => {
      writeFileSync(path, text);
      try {
        return (await lab.ask(holder, "POST", "/v1/reload", {})) as ReloadAnswer;
      } catch (error) {
        return JSON.parse(/409 (\{.*\})$/s.exec((error as Error).message)?.[1] ?? "null") as ReloadAnswer;
      }
    };
    const file = parse(good) as {
      balancer: { pools: { web: { members: Record<string, unknown> } } };
      groups: { www: object };
    };
    const changed = (change: (copy: typeof file) => void): string => {
      const copy = structuredClone(file);
      change(copy);
      return JSON.stringify(copy);
    };
    const broken = await reload(good.replace("members:", "membres:"));
    expect(broken).toMatchObject({ ok: false, problems: [{ at: { line: expect.any(Number) } }] });
    expect(await engine(lab, holder)).toMatchObject({ pid: before.pid, configHash: before.configHash, reloads: 0 });

    const live = await reload(changed((copy) => (copy.balancer.pools.web.members["spare"] = "10.0.0.99:8000")));
    expect(live).toMatchObject({ ok: true, restarts: false, how: [expect.stringMatching(/^balancer: /)] });
    const now = await engine(lab, holder);
    expect(now.pools[0]?.members.map(({ member }) => member)).toContain("spare");
    expect(now.pid).toBe(before.pid);
    const { problems } = (await lab.ask(holder, "GET", "/v1/pools")) as PoolsAnswer;
    expect(problems.map(({ code }) => code)).toContain("BALANCER_DIFFERS");
    expect(await lab.calm()).toBe(holder);

    const restarted = await reload(changed((copy) => (copy.groups.www = { ...copy.groups.www, failback: "auto" })));
    expect(restarted).toMatchObject({ ok: true, restarts: true });
    await until("the next self runs it", async () => {
      const view = await engine(lab, holder).catch(() => undefined);
      return view !== undefined && view.configHash === before.configHash && view.state === "running";
    });
    expect((await engine(lab, holder)).pid).toBe(before.pid);
  });
});

test("a port that another program has is told with its name, and taken when it is free", async () => {
  await withLab({ balancer: "haproxy", startDaemons: false }, async (lab) => {
    const listen = "require('net').createServer().listen(80,'0.0.0.0')";
    await lab.node("srv1").run(["sh", "-c", `${process.execPath} -e "${listen}" </dev/null >/dev/null 2>&1 & echo $!`]);
    for (const { name } of lab.nodes) await lab.node(name).startDaemon();
    const problem = await until("it is told", async () => {
      const view = await engine(lab, "srv1").catch(() => undefined);
      return view?.problems.find(({ code }) => code === "ENGINE_DOWN");
    });
    expect(problem.message).toMatch(/node.* \(process \d+\) listens on port 80/);
    const { problems } = await lab.status("srv1");
    expect(problems.filter(({ code }) => code === "ENGINE_DOWN")).toHaveLength(1);
    expect(problems.filter(({ code, subject }) => code === "MONITOR_NOT_UP" && subject?.node === "srv1")).toEqual([]);
    const pid = /process (\d+)/.exec(problem.message)?.[1] ?? "";
    expect(
      await until("srv2 serves", async () => (await lab.view("srv2").catch(() => undefined))?.groups[0]?.holder),
    ).toBe("srv2");
    await lab.node("srv1").run(["kill", pid]);
    await until("it runs", async () => (await engine(lab, "srv1")).state === "running", { limitMs: 40_000 });
  });
});
