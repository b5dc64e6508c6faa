/** Which site, which pool, which redirect: what a request's name, port and path decide. */

import { deepEqual, equal } from "node:assert/strict";
import type { Behaviour } from "../behaviour.ts";
import { HOST, HTTP } from "../bench.ts";
import type { Bench } from "../bench.ts";
import { memberOf, poolOf, siteOf } from "../model.ts";

/** A second site before a pool of one member of the same name. */
async function other(bench: Bench, name: string, parts: Partial<Parameters<typeof siteOf>[1]> = {}) {
  const listen = [{ addresses: [bench.vip, bench.vip6], port: HTTP, tls: false }];
  const pool = poolOf(name, { members: [memberOf(await bench.member(name))] });
  return { site: siteOf(`${name}.test`, { listen, pool: name, ...parts }), pool };
}

/** Status and member of an answer to a name. */
async function under(bench: Bench, host: string, port = HTTP): Promise<string> {
  const { status, member } = await bench.ask("/", { host, port });
  return member ?? String(status);
}

export const ROUTING: readonly Behaviour[] = [
  {
    title: "a request goes to the site of its name, whatever its case and port; an unknown name gets 404",
    shows: ["host-routing"],
    async run(bench) {
      const b = await other(bench, "b", { names: ["b.test", "www.b.test"] });
      await bench.serve({ members: ["a"], sites: [b.site], pools: [b.pool] });
      const names = ["a.test", "b.test", "www.b.test", "A.TEST", "b.test:80", "c.test", "xa.test", "a.test.evil"];
      const seen = [];
      for (const name of names) seen.push(await under(bench, name));
      deepEqual(seen, ["a", "b", "b", "a", "b", "404", "404", "404"]);
      equal(bench.at("a").requests + bench.at("b").requests, 5);
    },
  },
  {
    title: "a wildcard stands for any name below, of any depth, and an exact name comes first",
    shows: ["wildcard-names"],
    async run(bench) {
      const b = await other(bench, "b", { names: ["b.test"], wildcards: ["*.a.test", "*.b.test"] });
      await bench.serve({ members: ["a"], site: { names: [HOST, "exact.a.test"] }, sites: [b.site], pools: [b.pool] });
      const names = ["x.a.test", "x.y.a.test", "exact.a.test", "a.test", "X.B.Test", "xb.test", ".b.test.c"];
      const seen = [];
      for (const name of names) seen.push(await under(bench, name));
      deepEqual(seen, ["b", "b", "a", "a", "b", "404", "404"]);
    },
  },
  {
    title: "a site that catches all answers for names that nobody else has, on its own listeners only",
    shows: ["catch-all"],
    async run(bench) {
      const listen = [{ addresses: [bench.vip], port: 8080, tls: false }];
      const b = await other(bench, "b", { catchesAll: true });
      const c = await other(bench, "c", { listen });
      await bench.serve({ members: ["a"], sites: [b.site, c.site], pools: [b.pool, c.pool] });
      deepEqual(
        [await under(bench, HOST), await under(bench, "who.test"), await under(bench, "10.1.2.3")],
        ["a", "b", "b"],
      );
      deepEqual([await under(bench, "c.test", 8080), await under(bench, "who.test", 8080)], ["c", "404"]);
    },
  },
  {
    title: "one name can be another site on another port or address",
    shows: ["host-routing"],
    async run(bench) {
      await bench.addAddress(bench.absent);
      const eight = [{ addresses: [bench.vip, bench.vip6], port: 8080, tls: false }];
      const b = await other(bench, "b", { names: [HOST], listen: eight });
      const elsewhere = [{ addresses: [bench.absent], port: HTTP, tls: false }];
      const c = await other(bench, "c", { names: [HOST], listen: elsewhere });
      await bench.serve({ members: ["a"], sites: [b.site, c.site], pools: [b.pool, c.pool] });
      equal(await under(bench, HOST), "a");
      equal(await under(bench, HOST, 8080), "b");
      equal((await bench.ask("/", { address: bench.absent })).member, "c");
      equal((await bench.ask("/", { address: bench.vip6, port: 8080 })).member, "b");
    },
  },
  {
    title: "an address is listened on while it is absent, and serves as soon as it is there, in both families",
    shows: ["absent-address"],
    async run(bench) {
      const addresses = [bench.vip, bench.absent, bench.absent6];
      await bench.serve({ site: { listen: [{ addresses, port: HTTP, tls: false }] } });
      equal((await bench.ask("/")).status, 200);
      for (const address of [bench.absent, bench.absent6]) {
        await bench.addAddress(address);
        equal((await bench.ask("/", { address })).status, 200);
      }
    },
  },
  {
    title: "a member reaches the sites on the machine that holds the address, also the one that it serves itself",
    shows: ["absent-address"],
    async run(bench) {
      await bench.serve({ members: ["one"] });
      // The member's own address as the one that asks: what a web page that calls its own site does.
      const { address } = bench.at("one");
      equal((await bench.ask("/", { from: address })).member, "one");
    },
  },
  {
    title: "a path goes to another pool by exact text, by prefix of whole parts, or by ending; the first that fits",
    shows: ["path-rules"],
    async run(bench) {
      const pools = [];
      for (const name of ["exact", "prefix", "suffix"]) {
        pools.push(poolOf(name, { members: [memberOf(await bench.member(name))] }));
      }
      const paths = [
        { match: { kind: "exact", text: "/api/exact" }, pool: "exact" },
        { match: { kind: "prefix", text: "/api" }, pool: "prefix" },
        { match: { kind: "suffix", text: ".jpg" }, pool: "suffix" },
        { match: { kind: "prefix", text: "/img/" }, pool: "exact" },
      ] as const;
      await bench.serve({ members: ["main"], site: { paths }, pools });
      const asked: readonly (readonly [path: string, pool: string])[] = [
        ["/", "main"],
        ["/api", "prefix"],
        ["/api/", "prefix"],
        ["/api/x?y=/z", "prefix"],
        ["/api?x=1", "prefix"],
        ["/apix", "main"],
        ["/API", "main"],
        ["/api/exact", "exact"],
        ["/api/exact?q", "exact"],
        ["/api/exact/more", "prefix"],
        ["/api/a.jpg", "prefix"],
        ["/x/a.jpg", "suffix"],
        ["/x/a.JPG?w=1", "suffix"],
        ["/x/a.jpg/b", "main"],
        ["/?file=a.jpg", "main"],
        ["/img/a.jpg", "suffix"],
        ["/img/a.gif", "exact"],
        ["/img", "main"],
      ];
      const seen = [];
      for (const [path] of asked) seen.push([path, (await bench.ask(path)).member]);
      deepEqual(seen, asked);
    },
  },
  {
    title: "redirects by rule keep the rest and the query where asked, and come before everything else",
    shows: ["redirects"],
    async run(bench) {
      const redirects = [
        { match: { kind: "exact", text: "/old" }, to: "/new", status: 301, keepRest: false },
        { match: { kind: "prefix", text: "/blog" }, to: "https://blog.test/all", status: 302, keepRest: true },
        { match: { kind: "prefix", text: "/shop" }, to: "/closed", status: 307, keepRest: false },
        { match: { kind: "suffix", text: ".php" }, to: "/gone", status: 308, keepRest: false },
      ] as const;
      await bench.serve({ members: ["one"], site: { redirects } });
      const seen: Record<string, string> = {};
      for (const path of ["/old", "/old/x", "/blog", "/blog/a/b?c=d&e", "/blogs", "/shop/x?y", "/a/INDEX.PHP?x"]) {
        const { status, headers } = await bench.ask(path);
        seen[path] = `${status} ${headers["location"] ?? ""}`.trim().replace(`http://${HOST}`, "");
      }
      deepEqual(seen, {
        "/old": "301 /new",
        "/old/x": "200",
        "/blog": "302 https://blog.test/all",
        "/blog/a/b?c=d&e": "302 https://blog.test/all/a/b?c=d&e",
        "/blogs": "200",
        "/shop/x?y": "307 /closed",
        "/a/INDEX.PHP?x": "308 /gone",
      });
      equal(bench.at("one").requests, 2);
    },
  },
  {
    title: "other names of a site are sent to its own name, with path and query",
    shows: ["redirects"],
    async run(bench) {
      const names = [HOST, "www.a.test"];
      const redirectToName = { name: HOST, status: 301 } as const;
      await bench.serve({ site: { names, wildcards: ["*.a.test"], redirectToName } });
      equal((await bench.ask("/x?y=z")).status, 200);
      for (const host of ["www.a.test", "deep.www.a.test"]) {
        const { status, headers } = await bench.ask("/x?y=z", { host });
        deepEqual([status, headers["location"]], [301, `http://${HOST}/x?y=z`]);
      }
    },
  },
];
