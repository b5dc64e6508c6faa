/**
 * The balancer's part as a whole: nothing that somebody may write throws or is refused without its place, and no text
 * gets through that could leave its place in an engine's config.
 */

import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_LISTENERS, MAX_MEMBERS, MAX_SITES } from "../base/limits.ts";
import { parseCluster } from "./parse.ts";

const AROUND = {
  cluster: "web",
  nodes: { srv1: { address: "192.0.2.11" }, srv2: { address: "192.0.2.12" } },
  groups: { www: { resources: [{ vip: "192.0.2.10/24" }] } },
};

/** JSON is YAML, so any value can be a file. */
function parseBalancer(balancer: unknown) {
  return parseCluster(JSON.stringify({ ...AROUND, balancer }, undefined, 1), "f");
}

const nasty = fc.constantFrom<unknown>(
  null,
  true,
  false,
  0,
  -1,
  1.5,
  80,
  443,
  70_000,
  1e300,
  "",
  " ",
  "*",
  "*.",
  "/",
  "=/",
  "*.x",
  "/a b",
  "a\nb",
  "a\0b",
  '"',
  "'",
  "$x",
  "80",
  ":80",
  "*:80",
  "0.0.0.0:80",
  "[::]:80",
  "192.0.2.10:80",
  "10.0.0.1:1",
  "::1",
  "30MB",
  "5s",
  "50%",
  "tcp",
  "none",
  "source",
  "haproxy",
  "nginx",
  "syslog",
  "GET /",
  "HEAD /x",
  "200-399",
  "example.com",
  "*.example.com",
  "a",
  "b",
  "srv1",
  "apache",
  "/etc/x",
  "https://a.com/",
  "x-forwarded-for",
  "constructor",
  "toString",
  "__proto__",
);
const words = [
  "engine",
  "max-connections",
  "access-log",
  "file",
  "stats",
  "listen",
  "path",
  "user",
  "password-file",
  "trusted",
  "old-workers",
  "nginx",
  "body-buffer",
  "header-buffer",
  "buffers",
  "count",
  "size",
  "busy",
  "temporary-write",
  "sites",
  "aliases",
  "tls",
  "certificates",
  "certificate",
  "key",
  "http2",
  "min-version",
  "pool",
  "paths",
  "redirect-to-https",
  "redirect-to-name",
  "name",
  "status",
  "redirects",
  "from",
  "to",
  "keep-rest",
  "body-limit",
  "timeouts",
  "client",
  "server",
  "tunnel",
  "connect",
  "queue",
  "error-pages",
  "503",
  "forward",
  "request-headers",
  "X-A",
  "Host",
  "response-headers",
  "static",
  "root",
  "match",
  "fallback",
  "expires",
  "compression",
  "types",
  "min-size",
  "rate-limit",
  "requests",
  "per",
  "burst",
  "pools",
  "members",
  "address",
  "port",
  "node",
  "weight",
  "backup",
  "connections",
  "cookie",
  "balance",
  "sticky",
  "app-cookie",
  "secure",
  "http-only",
  "check",
  "http",
  "host",
  "text",
  "every",
  "timeout",
  "fall",
  "rise",
  "panic-share",
  "retries",
  "redispatch",
  "slow-start",
  "max-queue",
  "example.com",
  "a",
  "b",
  "srv1",
  "/a",
  "*.x",
  "constructor",
  "__proto__",
  "0",
  "",
];
const { anything } = fc.letrec<{ anything: unknown; mapping: unknown; list: unknown }>((tie) => ({
  anything: fc.oneof(
    { maxDepth: 5, depthSize: "small" },
    nasty,
    tie("mapping"),
    tie("list"),
    fc.string({ maxLength: 4 }),
  ),
  mapping: fc.dictionary(fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 3 })), tie("anything"), {
    maxKeys: 5,
  }),
  list: fc.array(tie("anything"), { maxLength: 3 }),
}));

/** A good balancer, of which a part somewhere is exchanged for something else. */
const GOOD = {
  engine: "haproxy",
  "max-connections": 100,
  "access-log": "none",
  stats: { listen: 8404, user: "admin", "password-file": "/etc/p" },
  trusted: ["10.0.0.0/8"],
  sites: {
    "a.com": {
      aliases: ["www.a.com", "*.a.com", "*"],
      listen: [80, { port: 443, tls: true, address: ["192.0.2.10"] }, "10.0.0.1:81"],
      tls: { certificates: [{ certificate: "/a", key: "/b" }, "/c"], "min-version": 1.3 },
      pool: "p",
      paths: { "/x": "p", "*.y": "q" },
      "redirect-to-https": 301,
      "redirect-to-name": { name: "a.com", status: 302 },
      redirects: [{ from: "/a", to: "/b", "keep-rest": true }],
      "body-limit": "30MB",
      timeouts: { client: "5s", server: "5s" },
      "error-pages": { 503: "/e" },
      forward: ["forwarded"],
      "request-headers": { "X-A": "b" },
      "response-headers": { "X-B": false },
      compression: { types: ["text/html"] },
      "rate-limit": { requests: 5, per: "1s" },
    },
  },
  pools: {
    p: {
      members: {
        srv1: 8000,
        srv2: { address: "10.0.0.12:80", weight: 5, cookie: "B" },
        x: { node: "srv1", port: 5, backup: true },
      },
      sticky: { cookie: "S" },
      check: { http: "GET /", host: "a.com", text: "ok", every: "2s" },
    },
    q: { members: { a: "10.0.0.1:1", b: "10.0.0.2:1" }, balance: "uri", check: "tcp", timeouts: { connect: "1s" } },
  },
};

