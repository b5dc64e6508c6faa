/**
 * What is rendered for HAProxy, judged by HAProxy: every golden case passes its own check without a warning, texts of
 * any shape arrive as they were written, rules by path mean what the config's reference says, however many there are,
 * and a large cluster is made and checked quickly.
 */

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { errorHead, renderHaproxy, statsUsers } from "../../src/core/balancer/haproxy.ts";
import { neededFiles } from "../../src/core/balancer/needed-files.ts";
import type { RenderedFile, Wanted } from "../../src/core/balancer/wanted.ts";
import { wantedOf } from "../../src/core/balancer/wanted.ts";
import type {
  BalancerConfig,
  MemberConfig,
  PathMatch,
  PoolConfig,
  RedirectConfig,
  SiteConfig,
} from "../../src/core/config/balancer.ts";
import { fits } from "../../src/core/config/path-rules.ts";
import { ChildObserver } from "../../src/lab/child-observer.ts";
import { wall } from "../../src/lab/namespaces.ts";
import { CASE_FILES, readCases, wantedBy } from "./haproxy-cases.ts";
import type { ServeRequest, Told } from "./haproxy-inside.ts";
import { balancerOf, poolOf, siteOf } from "./model.ts";

let folder = "";
let certificate = "";
let inside: ChildObserver | undefined;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-haproxy-"));
  const pem = join(folder, "made.pem");
  const made = spawnSync(
    "openssl",
    [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-subj",
      "/CN=example.com",
      "-days",
      "2",
      "-keyout",
      pem,
      "-out",
      `${pem}.crt`,
    ],
    { encoding: "utf8", timeout: 20_000 },
  );
  expect(made.status, made.stderr).toBe(0);
  certificate = readFileSync(`${pem}.crt`, "utf8") + readFileSync(pem, "utf8");
  inside = new ChildObserver(new URL("./haproxy-inside.ts", import.meta.url), wall([], 0), {});
});

afterAll(() => {
  inside?.end();
  rmSync(folder, { recursive: true, force: true });
});

/** Writes everything that the config needs, and lets HAProxy check it; answers what it says. */
function check(wanted: Wanted, name: string): string {
  const directory = join(folder, name);
  const html = "<h1>sorry</h1>";
  const needed = neededFiles(wanted.config);
  const files = [
    ...renderHaproxy(wanted, { directory }, { account: { user: "haproxy", group: "haproxy" } }),
    ...needed.bundles.map(({ path }) => ({ path, content: certificate })),
    ...needed.errorPages.map(({ path, status }) => ({ path, content: errorHead(status, html.length) + html })),
    {
      path: "users.cfg",
      content: statsUsers(needed.login && { user: needed.login.user, password: `it's "100%" $x #` }),
    },
    { path: "servers.state", content: "1\n" },
  ];
  for (const { path, content } of files) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), content);
  }
  const argv = ["-c", "-f", join(directory, "haproxy.cfg"), "-f", join(directory, "users.cfg")];
  const { status, stdout, stderr } = spawnSync("haproxy", argv, { encoding: "utf8", timeout: 60_000 });
  return `${status} ${stdout}${stderr}`.trim();
}

const FINE = "0 Configuration file is valid";

describe("HAProxy itself finds nothing to complain about", () => {
  const cases = CASE_FILES.flatMap(readCases);
  // A socket's path has little room, so folders have numbers.
  test.each(cases.map(({ title, input }, index) => [title, input, index] as const))("%s", (_, input, index) => {
    expect(check(wantedBy(input), String(index))).toBe(FINE);
  });
});

