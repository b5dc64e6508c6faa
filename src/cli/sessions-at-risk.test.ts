import { expect, test } from "vitest";

import type { BalancerConfig } from "../core/config/balancer.ts";
import { parseCluster } from "../core/config/parse.ts";
import { memberView, balancerView, poolsAnswer, poolView } from "./fixtures/pretended-pools.ts";
import { foldPools } from "./fold-pools.ts";
import { sessionsAtRisk, type ChangeBy } from "./sessions-at-risk.ts";

const FILE = `
cluster: web
gateways: [192.0.2.1]
nodes:
  srv1: { address: 192.0.2.11 }
  srv2: { address: 192.0.2.12 }
groups:
  www: { resources: [{ vip: 192.0.2.10/24 }] }
balancer:
  engine: haproxy
  old-workers: 10m
  sites:
    example.com: { aliases: [www.example.com], listen: 80, pool: apache }
    other.org: { listen: 8080, pool: hashed }
  pools:
    apache:
      members: { srv1: 10.0.0.11:8000, srv2: 10.0.0.12:8000 }
      sticky: { cookie: SERVERID }
    hashed:
      members: { srv1: 10.0.0.11:8100, srv2: 10.0.0.12:8100 }
      sticky: source
`;

function config(text: string): BalancerConfig | undefined {
  const parsed = parseCluster(text, "cluster.yaml");
  if (!parsed.ok) throw new Error(parsed.problems.map(({ message }) => message).join("; "));
  return parsed.value.config.balancer;
}

const busy = [memberView("srv1", { sessions: 4, queued: 1 }), memberView("srv2", { sessions: 2 })];
const traffic = {
  pools: foldPools(poolsAnswer({ srv1: balancerView("srv1", [poolView("apache", busy)]) })),
  connections: 34,
};

function risks(by: ChangeBy, ...replaced: readonly (readonly [from: string, to: string])[]): string[] {
  let text = FILE;
  for (const [from, to] of replaced) {
    expect(text).toContain(from);
    text = text.replace(from, to);
  }
  return sessionsAtRisk({ before: config(FILE), after: config(text), by, traffic });
}

test("what goes by runtime commands harms nobody", () => {
  expect(risks("nothing")).toEqual([]);
  expect(risks("runtime", ["srv2: 10.0.0.12:8000", 'srv2: { address: "10.0.0.12:8000", weight: 7 }'])).toEqual([]);
});

test("a reload can cut what lasts longer than old workers may", () => {
  expect(risks("reload", ["other.org", "elsewhere.org"]).at(-1)).toBe(
    "connections that are open at the reload (34 connections now) go on for at most 10m (balancer.old-workers); what lasts longer then, such as a WebSocket, is cut",
  );
  expect(sessionsAtRisk({ before: config(FILE), after: config(FILE), by: "reload", traffic: undefined })[0]).toMatch(
    /^connections that are open at the reload go on for at most/,
  );
});

test("members that go away, or elsewhere, are told with what they serve now", () => {
  expect(risks("runtime", [", srv2: 10.0.0.12:8000", ""])).toEqual([
    "apache/srv2: present requests (2 sessions now) finish there; visitors who would come back there are sent elsewhere. `understudy drain --wait` before lets visitors finish",
  ]);
  expect(risks("runtime", ["srv1: 10.0.0.11:8000", "srv1: 10.0.0.99:8000"])[0]).toContain("(5 sessions now)");
});

test("names and ports that nobody answers any more are told", () => {
  const told = risks(
    "runtime",
    ["    other.org: { listen: 8080, pool: hashed }\n", ""],
    ["aliases: [www.example.com], ", ""],
  );
  expect(told).toEqual([
    "no site answers www.example.com and other.org any more: 404, or the site for all other names",
    "nobody listens on 192.0.2.10:8080 any more: connections there are refused",
  ]);
});

test("visitors who lose the member that they came back to are told", () => {
  const lost = (...replaced: Parameters<typeof risks>[1][]) => risks("runtime", ...replaced)[0];
  expect(lost(["SERVERID", "NODE"])).toContain("the cookie has another name");
  expect(lost(["sticky: { cookie: SERVERID }", "sticky: { app-cookie: JSESSIONID }"])).toContain(
    "how it is sticky changes",
  );
  expect(lost(["      sticky: { cookie: SERVERID }\n", ""])).toContain("not sticky any more");
  expect(lost(["srv1: 10.0.0.11:8000", "srv1: { address: 10.0.0.11:8000, cookie: A }"])).toContain(
    "visitors of apache/srv1 lose it",
  );
  expect(lost(["srv2: 10.0.0.12:8100", "srv2: 10.0.0.12:8100, srv3: 10.0.0.13:8100"])).toContain(
    "a share of the visitors of hashed",
  );
});

test("another engine, or none, cuts what is open", () => {
  const before = config(FILE);
  const after = before && { ...before, engine: "nginx" as const };
  expect(sessionsAtRisk({ before, after, by: "restart", traffic })).toEqual([
    "haproxy ends and nginx begins: every connection through it is cut (34 connections now)",
  ]);
  expect(sessionsAtRisk({ before, after: undefined, by: "restart", traffic })[0]).toMatch(
    /^haproxy ends: nobody answers/,
  );
  expect(sessionsAtRisk({ before: undefined, after: before, by: "restart", traffic })).toEqual([]);
});
