/** A balancer in an operator's hands: the cluster file's words end to end, wrong files, an engine that dies. */

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "vitest";
import { nowMs, until } from "../clock.ts";
import { PUBLIC_VIP } from "../plan.ts";
import type { BalancedSite, BalancerFile } from "./balanced-site.fixture.ts";
import { expectServed, SITE, withBalancedSite } from "./balanced-site.fixture.ts";

const MEGABYTE = 1024 * 1024;
const LIMIT_MS = 90_000;

/** Pids of the engine on a node, as seen inside the node. */
async function enginePids(site: BalancedSite, node: string, engine: string): Promise<string[]> {
  const { stdout } = await site.lab.run(node, ["pgrep", "-x", engine]);
  return stdout.split("\n").filter(Boolean);
}

/** Mistakes: what they do to the file, and what must be said about it. */
const MISTAKES: readonly (readonly [what: string, spoil: (balancer: BalancerFile) => void, told: RegExp])[] = [
  [
    "an unknown setting of a site",
    ({ sites }) => void (siteOf(sites)["aliasses"] = []),
    /cluster\.yaml:\d+:\d+.*\n?[^]*aliases/,
  ],
  [
    "a pool that is not there",
    ({ sites }) => void (siteOf(sites)["pool"] = "wep"),
    /cluster\.yaml:\d+:\d+[^]*wep[^]*web/,
  ],
  [
    "a member without a port",
    ({ pools }) => void (poolOf(pools)["members"] = { a: "10.0.0.11" }),
    /cluster\.yaml:\d+:\d+/,
  ],
  [
    "an unknown balance",
    ({ pools }) => void (poolOf(pools)["balance"] = "roundrobbin"),
    /cluster\.yaml:\d+:\d+[^]*roundrobin/,
  ],
  [
    "a header with a line break",
    ({ sites }) => void (siteOf(sites)["response-headers"] = { "X-A": "a\nb" }),
    /cluster\.yaml:\d+:\d+/,
  ],
  [
    "a header name with a blank",
    ({ sites }) => void (siteOf(sites)["request-headers"] = { "X A": "1" }),
    /cluster\.yaml:\d+:\d+/,
  ],
  [
    "a certificate that is missing",
    ({ sites }) => {
      siteOf(sites)["listen"] = [80, { port: 443, tls: true }];
      siteOf(sites)["tls"] = { certificates: "/run/lab/none.pem" };
    },
    /none\.pem/,
  ],
  [
    "a certificate that is none",
    ({ sites }) => {
      siteOf(sites)["listen"] = [80, { port: 443, tls: true }];
      siteOf(sites)["tls"] = { certificates: "/run/lab/garbage.pem" };
    },
    /garbage\.pem/,
  ],
  [
    "an error page that is missing",
    ({ sites }) => void (siteOf(sites)["error-pages"] = { 503: "/run/lab/none.html" }),
    /none\.html/,
  ],
  [
    "two sites with one name",
    ({ sites }) => void (sites["other.test"] = { aliases: ["lab.test"], listen: 80, pool: "web" }),
    /cluster\.yaml:\d+:\d+[^]*lab\.test/,
  ],
];

function siteOf(sites: BalancerFile["sites"]): Record<string, unknown> {
  return (sites[SITE] ??= {});
}

function poolOf(pools: BalancerFile["pools"]): Record<string, unknown> {
  return (pools["web"] ??= {});
}

test.for(["haproxy", "nginx"] as const)(
  "%s: a wrong file is refused with its place, and nothing of it is applied",
  { timeout: LIMIT_MS },
  async (engine) => {
    await withBalancedSite({ engine }, async (site) => {
      const holder = await site.lab.calm();
      site.put("garbage.pem", "no certificate\n");
      await site.startLoad({ perSecond: 100, asBrowser: engine === "nginx" });
      const pids = await enginePids(site, holder, engine);
      ok(pids.length > 0, "no engine was found");
      const lacking: (typeof MISTAKES)[number] =
        engine === "nginx"
          ? [
              "a cookie that nginx cannot set",
              ({ pools }) => void (poolOf(pools)["sticky"] = { cookie: "S" }),
              /haproxy/,
            ]
          : [
              "files that haproxy cannot serve",
              ({ sites }) => void (siteOf(sites)["static"] = { root: "/run/lab" }),
              /nginx/,
            ];
      for (const [what, spoil, told] of [...MISTAKES, lacking]) {
        const good = structuredClone(site.balancer);
        // What is right in the same file is not applied either.
        site.write((balancer) => void (siteOf(balancer.sites)["redirects"] = [{ from: "/right", to: "/elsewhere" }]));
        site.write(spoil);
        const refused = await site.lab.understudy(holder, ["reload"]);
        equal(refused.code, 1, `${what} was accepted: ${refused.stdout}`);
        match(refused.stderr, told, what);
        equal((await site.ask("/right")).status, 200, what);
        site.restore(good);
      }
      site.writeText((text) => text.replace("balancer:", "balancer: ["));
      equal((await site.lab.understudy(holder, ["reload"])).code, 1);
      deepEqual(await enginePids(site, holder, engine), pids);
      await site.reloadWith(({ sites }) => void (siteOf(sites)["response-headers"] = { "X-Right": "1" }));
      equal((await site.ask("/")).headers["x-right"], "1");
      expectServed(await site.visitors.call("stopLoad"));
    });
  },
);

