/** What checks find, and what is done about it. */

import { deepEqual, equal, ok } from "node:assert/strict";
import { nowMs, pause, until } from "../../../src/lab/clock.ts";
import { describeFailures } from "../../../src/lab/traffic/request-load.ts";
import { WebMember } from "../../../src/lab/traffic/web-members.ts";
import type { Behaviour } from "../behaviour.ts";
import { CHECK } from "../model.ts";

const EVERY_MS = 300;
/** A machine that is busy may be late by this much, and a check by its own limit. */
const SLACK_MS = 900;
/** Two failures so far apart have no common cause. */
const APART_MS = 1_000;

export const HEALTH: readonly Behaviour[] = [
  {
    title: "a member is taken out after so many failed checks in a row, and comes back after so many good ones",
    shows: ["checks"],
    async run(bench) {
      const check = { ...CHECK, everyMs: EVERY_MS, timeoutMs: EVERY_MS, fall: 3, rise: 2 };
      await bench.serve({ members: ["one", "two", "three"], pool: { check } });
      await bench.health("one", "up");
      await until("some checks", () => bench.at("one").checkedMs.length >= 2);
      const goneMs = nowMs();
      bench.at("one").isHealthy = () => false;
      await bench.health("one", "down");
      const fellMs = nowMs() - goneMs;
      ok(fellMs >= 2 * EVERY_MS * 0.9 && fellMs <= 3 * EVERY_MS + SLACK_MS, `down after ${fellMs} ms`);
      deepEqual(Object.keys(await bench.spread(10)).sort(), ["three", "two"]);
      const backMs = nowMs();
      bench.at("one").isHealthy = () => true;
      await bench.health("one", "up");
      const roseMs = nowMs() - backMs;
      ok(roseMs >= 1 * EVERY_MS * 0.9 && roseMs <= 2 * EVERY_MS + SLACK_MS, `up after ${roseMs} ms`);
      ok(((await bench.spread(12))["one"] ?? 0) >= 2);
    },
  },
  {
    title: "one failed check, or a member that is silent for a moment, changes nothing",
    shows: ["checks"],
    async run(bench) {
      await bench.serve({ members: ["one", "two", "three"], pool: { check: CHECK } });
      await bench.health("one", "up");
      let left = 2;
      bench.at("one").isHealthy = () => left-- <= 0;
      await until("good checks again", () => left < -3);
      await bench.health("one", "up");
      deepEqual(
        bench.news.filter(({ kind }) => kind === "member"),
        [],
      );
    },
  },
  {
    title: "checks by connection see a dead member",
    shows: ["checks"],
    async run(bench) {
      await bench.serve({ members: ["one", "two", "three"], pool: { check: { ...CHECK, probe: { kind: "tcp" } } } });
      await bench.health("one", "up");
      bench.at("one").kill();
      await bench.health("one", "down");
      equal(bench.at("two").checkedMs.length, 0);
    },
  },
  {
    title: "a check asks with its method, path and host, and expects its status or its text",
    shows: ["checks", "check-text"],
    async run(bench) {
      const probe = {
        kind: "http",
        method: "GET",
        path: "/check.txt?deep=1",
        host: "health.test",
        expect: { kind: "text", text: "all is well" },
      } as const;
      await bench.serve({ members: ["one", "two", "three"], pool: { check: { ...CHECK, probe } } });
      await bench.health("one", "up");
      bench.at("one").checkText = "nothing is well\n";
      await bench.health("one", "down");
      deepEqual(bench.at("one").lastCheck, { method: "GET", path: "/check.txt?deep=1", host: "health.test" });
      bench.at("one").checkText = "all is well again\n";
      await bench.health("one", "up");
      const ranges = [[404, 404]] as const;
      const head = { ...CHECK.probe, expect: { kind: "status", ranges } } as const;
      bench.change({ pool: { check: { ...CHECK, probe: head }, panicShare: 1 } });
      await bench.apply();
      await bench.health("two", "down");
      bench.at("two").isHealthy = () => false;
      await bench.health("two", "up");
    },
  },
  {
    title: "a check can ask another port than the one that serves",
    shows: ["checks", "check-port"],
    async run(bench) {
      const ports: WebMember[] = [];
      for (const name of ["one", "two", "three"]) {
        const { address } = await bench.member(name);
        const port = new WebMember({ name: `${name} check`, address, port: 5381 });
        await port.start();
        ports.push(port);
      }
      await bench.serve({ members: ["one", "two", "three"], pool: { check: { ...CHECK, port: 5381 } } });
      await bench.health("one", "up");
      equal(bench.at("one").checkedMs.length, 0);
      ports[0]?.kill();
      await bench.health("one", "down");
      deepEqual(Object.keys(await bench.spread(8)).sort(), ["three", "two"]);
      for (const port of ports) port.kill();
    },
  },
  {
    title: "a pool most of whose members fail at once goes on with all of them, and is healed when checks pass again",
    shows: ["panic"],
    async run(bench) {
      const names = ["one", "two", "three", "four"];
      await bench.serve({ members: names, pool: { check: CHECK } });
      for (const name of names) await bench.health(name, "up");
      const load = bench.load({ perSecond: 100 });
      const fallen = ["one", "two", "three"];
      for (const name of fallen) bench.at(name).isHealthy = () => false;
      for (const name of fallen) await bench.health(name, "down");
      await until("all serve", async () => Object.keys(await bench.spread(12)).length === 4);
      for (const name of ["one", "two"]) bench.at(name).isHealthy = () => true;
      for (const name of ["one", "two"]) await bench.health(name, "up");
      await until("the failed one is taken out", async () => (await bench.spread(8))["three"] === undefined);
      equal(describeFailures(await load.stop()), "none failed");
    },
  },
  {
    title: "a pool whose members all fail is not emptied",
    shows: ["panic"],
    async run(bench) {
      const names = ["one", "two"];
      // Even where nobody suspects the checks.
      await bench.serve({ members: names, pool: { check: CHECK, panicShare: 1 } });
      for (const name of names) await bench.health(name, "up");
      const load = bench.load({ perSecond: 100 });
      for (const name of names) bench.at(name).isHealthy = () => false;
      for (const name of names) await bench.health(name, "down");
      deepEqual(Object.keys(await bench.spread(8)).sort(), names);
      equal(describeFailures(await load.stop()), "none failed");
    },
  },
  {
    title: "members that fail one after the other are taken out one after the other, and the last one stays",
    shows: ["panic", "checks"],
    async run(bench) {
      const names = ["one", "two", "three"];
      // One check period apart each, and a share that none of them alone exceeds.
      await bench.serve({ members: names, pool: { check: { ...CHECK, fall: 2 } } });
      for (const name of names) await bench.health(name, "up");
      bench.at("one").isHealthy = () => false;
      await bench.health("one", "down");
      deepEqual(Object.keys(await bench.spread(8)).sort(), ["three", "two"]);
      await pause(APART_MS);
      bench.at("two").isHealthy = () => false;
      await bench.health("two", "down");
      deepEqual(await bench.spread(8), { three: 8 });
      await pause(APART_MS);
      bench.at("three").isHealthy = () => false;
      await bench.health("three", "down");
      const { "status 503": refused } = await bench.spread(12);
      equal(refused, undefined, "the pool was emptied by its own checks");
    },
  },
  {
    title: "pools that are suspected serve with all members while the checks go on failing",
    shows: ["panic"],
    async run(bench) {
      const names = ["one", "two", "three"];
      await bench.serve({ members: names, pool: { check: CHECK, panicShare: 0.9 } });
      for (const name of names) await bench.health(name, "up");
      for (const name of ["one", "two"]) bench.at(name).isHealthy = () => false;
      for (const name of ["one", "two"]) await bench.health(name, "down");
      deepEqual(await bench.spread(6), { three: 6 });
      bench.servingAll = ["web"];
      await bench.apply();
      await until("all serve", async () => Object.keys(await bench.spread(6)).length === 3);
      bench.servingAll = [];
      await bench.apply();
      await until("only the good one", async () => (await bench.spread(6))["three"] === 6);
    },
  },
  {
    title: "a member that came back gets its full share only after a while",
    shows: ["slow-start", "checks"],
    async run(bench) {
      await bench.serve({ members: ["one", "two"], pool: { check: CHECK, slowStartMs: 6_000, panicShare: 1 } });
      for (const name of ["one", "two"]) await bench.health(name, "up");
      bench.at("one").isHealthy = () => false;
      await bench.health("one", "down");
      bench.at("one").isHealthy = () => true;
      await bench.health("one", "up");
      const early = await bench.spread(40);
      ok((early["one"] ?? 0) < 14, `at once ${JSON.stringify(early)}`);
      await until("its full share", async () => ((await bench.spread(20))["one"] ?? 0) >= 9, {
        limitMs: 12_000,
        everyMs: 300,
      });
    },
  },
];
