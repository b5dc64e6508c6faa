/** Files that the engine serves itself. */

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { until } from "../../../src/lab/clock.ts";
import type { StaticConfig } from "../../../src/core/config/balancer.ts";
import type { Behaviour } from "../behaviour.ts";
import type { Bench } from "../bench.ts";

function tree(bench: Bench, parts: Partial<StaticConfig> = {}): StaticConfig {
  bench.file("tree/logo.jpg", "a picture");
  bench.file("tree/UPPER.JPG", "another picture");
  bench.file("tree/page.php", "<?php secret ?>");
  bench.file("outside.jpg", "not for visitors");
  const match = [
    { kind: "suffix", text: ".jpg" },
    { kind: "suffix", text: ".png" },
  ] as const;
  return {
    root: `${bench.directory}/tree`,
    match,
    fallback: true,
    expiresMs: undefined,
    accessLog: undefined,
    ...parts,
  };
}

export const STATIC: readonly Behaviour[] = [
  {
    title: "files of the tree are served without asking a member, and what is missing is asked of the pool",
    shows: ["static-files"],
    async run(bench) {
      const log = bench.file("static.log", "");
      await bench.serve({ members: ["one"], site: { static: tree(bench, { expiresMs: 86_400_000, accessLog: log }) } });
      const logo = await bench.ask("/logo.jpg?v=2", { from: bench.client(3) });
      deepEqual([logo.status, logo.body, logo.headers["content-type"]], [200, "a picture", "image/jpeg"]);
      match(logo.headers["cache-control"] ?? "", /max-age=86400/);
      equal((await bench.ask("/UPPER.JPG")).body, "another picture");
      equal(bench.at("one").requests, 0);
      equal((await bench.ask("/none.png")).member, "one");
      equal((await bench.ask("/page.php")).member, "one");
      equal((await bench.ask("/")).member, "one");
      for (const path of ["/../outside.jpg", "/x/../../outside.jpg", "/%2e%2e/outside.jpg"]) {
        ok(!(await bench.ask(path)).body.includes("not for visitors"), path);
      }
      const line = await until("a line", () => bench.read("static.log").split("\n")[0] || undefined);
      ok(line.startsWith(bench.client(3)) && line.includes("/logo.jpg"), line);
    },
  },
  {
    title: "a tree that is served whole gives away no sources and nothing hidden, but what is well known",
    shows: ["static-files"],
    async run(bench) {
      bench.file("tree/.well-known/security.txt", "well known");
      const secrets = [".env", ".git/config", "sub/.htpasswd", "page.php", "settings.py", "dump.sql", "page.php~"];
      for (const path of secrets) bench.file(`tree/${path}`, "a secret");
      for (const fallback of [true, false]) {
        await bench.serve({ members: ["one"], site: { static: tree(bench, { match: [], fallback }) } });
        equal((await bench.ask("/logo.jpg")).body, "a picture");
        equal((await bench.ask("/.well-known/security.txt")).body, "well known");
        for (const path of [...secrets, "%2eenv", ".well-known/../.env", "x/..%2f.git/config"]) {
          const { body, member, status } = await bench.ask(`/${path}`);
          ok(!/secret/.test(body), path);
          ok(fallback ? member === "one" : status === 404, `${path}: ${status}`);
        }
      }
    },
  },
  {
    title: "without fallback, what the tree lacks is not found",
    shows: ["static-files"],
    async run(bench) {
      await bench.serve({ members: ["one"], site: { static: tree(bench, { fallback: false }) } });
      equal((await bench.ask("/none.png")).status, 404);
      equal(bench.at("one").requests, 0);
      equal((await bench.ask("/")).member, "one");
    },
  },
];