test.for(["haproxy", "nginx"] as const)(
  "%s: checks by file, body limit, error pages and the client's address work from the cluster file's words",
  { timeout: LIMIT_MS },
  async (engine) => {
    const change = (balancer: BalancerFile): void => {
      const site = siteOf(balancer.sites);
      site["body-limit"] = "30MB";
      site["error-pages"] = { 413: "/run/lab/413.html" };
      if (engine === "haproxy")
        balancer["stats"] = {
          listen: 8404,
          path: "/haproxy?stats",
          user: "admin",
          "password-file": "/run/lab/password",
        };
      else site["static"] = { root: "/run/lab/tree", match: ["*.jpg"] };
    };
    const files = { "413.html": "<p>too large</p>\n", password: "s3cret\n" };
    await withBalancedSite({ engine, change, files }, async (site) => {
      const { lab } = site;
      const holder = await lab.calm();
      const standby = lab.nodes.find(({ name }) => name !== holder)?.name ?? "";
      equal((await site.ask("/upload", { body: 29 * MEGABYTE })).status, 200);
      const large = await site.ask("/upload", { body: 31 * MEGABYTE });
      deepEqual([large.status, large.body], [413, "<p>too large</p>\n"]);

      // What the members were told, and the VIP as seen from a member on the holder itself.
      const received = JSON.parse((await site.ask("/received")).body) as {
        received: { headers: [string, string][] }[];
      };
      const headers = Object.fromEntries(received.received.at(-1)?.headers ?? []);
      deepEqual([headers["x-forwarded-for"], headers["x-real-ip"], headers["host"]], ["192.0.2.1", "192.0.2.1", SITE]);
      const inside = await lab.run(holder, [
        "curl",
        "-s",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "-H",
        `Host: ${SITE}`,
        `http://${PUBLIC_VIP}/`,
      ]);
      equal(inside.stdout, "200");

      site.setHealthy(standby, false);
      await until("it is taken out", async () => (await site.spread(6)).join() === holder);
      site.setHealthy(standby, true);
      await until("it is back", async () => (await site.spread(8)).length === 2);

      if (engine === "haproxy") {
        const page = async (login: string[]): Promise<string> =>
          (
            await lab.run(holder, [
              "curl",
              "-s",
              "-o",
              "/dev/null",
              "-w",
              "%{http_code}",
              ...login,
              "http://127.0.0.1:8404/haproxy?stats",
            ])
          ).stdout;
        deepEqual(
          [await page([]), await page(["-u", "admin:wrong"]), await page(["-u", "admin:s3cret"])],
          ["401", "401", "200"],
        );
      } else {
        await lab.run(holder, ["sh", "-c", "mkdir -p /run/lab/tree && echo picture > /run/lab/tree/a.jpg"]);
        deepEqual(
          [(await site.ask("/a.jpg")).body, (await site.ask("/b.jpg")).member !== undefined],
          ["picture\n", true],
        );
      }
    });
  },
);

test.for(["haproxy", "nginx"] as const)(
  "%s: an engine that is killed is back within a second",
  { timeout: LIMIT_MS },
  async (engine) => {
    await withBalancedSite({ engine }, async (site) => {
      const { lab } = site;
      const holder = await lab.calm();
      const before = await enginePids(site, holder, engine);
      const killedMs = nowMs();
      await lab.run(holder, ["pkill", "-9", "-x", engine]);
      await until(
        "it is back",
        async () => {
          const now = await enginePids(site, holder, engine);
          return now.length > 0 && now.every((pid) => !before.includes(pid));
        },
        { limitMs: 5_000 },
      );
      ok(nowMs() - killedMs < 1_500, `back after ${nowMs() - killedMs} ms`);
      await until(
        "the site answers",
        async () => (await site.ask("/", { limitMs: 500 }).catch(() => undefined))?.status === 200,
      );
      await lab.calm();
      const { stdout } = await lab.understudy(holder, ["events"]);
      match(stdout, /ENGINE_DIED/);
      match(stdout, /ENGINE_STARTED/);
    });
  },
);

test("the balancer and its sessions survive the daemon's death and its restart", { timeout: LIMIT_MS }, async () => {
  await withBalancedSite({ engine: "haproxy" }, async (site) => {
    const { lab } = site;
    const holder = await lab.calm();
    const standby = lab.nodes.find(({ name }) => name !== holder)?.name ?? "";
    const pids = await enginePids(site, holder, "haproxy");
    await site.command(holder, "drain", `web/${standby}`);
    await site.startLoad({ perSecond: 200 });
    await site.command(holder, "restart");
    await until("its next self", async () => (await lab.view(holder).catch(() => undefined))?.mode === "online");
    deepEqual(await enginePids(site, holder, "haproxy"), pids);
    await site.answers(200);
    // The VIP moves away from a dead daemon; its engine goes on and is adopted.
    expectServed(await site.visitors.call("stopLoad"));
    await lab.node(holder).killDaemon();
    await until(
      "the other node serves",
      async () => (await site.ask("/", { limitMs: 500 }).catch(() => undefined))?.status === 200,
    );
    deepEqual(await enginePids(site, holder, "haproxy"), pids);
    await lab.node(holder).startDaemon();
    await lab.calm();
    deepEqual(await enginePids(site, holder, "haproxy"), pids);
    // The drain outlived all of that, on both nodes.
    deepEqual(await site.spread(8), [holder]);
    await site.command(standby, "undrain", `web/${standby}`);
    await until("it serves again", async () => (await site.spread(8)).length === 2);
  });
});
