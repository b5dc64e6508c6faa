/**
 * A steady stream of visitors while everything is changed that can be: what the balancer promises is counted request by
 * request. `npm run show:balancer` plays it in full length; here it is shorter.
 *
 * What may fail is said exactly. A request that changes something (POST) and was given to a member that died, before
 * that was seen: nobody knows whether it was done, so it must not be sent twice. And what travelled on a connection to
 * the holder of the VIP when that lost its power: the other node knows nothing of such connections.
 */

import { deepEqual, equal, ok } from "node:assert/strict";
import { expect, test } from "vitest";
import { nowMs, pause, until } from "../clock.ts";
import type { Failure } from "../traffic/request-load.ts";
import { expectServed, HTTPS, renewCertificate, SITE, withBalancedSite } from "./balanced-site.fixture.ts";
import type { BalancedSite } from "./balanced-site.fixture.ts";
import { PUBLIC_VIP } from "../plan.ts";

/** A minute in the full show. */
const SHOW_MS = Number(process.env["UNDERSTUDY_BALANCER_MS"] ?? 6_000);
const PER_SECOND = Number(process.env["UNDERSTUDY_BALANCER_RATE"] ?? 500);
const RELOADS = Number(process.env["UNDERSTUDY_BALANCER_RELOADS"] ?? 4);
const isShow = process.env["UNDERSTUDY_BALANCER_MS"] !== undefined;
const LIMIT_MS = SHOW_MS * 3 + 60_000;
/** A request that began within this time before a member's death may have been on its way to it. */
const ON_ITS_WAY_MS = 1_000;

/** Waits until nobody is sent to a member any more; answers when that was known. */
async function seenDead(site: BalancedSite, member: string): Promise<number> {
  await until("it is seen", async () => !(await site.spread(6)).includes(member));
  return nowMs();
}

async function otherNode(site: BalancedSite): Promise<{ holder: string; standby: string }> {
  const holder = await site.lab.calm();
  const standby = site.lab.nodes.find(({ name }) => name !== holder)?.name ?? holder;
  return { holder, standby };
}

/** Changes that no runtime command can make, so that each is a reload. */
async function reloadOften(site: BalancedSite, times: number, withinMs: number): Promise<void> {
  const fromMs = nowMs();
  for (let index = 1; index <= times; index += 1) {
    await site.reloadWith(({ sites }) => {
      const one = sites[SITE];
      if (one !== undefined) one["response-headers"] = { "X-Version": `v${index}` };
    });
    await pause(Math.max(0, (withinMs * index) / times - (nowMs() - fromMs)));
  }
  equal((await site.ask("/")).headers["x-version"], `v${times}`);
}

async function drainAndWeigh(
  site: BalancedSite,
  { holder, standby }: { holder: string; standby: string },
): Promise<void> {
  await site.command(standby, "drain", `web/${holder}`);
  await until("new visitors go elsewhere", async () => (await site.spread(4)).join() === standby);
  await site.command(holder, "undrain", `web/${holder}`);
  await until("it serves new visitors again", async () => (await site.spread(6)).length === 2);
  await site.command(holder, "weight", `web/${standby}`, "10");
  await site.answers(50);
  await site.command(standby, "weight", `web/${standby}`, "100");
}

test.for(["haproxy", "nginx"] as const)(
  "%s: reloads, drains, weights and new certificates under load cost nobody a request; WebSocket and download go on",
  { timeout: LIMIT_MS },
  async (engine) => {
    await withBalancedSite({ engine, tls: true }, async (site) => {
      const nodes = await otherNode(site);
      // nginx closes connections that rested while it reloads; browsers send a request again that was on its way then.
      const asBrowser = engine === "nginx";
      await site.startLoad({ perSecond: PER_SECOND, asBrowser });
      const secure = await site.lab.startVisitors();
      const tls = {
        address: PUBLIC_VIP,
        port: HTTPS,
        host: SITE,
        perSecond: 20,
        newConnections: 0.5,
        visitors: 5,
        tls: true,
      };
      await secure.call("startLoad", {
        ...tls,
        requests: [{ method: "GET", path: "/" }],
        asBrowser,
      });
      const { socket } = await site.visitors.call("openSocket", { address: PUBLIC_VIP, port: 80, host: SITE });
      const download = await site.visitors.call("startDownload", {
        address: PUBLIC_VIP,
        port: 80,
        host: SITE,
        path: `/download?bytes=${Math.round(SHOW_MS / 50) * 16_384}&everyMs=50`,
        limitMs: SHOW_MS * 2,
      });
      await site.answers(100);
      const fromMs = nowMs();

      await reloadOften(site, RELOADS, SHOW_MS * 0.6);
      await site.visitors.call("echo", { socket, text: "after the reloads" });
      await drainAndWeigh(site, nodes);
      for (const subject of ["second", "third"]) {
        renewCertificate(site.lab, subject);
        await until(
          "the new certificate",
          async () => {
            const { certificate } = await site.ask("/", { port: HTTPS, tls: {} });
            return certificate === subject;
          },
          { limitMs: 15_000, everyMs: 200 },
        );
      }
      await pause(Math.max(0, SHOW_MS - (nowMs() - fromMs)));

      await site.visitors.call("echo", { socket, text: "at the end" });
      const state = await until(
        "the download's end",
        async () => {
          const now = await site.visitors.call("download", { download });
          return now?.endedMs === undefined ? undefined : now;
        },
        { limitMs: SHOW_MS * 2 },
      );
      deepEqual([state.error, state.bytes], [undefined, Math.round(SHOW_MS / 50) * 16_384]);
      const report = await site.visitors.call("stopLoad");
      expectServed(report);
      expectServed(await secure.call("stopLoad"));
      ok(report.sent >= (PER_SECOND * SHOW_MS * 0.8) / 1000, `only ${report.sent} requests were sent`);
      ok(report.worstGapMs < 1_500, `${report.worstGapMs} ms without an answer`);
      if (engine === "haproxy") deepEqual(report.moves, []);
      deepEqual(Object.keys(report.members).sort(), ["srv1", "srv2"]);
    });
  },
);

