/** The daemon's balancer with a pretended engine: what becomes of standby, wishes, checks and reloads. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, test } from "vitest";

import { balancer as configOf, member, pool } from "../../core/balancer/pretended-balancer.ts";
import { memberId } from "../../core/balancer/wanted.ts";
import type { BalancerConfig } from "../../core/config/balancer.ts";
import type { MonitorConfig } from "../../core/config/cluster.ts";
import { pause, until } from "../../lab/clock.ts";
import type { PeerAnswer, Question } from "../control-client.ts";
import { PretendedHeart, withDirectory } from "../fixtures/pretended.ts";
import { cluster } from "../fixtures/pretended-cluster.ts";
import { SILENT_LOG } from "../log.ts";
import { Balancer } from "./balancer.ts";
import { PretendedEngine } from "./pretended-engine.ts";
import { openWishStore } from "./wish-store.ts";

const MONITOR: MonitorConfig = {
  name: "engine",
  check: { kind: "balancer" },
  everyMs: 1,
  timeoutMs: 1,
  fall: 1,
  rise: 1,
};

class Net {
  readonly nodes = new Map<string, Balancer>();

  /** What the control channel does, as far as it matters here. */
  async ask(from: string, to: string, question: Question): Promise<PeerAnswer> {
    const balancer = this.nodes.get(to);
    if (balancer === undefined) throw new Error("no answer in time");
    const { method, path, body } = question;
    const answer =
      path === "/v1/balancer"
        ? await balancer.view()
        : method === "GET"
          ? await balancer.wishes()
          : await balancer.tell(body as unknown[], from);
    return { status: 200, body: JSON.parse(JSON.stringify(answer)), pid: 1, version: "1" };
  }
}

interface Running {
  readonly balancer: Balancer;
  readonly engine: PretendedEngine;
  readonly heart: PretendedHeart;
  readonly reasons: string[];
  readonly warnings: string[];
  /** Members that its engine drains. */
  readonly drained: () => string[];
}

async function start(net: Net, node: string, directory: string, config: BalancerConfig = configOf()): Promise<Running> {
  const engine = new PretendedEngine();
  const heart = new PretendedHeart(node);
  const reasons: string[] = [];
  const warnings: string[] = [];
  const balancer = new Balancer({
    config: { ...cluster({ monitors: [MONITOR] }), balancer: config },
    node,
    engine,
    heart,
    store: await openWishStore({ stateDir: join(directory, node), failed: () => {} }),
    ask: (peer, question) => net.ask(node, peer, question),
    record: ({ reason }) => reasons.push(reason),
    log: { ...SILENT_LOG, warn: (message) => warnings.push(message) },
    logSocket: join(directory, "log"),
    wishes: [],
    warnAfterMs: 0,
    lookEveryMs: 20,
    syncEveryMs: 20,
  });
  net.nodes.set(node, balancer);
  await balancer.start();
  const drained = (): string[] =>
    (engine.carries?.members ?? []).flatMap((want) => (want.drain === undefined ? [] : [memberId(want)]));
  return { balancer, engine, heart, reasons, warnings, drained };
}

async function withTwo(use: (one: Running, two: Running, net: Net, directory: string) => Promise<void>): Promise<void> {
  await withDirectory(async (directory) => {
    const net = new Net();
    const one = await start(net, "srv1", directory);
    const two = await start(net, "srv2", directory);
    try {
      await use(one, two, net, directory);
    } finally {
      for (const running of net.nodes.values()) running.release();
    }
  });
}

const drain = (name: string, on = true) => ({ member: name, on, force: false });

test("the verdict of every monitor of the balancer goes to the heart", async () => {
  await withTwo(async ({ engine, heart }) => {
    expect(heart.posted).toMatchObject([{ kind: "monitor", monitor: "engine", verdict: "up" }]);
    engine.die("killed");
    await until("it is up again", () => heart.posted.length === 3);
    expect(heart.posted.slice(1)).toMatchObject([
      { monitor: "engine", verdict: "down", detail: "killed" },
      { monitor: "engine", verdict: "up" },
    ]);
  });
});

test("a drain is in effect on all nodes soon, is kept over a restart, and ends everywhere", async () => {
  await withTwo(async (one, two, net, directory) => {
    expect(await one.balancer.drain(drain("apache/srv1"))).toMatchObject({ ok: true, detail: "apache/srv1 drains" });
    for (const { drained } of [one, two]) await until("it drains", () => drained().includes("apache/srv1"));
    two.balancer.release();
    const again = await start(net, "srv2", directory);
    expect(again.drained()).toEqual(["apache/srv1"]);
    await again.balancer.drain(drain("apache/srv1", false));
    for (const { drained } of [one, again]) await until("it ended", () => drained().length === 0);
  });
});

