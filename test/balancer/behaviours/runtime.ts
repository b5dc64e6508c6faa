/** Changes while visitors are there: drains, weights, reloads, failures of the engine itself. */

import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { until } from "../../../src/lab/clock.ts";
import { describeFailures } from "../../../src/lab/traffic/request-load.ts";
import { WebSocketVisitor } from "../../../src/lab/traffic/web-socket.ts";
import { createEngine } from "../../../src/daemon/balancer/engines.ts";
import { effort } from "../../effort.ts";
import type { Behaviour } from "../behaviour.ts";
import { HOST, HTTP } from "../bench.ts";
import type { Bench } from "../bench.ts";
import { CHECK } from "../model.ts";

const STICKY = { kind: "cookie", name: "SERVERID", secure: false, httpOnly: true } as const;

const RELOADS = effort({ usual: 6, long: 50 });

/** A change that no runtime command can make. */
async function reloadWithNewHeader(bench: Bench, value: string): Promise<string> {
  bench.change({ site: { responseHeaders: [{ name: "X-Version", value }] } });
  return (await bench.apply()).by;
}

async function version(bench: Bench): Promise<string | undefined> {
  return (await bench.ask("/")).headers["x-version"];
}

export const RUNTIME: readonly Behaviour[] = [
  {
    title: "a drained member gets no new visitors, and all again when the drain is over",
    shows: ["runtime-drain"],
    async run(bench) {
      await bench.serve({ members: ["one", "two"] });
      bench.tell("one", { drain: "operator" });
      await bench.apply();
      await until("it is drained", async () => (await bench.spread(2))["one"] === undefined);
      deepEqual(await bench.spread(10), { two: 10 });
      const { members } = await bench.engine.figures();
      deepEqual(
        members.map(({ member, isDraining }) => [member, isDraining]),
        [
          ["one", true],
          ["two", false],
        ],
      );
      bench.tell("one", { drain: undefined });
      await bench.apply();
      await until("it serves again", async () => ((await bench.spread(4))["one"] ?? 0) > 0);
    },
  },
  {
    title: "visitors with a cookie stay at a member that is drained, also after a reload",
    shows: ["runtime-drain", "sticky-cookie"],
    async run(bench) {
      await bench.serve({ members: ["one", "two"], pool: { sticky: STICKY, check: CHECK } });
      const headers = { cookie: "SERVERID=one" };
      equal((await bench.ask("/", { headers })).member, "one");
      bench.tell("one", { drain: "standby" });
      equal((await bench.apply()).by, "runtime");
      for (const when of ["at once", "after a reload"]) {
        const { member, setCookies } = await bench.ask("/", { headers });
        deepEqual([member, setCookies], ["one", []], when);
        deepEqual(await bench.spread(8), { two: 8 }, when);
        if (when === "at once") equal(await reloadWithNewHeader(bench, "2"), "reload");
        await until("the reload", async () => (await version(bench)) === "2");
      }
    },
  },
  {
    title: "drains and weights take effect by commands where the engine has them, else by one reload, and not twice",
    shows: ["runtime-drain", "runtime-weight"],
    async run(bench) {
      await bench.serve({ members: ["one", "two"] });
      const by = bench.engine.name === "nginx" ? "reload" : "runtime";
      const { pid } = await bench.engine.figures();
      bench.tell("one", { weight: 10 });
      equal((await bench.apply()).by, by);
      await until("it gets less", async () => ((await bench.spread(22))["one"] ?? 0) <= 4);
      bench.tell("one", { weight: 0 });
      equal((await bench.apply()).by, by);
      await until("it gets nothing", async () => (await bench.spread(10))["one"] === undefined);
      bench.tell("one", { weight: 50 });
      equal((await bench.apply()).by, by);
      bench.tell("one", { drain: "operator" });
      equal((await bench.apply()).by, by);
      equal((await bench.apply()).by, "nothing");
      equal((await bench.engine.figures()).pid, pid);
    },
  },
  {
    title: "weights set while it runs hold, also after a reload",
    shows: ["weights", "runtime-weight"],
    async run(bench) {
      await bench.serve({ members: ["one", "two"] });
      bench.tell("one", { weight: 10 });
      await bench.apply();
      await reloadWithNewHeader(bench, "2");
      await until("the reload", async () => (await version(bench)) === "2");
      const uneven = await bench.spread(55);
      ok((uneven["one"] ?? 0) <= 10 && (uneven["one"] ?? 0) >= 1, JSON.stringify(uneven));
    },
  },
  {
    title: "members come and go without a lost request",
    shows: ["hitless-reload"],
    async run(bench) {
      await bench.serve({ members: ["one", "two"] });
      const load = bench.load();
      for (const members of [
        ["one", "two", "three"],
        ["two", "three"],
        ["three", "four"],
        ["one", "two"],
      ]) {
        const before = load.report().answered;
        bench.config = await bench.configure({ members });
        await bench.apply();
        await until(
          "the new ones",
          async () =>
            Object.keys(await bench.spread(4))
              .sort()
              .join() === [...members].sort().join(),
        );
        await until("traffic", () => load.report().answered > before + 40);
      }
      equal(describeFailures(await load.stop()), "none failed");
    },
  },
  {
    title: "reloads one after the other cost nobody a request",
    shows: ["hitless-reload"],
    async run(bench) {
      await bench.serve({ members: ["one", "two"] });
      const load = bench.load({ perSecond: 300 });
      for (let index = 1; index <= RELOADS; index += 1) {
        equal(await reloadWithNewHeader(bench, String(index)), "reload");
        await until("it is in effect", async () => (await version(bench)) === String(index));
      }
      const report = await load.stop();
      equal(describeFailures(report), "none failed");
      ok(report.worstGapMs < 1_000, `${report.worstGapMs} ms without an answer`);
    },
  },
  {
    title: "a WebSocket and a slow download go on through reloads, and old workers end with them",
    shows: ["hitless-reload", "websocket"],
    async run(bench) {
      await bench.serve({ members: ["one", "two"] });
      const socket = await WebSocketVisitor.open({ address: bench.vip, port: HTTP, host: HOST });
      await socket.echo("before");
      const download = bench.ask("/download?bytes=600000&everyMs=60", { limitMs: 30_000 });
      let oldWorkers = 0;
      for (const index of ["1", "2"]) {
        await reloadWithNewHeader(bench, index);
        await until("it is in effect", async () => (await version(bench)) === index);
        await socket.echo(`after ${index}`);
        oldWorkers = Math.max(oldWorkers, (await bench.engine.figures()).oldWorkers);
      }
      ok(oldWorkers >= 1, "nobody counts the old workers");
      equal((await download).body.length, 600_000);
      await socket.echo("at the end");
      socket.close();
      await until("old workers ended", async () => (await bench.engine.figures()).oldWorkers === 0);
    },
  },
  {
    title: "connections of an older config are ended after their time",
    shows: ["hitless-reload"],
    async run(bench) {
      await bench.serve({ members: ["one"], balancer: { oldWorkersMs: 2_000 } });
      const socket = await WebSocketVisitor.open({ address: bench.vip, port: HTTP, host: HOST });
      await reloadWithNewHeader(bench, "1");
      await socket.echo("still there");
      await until("it is ended", () => socket.ended, { limitMs: 9_000 });
      await until("the old worker is gone", async () => (await bench.engine.figures()).oldWorkers === 0);
    },
  },
  {
    title: "a config that the engine refuses changes nothing, and its own words tell why",
    shows: ["hitless-reload"],
    async run(bench) {
      await bench.serve({ members: ["one"] });
      const good = bench.config;
      const load = bench.load();
      bench.change({ site: { errorPages: [{ status: 503, path: `${bench.directory}/nowhere.html` }] } });
      await rejects(bench.apply(), /nowhere\.html/);
      ok(!(await bench.engine.check(bench.wanted)).ok);
      equal((await bench.ask("/")).status, 200);
      bench.config = good;
      await bench.apply();
      equal(await reloadWithNewHeader(bench, "1"), "reload");
      equal(describeFailures(await load.stop()), "none failed");
    },
  },
  {
    title: "an address that somebody else has is refused with its name, and what runs goes on",
    shows: ["hitless-reload"],
    async run(bench) {
      await bench.serve({ members: ["one"] });
      const { createServer } = await import("node:net");
      const thief = createServer();
      await new Promise<void>((resolve) => thief.listen(8081, bench.vip, resolve));
      const before = bench.config;
      bench.change({
        site: {
          listen: [
            { addresses: [bench.vip], port: HTTP, tls: false },
            { addresses: [bench.vip], port: 8081, tls: false },
          ],
        },
      });
      await rejects(bench.apply(), /8081/);
      equal((await bench.ask("/")).status, 200);
      bench.config = before;
      await bench.apply();
      equal((await bench.ask("/")).status, 200);
      await new Promise((resolve) => thief.close(resolve));
    },
  },
  {
    title: "an engine that was killed is told of at once, and starts again with everything it had",
    shows: ["hitless-reload"],
    async run(bench) {
      await bench.serve({ members: ["one", "two"] });
      bench.tell("one", { drain: "operator" });
      await bench.apply();
      const health = bench.engine.health();
      equal(health.state, "running");
      if (health.state === "running") process.kill(health.pid, "SIGKILL");
      const ended = await until("news of its end", () => bench.news.find(({ kind }) => kind === "ended"), {
        limitMs: 3_000,
      });
      ok(ended.kind === "ended" && ended.detail !== "");
      await bench.engine.stop(0);
      equal((await bench.apply()).by, "start");
      deepEqual(await bench.spread(6), { two: 6 });
    },
  },
  {
    title: "an engine that ran before the daemon's next self is taken over without a lost request",
    shows: ["hitless-reload"],
    async run(bench) {
      await bench.serve({ members: ["one", "two"] });
      const load = bench.load();
      const { pid } = await bench.engine.figures();
      bench.engine.release();
      const next = await createEngine(bench.engine.name, bench.engineOptions);
      ok(await next.adopt(bench.wanted), "nothing was found to take over");
      equal((await next.figures()).pid, pid);
      const applied = await next.apply(bench.wanted);
      ok(applied.ok && applied.value.by !== "start", JSON.stringify(applied));
      equal(describeFailures(await load.stop()), "none failed");
      bench.replaceEngine(next);
    },
  },
  {
    title: "figures tell sessions, requests and health of each member",
    shows: ["checks"],
    async run(bench) {
      await bench.serve({ members: ["one", "two"], pool: { check: CHECK } });
      for (const name of ["one", "two"]) await bench.health(name, "up");
      await bench.spread(10);
      bench.at("one").mood = { kind: "slow", ms: 600 };
      bench.at("two").mood = { kind: "slow", ms: 600 };
      const asking = Promise.all([bench.ask("/"), bench.ask("/")]);
      await until("both are asked", () => bench.at("one").now === 1 && bench.at("two").now === 1);
      const figures = await bench.engine.figures();
      ok(figures.requests >= 12, `${figures.requests} requests`);
      if (bench.engine.name === "haproxy") {
        deepEqual(
          figures.members.map(({ sessions }) => sessions),
          [1, 1],
        );
        deepEqual(
          figures.members.map(({ requests }) => requests),
          [6, 6],
        );
      }
      await asking;
      match(figures.version, /^\d+\.\d+/);
    },
  },
  {
    title: "the page with the engine's figures needs its login",
    shows: ["stats-page"],
    async run(bench) {
      const stats = {
        address: "127.0.0.1",
        port: 9000 + bench.number,
        path: "/figures",
        user: "admin",
        passwordFile: bench.file("password", "s3cret:%\n", 0o600),
      };
      await bench.serve({ balancer: { stats } });
      const page = async (authorization?: string, path = "/figures") =>
        bench.ask(path, {
          address: stats.address,
          port: stats.port,
          ...(authorization === undefined ? {} : { headers: { authorization } }),
        });
      equal((await page()).status, 401);
      equal((await page(`Basic ${btoa("admin:wrong")}`)).status, 401);
      const good = await page(`Basic ${btoa("admin:s3cret:%")}`);
      equal(good.status, 200);
      ok(good.body.length > 20);
      ok(
        (await bench.ask("/figures")).body.startsWith("one") || (await bench.ask("/figures")).body.startsWith("two"),
        "shown on the site itself",
      );
    },
  },
];