test.for(isShow ? (["haproxy", "nginx"] as const) : (["haproxy"] as const))(
  "%s: a member is killed, then its node and at last the holder lose their power: only what was with the dead is lost",
  { timeout: LIMIT_MS },
  async (engine) => {
    const change: Parameters<typeof withBalancedSite>[0]["change"] = ({ pools }) => {
      const pool = pools["web"];
      // Longer than the kernel takes to find out that a machine does not answer any more.
      if (pool !== undefined) pool["timeouts"] = { connect: "300ms", server: "9s" };
      if (pool !== undefined)
        pool["check"] = { http: "HEAD /check.txt", every: "200ms", timeout: "700ms", fall: 3, rise: 2 };
    };
    await withBalancedSite({ engine, nodes: 3, change }, async (site) => {
      const { lab } = site;
      const holder = await lab.calm();
      const [first = "", second = ""] = lab.nodes.map(({ name }) => name).filter((name) => name !== holder);
      await site.startLoad({ perSecond: PER_SECOND, limitMs: 20_000 });
      await site.answers(200);

      const killedMs = nowMs();
      await lab.node(first).killWeb();
      const killSeenMs = await seenDead(site, first);
      await lab.node(first).startWeb();
      await until("it is back", async () => (await site.spread(9)).includes(first), { limitMs: 15_000 });

      const darkMs = await lab.node(second).powerOff();
      const darkSeenMs = await seenDead(site, second);
      await until("what was given to it is settled", async () => (await site.visitors.call("report")).open < 10, {
        limitMs: 15_000,
      });
      await site.answers(200);

      const holderOffMs = await lab.node(holder).powerOff();
      const holderGoneMs = nowMs();
      const isAnswered = async (): Promise<boolean> =>
        (await site.ask("/", { limitMs: 1_000 }).catch(() => undefined))?.status === 200;
      await until("the site is back", isAnswered);
      const backMs = nowMs();
      await site.answers(200);
      const report = await site.visitors.call("stopLoad");

      const isBetween = (ms: number, fromMs: number, toMs: number): boolean => ms >= fromMs && ms <= toMs;
      const wasKilled = ({ method, startMs, endMs }: Failure): boolean =>
        method === "POST" && isBetween(startMs, killedMs - ON_ITS_WAY_MS, killSeenMs) && endMs >= killedMs;
      // HAProxy's kernel tells it that a machine does not acknowledge any more; nginx cannot know it from a slow page.
      const wasDark = ({ method, startMs, endMs }: Failure): boolean =>
        (method === "POST" || engine === "nginx") &&
        isBetween(startMs, darkMs - ON_ITS_WAY_MS, darkSeenMs) &&
        endMs >= darkMs;
      const wasWithHolder = ({ openedMs, endMs }: Failure): boolean => openedMs <= holderGoneMs && endMs >= holderOffMs;
      expectServed(report, (failure) => wasKilled(failure) || wasDark(failure) || wasWithHolder(failure));
      ok(backMs - holderOffMs < 3_000, `back after ${backMs - holderOffMs} ms`);
    });
  },
);

test.for(["haproxy"] as const)(
  "%s: the VIP moves under load and everybody stays with the member of the cookie",
  { timeout: LIMIT_MS },
  async (engine) => {
    await withBalancedSite({ engine }, async (site) => {
      const { holder, standby } = await otherNode(site);
      await site.startLoad({ asBrowser: true, perSecond: 300 });
      await site.answers(200);
      const fromMs = nowMs();
      await site.command(holder, "switch", "www", "--to", standby, "--wait");
      await until("the other node serves", async () => (await site.lab.calm()) === standby);
      const movedMs = nowMs();
      await site.answers(300);
      const report = await site.visitors.call("stopLoad");
      expectServed(report, ({ openedMs, endMs }) => openedMs <= movedMs && endMs >= fromMs);
      deepEqual(report.moves, []);
      equal(report.cookiesSet, 40);
      expect(Object.keys(report.members).sort()).toEqual(["srv1", "srv2"]);
    });
  },
);
