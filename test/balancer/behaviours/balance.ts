/** Which member gets a request. */

import { deepEqual, equal, ok } from "node:assert/strict";
import { nowMs, until } from "../../../src/lab/clock.ts";
import { describeFailures } from "../../../src/lab/traffic/request-load.ts";
import type { Behaviour } from "../behaviour.ts";
import { CHECK } from "../model.ts";
import type { Bench } from "../bench.ts";

/** Member for each of these own addresses of clients. */
async function byClient(bench: Bench, clients: number, on: Bench = bench): Promise<string[]> {
  const seen: string[] = [];
  for (let client = 1; client <= clients; client += 1) {
    seen.push((await on.ask("/", { from: bench.client(client) })).member ?? "none");
  }
  return seen;
}

function count(list: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const one of list) counts[one] = (counts[one] ?? 0) + 1;
  return counts;
}

export const BALANCE: readonly Behaviour[] = [
  {
    title: "requests go round, by weight",
    shows: ["round-robin", "weights"],
    async run(bench) {
      await bench.serve({ members: ["one", "two"] });
      const even = await bench.spread(40);
      ok(Math.abs((even["one"] ?? 0) - 20) <= 2, JSON.stringify(even));
      await bench.serve({
        members: [
          { name: "one", weight: 30 },
          { name: "two", weight: 10 },
        ],
      });
      const uneven = await bench.spread(80);
      ok(Math.abs((uneven["one"] ?? 0) - 60) <= 6, JSON.stringify(uneven));
    },
  },
  {
    title: "the member with the fewest connections gets the next request",
    shows: ["least-connections"],
    async run(bench) {
      await bench.serve({ members: ["one", "two"], pool: { balance: "leastconn" } });
      bench.at("one").mood = { kind: "slow", ms: 1_000 };
      const load = bench.load({ perSecond: 100, requests: [{ method: "GET", path: "/" }] });
      await until("enough answers", () => load.report().answered > 100);
      const report = await load.stop();
      const { members } = report;
      equal(describeFailures(report), "none failed");
      ok((members["two"] ?? 0) > 2 * (members["one"] ?? 0), JSON.stringify(members));
    },
  },
  {
    title: "a client's address decides its member, the same on every node, and few move when a member goes",
    shows: ["source-balance"],
    async run(bench) {
      const names = ["one", "two", "three"];
      await bench.serve({ members: names, pool: { balance: "source" } });
      const first = await byClient(bench, 60);
      deepEqual(await byClient(bench, 60), first);
      for (const name of names) ok((count(first)[name] ?? 0) >= 5, JSON.stringify(count(first)));
      const second = await bench.openSecond(bench.number + 1);
      await second.serve({ members: names, pool: { balance: "source" } });
      deepEqual(await byClient(bench, 60, second), first);
      bench.tell("three", { drain: "operator" });
      await bench.apply();
      const without = await byClient(bench, 60);
      equal(count(without)["three"], undefined);
      const moved = first.filter((member, index) => member !== "three" && member !== without[index]);
      ok(moved.length <= 12, `${moved.length} of 60 moved although their member stayed`);
    },
  },
  {
    title: "stickiness by the client's address is the same choice on every node",
    shows: ["sticky-source"],
    async run(bench) {
      const names = ["one", "two", "three"];
      await bench.serve({ members: names, pool: { sticky: { kind: "source" } } });
      const first = await byClient(bench, 30);
      deepEqual(await byClient(bench, 30), first);
      const second = await bench.openSecond(bench.number + 1);
      await second.serve({ members: names, pool: { sticky: { kind: "source" } } });
      deepEqual(await byClient(bench, 30, second), first);
    },
  },
  {
    title: "a path decides its member, whatever the query, and few paths move when a member goes",
    shows: ["uri-balance"],
    async run(bench) {
      await bench.serve({ members: ["one", "two", "three"], pool: { balance: "uri" } });
      const byPath = async (query = ""): Promise<string[]> => {
        const seen: string[] = [];
        for (let index = 0; index < 60; index += 1)
          seen.push((await bench.ask(`/page/${index}${query}`)).member ?? "none");
        return seen;
      };
      const first = await byPath();
      deepEqual(await byPath(), first);
      for (const name of ["one", "two", "three"]) ok((count(first)[name] ?? 0) >= 5, JSON.stringify(count(first)));
      bench.tell("three", { drain: "operator" });
      await bench.apply();
      const without = await byPath();
      const moved = first.filter((member, index) => member !== "three" && member !== without[index]);
      ok(moved.length <= 12, `${moved.length} of 60 paths moved although their member stayed`);
    },
  },
  {
    title: "the engine's cookie keeps a visitor at a member, is set once, and the member does not see it",
    shows: ["sticky-cookie"],
    async run(bench) {
      const sticky = { kind: "cookie", name: "SERVERID", secure: false, httpOnly: true } as const;
      await bench.serve({
        members: [
          { name: "one", cookie: "A" },
          { name: "two", cookie: "B" },
        ],
        pool: { sticky },
      });
      const first = await bench.ask("/login");
      equal(first.setCookies.length, 2);
      const ours = first.setCookies.find((cookie) => cookie.startsWith("SERVERID=")) ?? "";
      equal(ours.split(";")[0], `SERVERID=${first.member === "one" ? "A" : "B"}`);
      ok(/httponly/i.test(ours) && !/secure/i.test(ours), ours);
      const cookie = `x=1; ${ours.split(";")[0]}; y=2`;
      for (let index = 0; index < 12; index += 1) {
        const { member, setCookies } = await bench.ask("/", { headers: { cookie } });
        deepEqual([member, setCookies], [first.member, []]);
      }
      const { headers = [] } = bench.at(first.member ?? "").received.at(-1) ?? {};
      const seen = headers
        .filter(([name]) => name === "cookie")
        .map(([, value]) => value)
        .join("; ");
      ok(!seen.includes("SERVERID") && seen.includes("x=1") && seen.includes("y=2"), seen);
      const unknown = await bench.ask("/", { headers: { cookie: "SERVERID=nobody" } });
      equal(unknown.setCookies.length, 1);
    },
  },
  {
    title: "a visitor's cookie means the same member on every node",
    shows: ["sticky-cookie"],
    async run(bench) {
      const sticky = { kind: "cookie", name: "SERVERID", secure: false, httpOnly: true } as const;
      const options = { members: ["one", "two", "three"], pool: { sticky } };
      await bench.serve(options);
      const second = await bench.openSecond(bench.number + 1);
      await second.serve(options);
      for (let visitor = 0; visitor < 6; visitor += 1) {
        const { member, setCookies } = await bench.ask("/");
        const cookie = (setCookies[0] ?? "").split(";")[0] ?? "";
        equal((await second.ask("/", { headers: { cookie } })).member, member);
      }
    },
  },
  {
    title: "the application's own cookie keeps a visitor at a member, and the application sees it unchanged",
    shows: ["sticky-app-cookie"],
    async run(bench) {
      await bench.serve({
        members: ["one", "two", "three"],
        pool: { sticky: { kind: "app-cookie", name: "SESSION" } },
      });
      equal((await bench.ask("/")).setCookies.length, 0);
      const { member, setCookies } = await bench.ask("/login");
      equal(setCookies.length, 1);
      const cookie = (setCookies[0] ?? "").split(";")[0] ?? "";
      for (let index = 0; index < 9; index += 1) equal((await bench.ask("/", { headers: { cookie } })).member, member);
      const { headers = [] } = bench.at(member ?? "").received.at(-1) ?? {};
      deepEqual(
        headers.filter(([name]) => name === "cookie"),
        [["cookie", "SESSION=abc123"]],
      );
    },
  },
  {
    title: "a backup gets requests only while no other member is up",
    shows: ["backup", "checks"],
    async run(bench) {
      await bench.serve({
        members: ["one", "two", { name: "spare", backup: true }],
        pool: { check: CHECK, panicShare: 1 },
      });
      deepEqual(Object.keys(await bench.spread(20)).sort(), ["one", "two"]);
      bench.at("one").isHealthy = () => false;
      await bench.health("one", "down");
      deepEqual(Object.keys(await bench.spread(10)), ["two"]);
      bench.at("two").isHealthy = () => false;
      await bench.health("two", "down");
      deepEqual(await bench.spread(10), { spare: 10 });
      bench.at("one").isHealthy = () => true;
      await bench.health("one", "up");
      deepEqual(await bench.spread(10), { one: 10 });
    },
  },
  {
    title: "a backup also serves in a pool that is balanced by address",
    shows: ["backup-with-hash"],
    async run(bench) {
      await bench.serve({
        members: ["one", { name: "spare", backup: true }],
        pool: { balance: "source", check: CHECK, panicShare: 1 },
      });
      deepEqual(await bench.spread(4), { one: 4 });
      bench.at("one").isHealthy = () => false;
      await bench.health("one", "down");
      deepEqual(await bench.spread(4), { spare: 4 });
    },
  },
  {
    title: "a member gets no more at once than its limit, and the others wait for a place",
    shows: ["connection-limit", "queue"],
    async run(bench) {
      const timeouts = { connectMs: 500, serverMs: 5_000, queueMs: 700, tunnelMs: 1_000 };
      await bench.serve({ members: [{ name: "one", maxConnections: 2 }], pool: { timeouts, maxQueue: 20 } });
      bench.at("one").mood = { kind: "slow", ms: 100 };
      const answers = await Promise.all(Array.from({ length: 8 }, () => bench.ask("/")));
      deepEqual(
        answers.map(({ status }) => status),
        Array.from({ length: 8 }, () => 200),
      );
      equal(bench.at("one").most, 2);
      bench.at("one").mood = { kind: "slow", ms: 2_000 };
      const late = await Promise.all(Array.from({ length: 4 }, () => bench.ask("/")));
      deepEqual(late.map(({ status }) => String(status)).sort(), ["200", "200", "503", "503"]);
    },
  },
  {
    title: "a member's limit of connections holds",
    shows: ["connection-limit"],
    async run(bench) {
      await bench.serve({
        members: [
          { name: "one", maxConnections: 3 },
          { name: "two", maxConnections: 3 },
        ],
      });
      for (const name of ["one", "two"]) bench.at(name).mood = { kind: "slow", ms: 150 };
      await Promise.all(Array.from({ length: 12 }, () => bench.ask("/")));
      ok(bench.at("one").most <= 3 && bench.at("two").most <= 3, `${bench.at("one").most} and ${bench.at("two").most}`);
      ok(bench.at("one").most >= 2, "nothing was at the same time");
    },
  },
  {
    title: "a member that dies costs no visitor a request, but for what it was asked to change at that moment",
    shows: ["retries"],
    async run(bench) {
      await bench.serve({ members: ["one", "two", "three"] });
      for (const name of ["one", "two", "three"]) bench.at(name).mood = { kind: "slow", ms: 60 };
      const load = bench.load();
      await until("traffic", () => load.report().answered > 60);
      await until("requests on their way", () => bench.at("two").now >= 3, { everyMs: 1 });
      const killedMs = nowMs();
      bench.at("two").kill();
      const before = load.report().answered;
      await until("more traffic", () => load.report().answered > before + 300);
      const report = await load.stop();
      const lost = report.failures.filter(({ method, startMs }) => method !== "POST" || startMs > killedMs);
      equal(describeFailures({ ...report, failures: lost, failed: lost.length }), "none failed");
      ok((report.members["two"] ?? 0) < (report.members["one"] ?? 0), JSON.stringify(report.members));
    },
  },
  {
    title: "what changes something is sent to one member only, also when its connection breaks",
    shows: ["retries"],
    async run(bench) {
      await bench.serve({ members: ["one", "two", "three"] });
      for (const name of ["one", "two", "three"]) bench.at(name).mood = { kind: "cutting" };
      const { status } = await bench.ask("/order", { method: "POST", body: "one book" });
      equal(status, 502);
      equal(bench.at("one").requests + bench.at("two").requests + bench.at("three").requests, 1);
    },
  },
  {
    title: "a visitor whose member died gets another and stays there",
    shows: ["retries", "sticky-cookie"],
    async run(bench) {
      const sticky = { kind: "cookie", name: "SERVERID", secure: false, httpOnly: true } as const;
      await bench.serve({ members: ["one", "two"], pool: { sticky } });
      const first = await bench.ask("/");
      const cookie = (first.setCookies[0] ?? "").split(";")[0] ?? "";
      bench.at(first.member ?? "").kill();
      const next = await bench.ask("/", { headers: { cookie } });
      deepEqual([next.status, next.setCookies.length], [200, 1]);
      ok(next.member !== first.member);
    },
  },
];