test("a standby in the heart drains the node's members within 100 ms, its end undoes it", async () => {
  await withTwo(async ({ balancer, drained }) => {
    const begun = performance.now();
    balancer.heardWishes([{ key: "standby/srv2", value: "on", version: 1, node: "srv1" }]);
    await until("it drains", () => drained().length === 1, { everyMs: 2 });
    expect(performance.now() - begun).toBeLessThan(100);
    expect(drained()).toEqual(["apache/srv2"]);
    balancer.heardWishes([{ key: "standby/srv2", value: "off", version: 2, node: "srv1" }]);
    await until("it ended", () => drained().length === 0);
  });
});

test("heart's news that says the same again costs the engine nothing", async () => {
  await withTwo(async ({ balancer, engine }) => {
    const before = engine.did.length;
    for (let version = 1; version < 20; version += 1)
      balancer.heardWishes([{ key: "at/www", value: "srv1", version, node: "srv1" }]);
    await balancer.drain(drain("apache/srv1"));
    await until("the drain was applied", () => engine.carries?.members[0]?.drain === "operator");
    expect(engine.did.slice(before)).toEqual(["apply"]);
  });
});

test("a drain does not count while the others are down, with an alert, and counts again by itself", async () => {
  await withTwo(async ({ balancer, engine, reasons, drained }) => {
    await balancer.drain(drain("apache/srv1"));
    await until("it drains", () => drained().length === 1);
    const srv2 = { pool: "apache", member: "srv2" };
    engine.say({ kind: "member", key: srv2, isUp: false, detail: "L4CON" });
    await until("it serves again", () => drained().length === 0);
    expect((await balancer.view()).problems.map(({ code }) => code)).toContain("DRAIN_RESTS");
    engine.say({ kind: "member", key: srv2, isUp: true, detail: "" });
    await until("it drains again", () => drained().length === 1);
    expect(reasons.filter((reason) => reason.startsWith("DRAIN"))).toEqual(["DRAIN_RESTS", "DRAIN_COUNTS"]);
  });
});

test("when all members fail at once the engine serves all, and members are shown as they were found", async () => {
  await withTwo(async ({ balancer, engine, reasons }) => {
    for (const name of ["srv1", "srv2"])
      engine.say({ kind: "member", key: { pool: "apache", member: name }, isUp: false, detail: "L4CON" });
    await until("it serves all", () => engine.carries?.servingAll.length === 1);
    expect(reasons).toEqual(["ENGINE_STARTED", "MEMBER_DOWN", "MEMBER_DOWN", "POOL_SUSPECTED", "ENGINE_RELOADED"]);
    const { pools, problems } = await balancer.view();
    expect(pools).toMatchObject([
      { servingAll: true, members: [{ health: "down", detail: "L4CON" }, { health: "down" }] },
    ]);
    expect(problems.map(({ code }) => code)).toEqual(["POOL_SUSPECTED", "MEMBER_DOWN", "MEMBER_DOWN"]);
  });
});

test("a reload that removes what made a pool suspected ends it at once, in the engine as well", async () => {
  await withTwo(async ({ balancer, engine, reasons }) => {
    for (const name of ["srv1", "srv2"])
      engine.say({ kind: "member", key: { pool: "apache", member: name }, isUp: false, detail: "L4CON" });
    await until("it serves all", () => engine.carries?.servingAll.length === 1);
    const others = configOf({ pools: [pool("apache", [member("srv8"), member("srv9")])] });
    expect(await balancer.adoptConfig(others)).toMatchObject({ ok: true });
    await until("the checks are believed", () => engine.carries?.servingAll.length === 0);
    expect(reasons).toContain("POOL_TRUSTED");
    expect((await balancer.view()).problems).toEqual([]);
  });
});

test("another config is adopted when the engine accepts it, and not at all otherwise", async () => {
  await withTwo(async ({ balancer, engine }) => {
    const bad = configOf({ maxConnections: 1 });
    engine.refuses = ({ config }) =>
      config.maxConnections === 1 ? { code: "ENGINE_REFUSED", severity: "error", message: "no" } : undefined;
    expect(await balancer.adoptConfig(bad)).toMatchObject({ ok: false, problems: [{ message: "no" }] });
    expect(balancer.config.maxConnections).toBe(10_000);
    // A drain after the refusal works on the config in place.
    await balancer.drain(drain("apache/srv1"));
    await until("it drains", () => engine.carries?.members[0]?.drain === "operator");
    expect((await balancer.view()).problems.map(({ code }) => code)).toEqual(["MEMBER_DRAINED"]);
    const good = configOf({ pools: [pool("apache", [member("srv1"), member("srv9")])] });
    expect(await balancer.adoptConfig(good)).toMatchObject({ ok: true });
    expect(engine.carries?.members.map(memberId)).toEqual(["apache/srv1", "apache/srv9"]);
    expect(engine.carries?.members[0]?.drain).toBe("operator");
  });
});