function placesIn(value: unknown, path: readonly string[] = []): string[][] {
  const inner = typeof value === "object" && value !== null ? Object.entries(value) : [];
  return [[...path], ...inner.flatMap(([key, below]) => placesIn(below, [...path, key]))];
}

function exchange(value: unknown, [step, ...rest]: readonly string[], by: unknown): unknown {
  if (step === undefined) return by;
  if (Array.isArray(value))
    return value.map((item, index) => (String(index) === step ? exchange(item, rest, by) : (item as unknown)));
  return Object.fromEntries(
    Object.entries(value as object).map(([key, below]) => [
      key,
      key === step ? exchange(below, rest, by) : (below as unknown),
    ]),
  );
}

function expectPlaces(balancer: unknown): void {
  const parsed = parseBalancer(balancer);
  expect(parsed.problems.length > 0).toBe(!parsed.ok);
  for (const { at, code, message } of parsed.problems) {
    expect(message).not.toMatch(/undefined|\[object|[\n\r\0]/);
    if (code !== "CONFIG_TOO_MANY") expect(at, message).toBeDefined();
  }
}

test("the balancer that the tests below damage is a good one", () => {
  expect(parseBalancer(GOOD).problems).toEqual([]);
});

test("whatever stands where the balancer should be is read, or refused with places", () => {
  fc.assert(fc.property(anything, expectPlaces), { numRuns: 200 });
});

test("whatever stands in one place of a good balancer is read, or refused with places", () => {
  const places = placesIn(GOOD).filter((path) => path.length > 0);
  fc.assert(
    fc.property(fc.constantFrom(...places), anything, (path, by) => expectPlaces(exchange(GOOD, path, by))),
    { numRuns: 600 },
  );
});

test("sites, members and listeners have limits, which are told once", () => {
  const many = <T>(count: number, make: (index: number) => T) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`n${index}`, make(index)]));
  const codes = (change: object) =>
    parseBalancer({ ...GOOD, ...change }).problems.map(({ code, message }) => `${code} ${message}`);
  const pools = { p: { members: { srv1: 8000, srv2: 8000 } } };
  expect(codes({ pools, sites: many(MAX_SITES + 1, () => ({ pool: "p" })) })).toEqual([
    `CONFIG_TOO_MANY balancer.sites has ${MAX_SITES + 1} entries`,
  ]);
  expect(codes({ pools, sites: many(MAX_LISTENERS + 1, (index) => ({ pool: "p", listen: 1_000 + index })) })).toEqual([
    "CONFIG_TOO_MANY balancer.sites.n512.listen: the sites listen on too many addresses and ports",
  ]);
  const members = many(MAX_MEMBERS + 1, (index) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}:80`);
  expect(codes({ pools: { ...pools, q: { members } }, sites: { "a.com": { pool: "p" } } })).toEqual([
    `CONFIG_TOO_MANY balancer.pools: there are ${MAX_MEMBERS + 3} members`,
  ]);
});

/** Every text of a config with the keys that lead to it. */
function textsIn(value: unknown, path = ""): [string, string][] {
  if (typeof value === "string") return [[path, value]];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, below]) => textsIn(below, `${path}.${key}`));
}

test("no text gets through that could leave its place in an engine's config", () => {
  // Behind every text and key of a good balancer where more letters may stand.
  const places = placesIn(GOOD).flatMap((path) => [
    ...(typeof valueAt(path) === "string" ? [(more: string) => appendToText(path, more)] : []),
    ...(path.length > 2 ? [(more: string) => appendToKey(path, more)] : []),
  ]);
  const free = places.filter((append) => parseBalancer(append("x")).ok);
  expect(free.length).toBeGreaterThan(20);
  let accepted = 0;
  for (const append of free) {
    for (const character of "\0\t\n\r \u007f\u0085\u2028\"'`;{}#<>$\\%äx") {
      const parsed = parseBalancer(append(`${character}x`));
      if (!parsed.ok) continue;
      accepted++;
      for (const [key, value] of textsIn(parsed.value.config.balancer)) {
        expect(value, key).toMatch(/^[ -~]*$/);
        expect(value, key).not.toMatch(/[$\\]|^ | $/);
        // Only values of headers and texts of checks may hold what must be quoted.
        if (!/eaders\.\d+\.value$|expect\.text$/.test(key)) expect(value, key).not.toMatch(/[ "'`;{}#<>]/);
      }
    }
  }
  // At least the letter everywhere, and what is quoted in a header.
  expect(accepted).toBeGreaterThan(free.length + 10);
});

function appendToText(path: readonly string[], text: string): unknown {
  return exchange(GOOD, path, `${String(valueAt(path))}${text}`);
}

function appendToKey(path: readonly string[], text: string): unknown {
  const parent = path.slice(0, -1);
  const entries = Object.entries(valueAt(parent) as object).map(([key, below]): [string, unknown] =>
    key === path.at(-1) ? [key + text, below] : [key, below],
  );
  return exchange(GOOD, parent, Object.fromEntries(entries));
}

function valueAt(path: readonly string[]): unknown {
  return path.reduce<unknown>((value, step) => (value as Record<string, unknown>)[step], GOOD);
}