describe("a large cluster", () => {
  const pools = Array.from({ length: 50 }, (_, index) => largePool(index));
  const listen = [{ addresses: ["127.0.0.1"], port: 8080, tls: false }];
  const sites = Array.from({ length: 1_000 }, (_, index) => {
    const name = `site${index}.example.com`;
    return siteOf(name, {
      listen,
      names: [name, `www.${name}`],
      pool: `pool${index % 50}`,
      paths: [{ match: { kind: "prefix", text: `/api${index}` }, pool: "pool0" }],
      redirectToName: { name, status: 301 },
      requestHeaders: [{ name: "X-Site", value: "large" }],
    });
  });
  const wanted = wantedOf(balancerOf("haproxy", { sites, pools }));

  test("is rendered in less than 200 ms and accepted", () => {
    const render = (): readonly RenderedFile[] => renderHaproxy(wanted, { directory: "/run" }, { account: undefined });
    const times = Array.from({ length: 3 }, () => {
      const before = performance.now();
      render();
      return performance.now() - before;
    });
    expect(Math.min(...times)).toBeLessThan(200);
    expect(check(wanted, "large")).toBe(FINE);
  });

  function largePool(index: number): PoolConfig {
    const members = Array.from(
      { length: 100 },
      (_, member): MemberConfig => ({
        ...memberAt(`m${member}`, `10.0.${index}.${member + 1}`),
        cookie: `c${member}`,
      }),
    );
    return poolOf(`pool${index}`, {
      members,
      sticky: { kind: "cookie", name: "SERVERID", secure: false, httpOnly: true },
      check: { probe: { kind: "tcp" }, everyMs: 2_000, timeoutMs: 1_000, fall: 3, rise: 2, port: undefined },
    });
  }
});

function memberAt(name: string, address: string): MemberConfig {
  return {
    name,
    node: undefined,
    address,
    port: 8_000,
    weight: 100,
    backup: false,
    maxConnections: undefined,
    cookie: name,
  };
}

const PORT = 8_080;
const LISTEN = [{ addresses: ["127.0.0.1"], port: PORT, tls: false }];
/** Each with one member of the same name, whose answers tell it. */
const POOLS = ["usual", "p1", "p2", "p3"];

async function serve(config: BalancerConfig): Promise<void> {
  const files = renderHaproxy(wantedOf(config), { directory: "/run" }, { account: undefined });
  const members = config.pools.flatMap(({ members }) => members);
  await inside?.call("serve", { files, members, port: PORT } satisfies ServeRequest);
}

async function askAll(
  questions: readonly { host: string; path: string; headers?: Record<string, string> }[],
): Promise<Told[]> {
  return (await inside?.call("ask", {
    questions: questions.map((question) => ({ ...question, port: PORT })),
  })) as Told[];
}

function fourPools(): PoolConfig[] {
  return POOLS.map((name, index) => poolOf(name, { members: [memberAt(name, `127.0.1.${index + 1}`)] }));
}

const segment = fc.constantFrom("a", "b", "ab", "a.x", "b.tar.gz", "c.gz");
const path = fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => `/${segments.join("/")}`);
const match = fc.oneof(
  path.map((text): PathMatch => ({ kind: "exact", text })),
  path.map((text): PathMatch => ({ kind: "prefix", text })),
  path.map((text): PathMatch => ({ kind: "prefix", text: `${text}/` })),
  fc.constantFrom(".gz", ".tar.gz", ".x", "-z").map((text): PathMatch => ({ kind: "suffix", text })),
  fc.constant<PathMatch>({ kind: "prefix", text: "/" }),
);
const target = fc.constantFrom("/new", "/new/", "https://example.org", "https://example.org/", "/q?r=1", "/");
const redirect = fc
  .record({ match, to: target, status: fc.constantFrom<301 | 302>(301, 302), keepRest: fc.boolean() })
  .map((entry): RedirectConfig => entry);
const rules = fc.record({
  paths: fc.array(fc.record({ match, pool: fc.constantFrom("p1", "p2", "p3") }), { maxLength: 6 }),
  redirects: fc.array(redirect, { maxLength: 2 }),
});

/** What must come of a request, said without HAProxy. */
function expected(
  site: SiteConfig,
  path: string,
  query: string,
): { readonly location?: string; readonly member?: string } {
  const entry = site.redirects.find(({ match }) => fits(match, path));
  if (entry === undefined) return { member: site.paths.find(({ match }) => fits(match, path))?.pool ?? site.pool };
  const { match, to, keepRest } = entry;
  if (!keepRest) return { location: to };
  const isPrefix = match.kind === "prefix" && !to.includes("?");
  const rest = isPrefix ? path.slice(match.text.replace(/\/$/, "").length) : "";
  const joined = rest === "" ? to : to.replace(/\/$/, "") + rest;
  return { location: query === "" ? joined : `${joined}${to.includes("?") ? "&" : "?"}${query}` };
}

