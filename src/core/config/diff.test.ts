import { expect, test } from "vitest";
import { diffClusters } from "./diff.ts";
import { parseCluster } from "./parse.ts";

const FILE = `
cluster: web
key: /etc/understudy/cluster.key
gateways: [192.0.2.1]
nodes:
  srv1: { address: 192.0.2.11, links: [10.0.0.11] }
  srv2: { address: 192.0.2.12, links: [10.0.0.12] }
groups:
  www:
    prefer: [srv1, srv2]
    resources: [{ vip: 192.0.2.10/24 }]
monitors:
  httpd: { http: "http://{address}/", every: 30s }
`;

function config(text: string) {
  const parsed = parseCluster(text, "cluster.yaml");
  if (!parsed.ok) throw new Error(parsed.problems.map(({ message }) => message).join("; "));
  return parsed.value.config;
}

function changes(from: string, to: string): string[] {
  const [before, after] = [config(FILE), config(FILE.replace(from, to))];
  // What comes from a daemon went through JSON.
  const overTheWire = JSON.parse(JSON.stringify(before)) as typeof before;
  const found = diffClusters(before, after);
  expect(diffClusters(overTheWire, after)).toEqual(found);
  return found.map((one) => `${one.part}: ${one.path}: ${one.before} -> ${one.after}`);
}

test("the same meaning has no difference, however it is written", () => {
  expect(changes("cluster: web", "# a comment\ncluster: 'web'")).toEqual([]);
  expect(changes("every: 30s", "every: 30000ms")).toEqual([]);
});

test("a setting is told with its path and both values in the file's words", () => {
  expect(changes("every: 30s", "every: 5s")).toEqual(["monitors: monitors.httpd.every: 30s -> 5s"]);
  expect(changes("prefer: [srv1, srv2]", "prefer: [srv2, srv1]")).toEqual([
    "groups: groups.www.prefer: [srv1, srv2] -> [srv2, srv1]",
  ]);
});

test("what appears or goes away is told as a whole", () => {
  expect(changes("{ vip: 192.0.2.10/24 }", "{ vip: 192.0.2.10/24 }, { vip: 192.0.2.9/24 }")).toEqual([
    "groups: groups.www.resources.www/192.0.2.9: undefined -> { kind: vip, address: 192.0.2.9, family: 4, prefix-length: 24, link: 0, gateways: [192.0.2.1] }",
  ]);
  const [gone] = changes('  httpd: { http: "http://{address}/", every: 30s }\n', "  {}\n");
  expect(gone).toMatch(/^monitors: monitors\.httpd: \{ check: .*…? -> undefined$/);
});

test("the order counts where it means something", () => {
  const [one, two] = FILE.split("\n").filter((line) => line.startsWith("  srv"));
  expect(changes(`${one}\n${two}`, `${two}\n${one}`)).toEqual(["nodes: nodes (order): srv1, srv2 -> srv2, srv1"]);
  const other = { name: "mail", prefer: ["srv1"], failback: { kind: "never" }, requires: [], resources: [] } as const;
  const before = config(FILE);
  const [a, b] = [
    { ...before, groups: [...before.groups, other] },
    { ...before, groups: [other, ...before.groups] },
  ];
  expect(diffClusters(a, b)).toEqual([]);
});

test("the name of what is part of a setting is told, such as a cookie's", () => {
  const balanced = (sticky: string) => `${FILE}
balancer:
  sites: { example.com: { listen: 80, pool: apache, body-limit: 30MB } }
  pools: { apache: { members: { srv1: 10.0.0.11:8000 }${sticky} } }
`;
  const before = config(balanced(""));
  expect(diffClusters(before, config(balanced(", sticky: { cookie: SERVERID }")))).toMatchObject([
    { path: "balancer.pools.apache.sticky", after: expect.stringContaining("name: SERVERID") },
  ]);
  const limit = diffClusters(before, config(balanced("").replace("30MB", "512kB")));
  expect(limit).toMatchObject([
    { part: "balancer", path: "balancer.sites.example.com.body-limit", before: "30MB", after: "512kB" },
  ]);
});