test("a wish that comes while another config is adopted does not bring the former one back", async () => {
  await withTwo(async ({ balancer, engine }) => {
    let open = (): void => {};
    engine.gate = new Promise((resolve) => {
      open = resolve;
    });
    const seen: number[] = [];
    engine.refuses = ({ config }) => {
      seen.push(config.maxConnections);
      return undefined;
    };
    const adopting = balancer.adoptConfig(configOf({ maxConnections: 7 }));
    await balancer.drain(drain("apache/srv1"));
    open();
    expect(await adopting).toMatchObject({ ok: true });
    await until("it drains", () => engine.carries?.members[0]?.drain === "operator");
    expect(new Set(seen)).toEqual(new Set([7]));
  });
});

test("all nodes' engines are shown together, with those that do not answer", async () => {
  await withTwo(async ({ balancer, engine }, two, net) => {
    engine.members = [
      {
        pool: "apache",
        member: "srv1",
        health: "up",
        detail: "L7OK",
        sessions: 3,
        queued: 0,
        requests: 9,
        idleSeconds: 0,
        weight: 100,
        isDraining: false,
      },
    ];
    await two.balancer.adoptConfig(configOf({ maxConnections: 7 }));
    const both = await balancer.pools();
    expect(both.nodes.map(({ node, view }) => [node, view?.state])).toEqual([
      ["srv1", "running"],
      ["srv2", "running"],
    ]);
    expect(both.nodes[0]?.view?.pools[0]?.members[0]).toMatchObject({
      health: "up",
      sessions: 3,
      address: "10.0.0.11",
    });
    expect(both.problems.map(({ code }) => code)).toEqual(["BALANCER_DIFFERS"]);
    net.nodes.delete("srv2");
    expect((await balancer.pools()).nodes[1]).toEqual({ node: "srv2", view: undefined });
    two.balancer.release();
  });
});

test("what somebody changed in the engine by hand is put right", async () => {
  await withTwo(async ({ engine }) => {
    const before = engine.did.length;
    engine.wasAltered = true;
    await until("it was applied again", () => !engine.wasAltered);
    expect(engine.did.slice(before)).toEqual(["apply"]);
  });
});

test("an access log that nobody reads is worth a warning, one that somebody reads is not", async () => {
  await withTwo(async (one, _two, net, directory) => {
    expect(one.warnings).toEqual([]);
    const syslog = configOf({ accessLog: { kind: "syslog" } });
    const { warnings } = await start(net, "srv3", directory, syslog);
    expect(warnings).toEqual([`the access log goes nowhere: there is no ${join(directory, "log")}`]);
    await writeFile(join(directory, "log"), "");
    expect((await start(net, "srv4", directory, syslog)).warnings).toEqual([]);
  });
});

test("a file that the config names is put into effect when it was replaced", async () => {
  await withTwo(async (_one, _two, net, directory) => {
    const passwordFile = join(directory, "password");
    await writeFile(passwordFile, "old");
    const stats = { address: "127.0.0.1", port: 8_404, path: "/", user: "ops", passwordFile };
    const { engine } = await start(net, "srv3", directory, configOf({ stats }));
    const applies = (): number => engine.did.filter((word) => word === "apply").length;
    expect(applies()).toBe(1);
    // The first look knows nothing to compare with.
    await pause(60);
    await writeFile(passwordFile, "another");
    await until("it was applied", () => applies() === 2);
  });
});

test("a wish that a node did not hear is named in the answer, and is a problem until it heard", async () => {
  await withTwo(async ({ balancer }, two, net) => {
    net.nodes.delete("srv2");
    expect(await balancer.drain(drain("apache/srv1"))).toMatchObject({
      detail: expect.stringContaining("not heard by srv2"),
    });
    expect((await balancer.view()).problems.map(({ code }) => code)).toEqual(["MEMBER_DRAINED", "WISHES_NOT_HEARD"]);
    net.nodes.set("srv2", two.balancer);
    balancer.heardEvent({ reason: "PEER_UP", node: "srv2" });
    await until("it heard", () => two.drained().length === 1);
    await until("it is no problem any more", async () => (await balancer.view()).problems.length === 1);
  });
});