describe("rules by path mean the same to HAProxy and to us", () => {
  test.each([
    ["of few sites, one after the other", 6, false],
    ["of many sites, looked up", 60, true],
  ] as const)("%s", async (_, count, isLookedUp) => {
    const seed = Math.trunc(Math.random() * 1e9);
    const drawn = fc.sample(rules, { seed, numRuns: count });
    const sites = drawn.map((rules, index) => siteOf(`s${index}.test`, { listen: LISTEN, pool: "usual", ...rules }));
    const config = balancerOf("haproxy", { sites, pools: fourPools() });
    const files = renderHaproxy(wantedOf(config), { directory: "/run" }, { account: undefined });
    expect(files.some(({ path }) => path.endsWith("-below.map"))).toBe(isLookedUp);
    await serve(config);
    const asked = fc.sample(
      fc.record({ site: fc.nat(count - 1), path, ends: fc.boolean(), query: fc.constantFrom("", "k=v") }),
      {
        seed,
        numRuns: 400,
      },
    );
    const questions = asked.map(({ site, path, ends, query }) => {
      const whole = ends ? `${path}/` : path;
      return { site: sites[site] as SiteConfig, whole, query };
    });
    const told = await askAll(
      questions.map(({ site, whole, query }) => ({
        host: site.name,
        path: query === "" ? whole : `${whole}?${query}`,
      })),
    );
    const wrong = questions.flatMap(({ site, whole, query }, index) => {
      const want = expected(site, whole, query);
      const { location, member } = told[index] ?? {};
      return location === want.location && member === want.member
        ? []
        : [{ seed, whole, query, want, location, member, paths: site.paths, redirects: site.redirects }];
    });
    expect(wrong.slice(0, 3)).toEqual([]);
    expect(told.filter(({ location }) => location !== undefined).length).toBeGreaterThan(5);
    expect(told.filter(({ member }) => member !== undefined && member !== "usual").length).toBeGreaterThan(5);
  });
});

test("values of headers arrive as they were written, whatever they hold", async () => {
  // What a cluster file may say, and more.
  const unit = fc.integer({ min: 33, max: 126 }).map((code) => String.fromCharCode(code));
  const values = fc.sample(fc.string({ unit, minLength: 1, maxLength: 30 }), { numRuns: 200 });
  const headers = [...values, "100% %[src] %% %ci", `it's "quoted" #1 {a} [b] $x \\n`].map((value, index) => ({
    name: `X-Test-${index}`,
    value,
  }));
  const site = siteOf("a.test", { listen: LISTEN, pool: "usual", requestHeaders: headers, responseHeaders: headers });
  await serve(balancerOf("haproxy", { sites: [site], pools: fourPools() }));
  const [told] = await askAll([{ host: "a.test", path: "/" }]);
  const received = headers.map(({ name }) => told?.received?.[name.toLowerCase()]);
  const answered = headers.map(({ name }) => told?.headers[name.toLowerCase()]);
  expect(received).toEqual(headers.map(({ value }) => value));
  expect(answered).toEqual(headers.map(({ value }) => value));
});

test("a member taken out of the middle moves no other visitor of a pool that hashes", async () => {
  const members = Array.from({ length: 5 }, (_, index) => memberAt(`h${index}`, `127.0.2.${index + 1}`));
  const site = siteOf("a.test", { listen: LISTEN, pool: "hash" });
  const chosen = async (among: readonly MemberConfig[]): Promise<(string | undefined)[]> => {
    await serve(balancerOf("haproxy", { sites: [site], pools: [poolOf("hash", { members: among, balance: "uri" })] }));
    const told = await askAll(Array.from({ length: 100 }, (_, index) => ({ host: "a.test", path: `/page${index}` })));
    return told.map(({ member }) => member);
  };
  const before = await chosen(members);
  const after = await chosen(members.filter(({ name }) => name !== "h1"));
  expect(new Set(before).size).toBe(5);
  const moved = before.filter((member, index) => member !== after[index]);
  expect(moved.length).toBeGreaterThan(0);
  expect(new Set(moved)).toEqual(new Set(["h1"]));
});
