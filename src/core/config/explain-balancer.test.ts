import { expect, test } from "vitest";
import { balancerText } from "./explain-balancer.ts";
import { parseCluster } from "./parse.ts";

function told(balancer: string): string {
  const text = `cluster: web
gateways: [192.0.2.1]
nodes:
  srv1: { address: 192.0.2.11 }
  srv2: { address: 192.0.2.12 }
groups:
  www: { resources: [{ vip: 192.0.2.10/24 }, { vip: "2001:db8::10/64" }] }
balancer:
${balancer}`;
  const parsed = parseCluster(
    text
      .replace("192.0.2.11 }", '192.0.2.11, links: ["2001:db8::11"] }')
      .replace("192.0.2.12 }", '192.0.2.12, links: ["2001:db8::12"] }'),
    "cluster.yaml",
  );
  if (!parsed.ok) throw new Error(parsed.problems.map(({ message }) => message).join("; "));
  const { balancer: config } = parsed.value.config;
  if (config === undefined) throw new Error("there is no balancer");
  return balancerText(config);
}

test("sites, pools and how soon a dead member gets nothing are told in a few lines", () => {
  const text = told(`
  sites:
    example.com:
      aliases: ["*.example.org"]
      listen: [80, { port: 443, tls: true }]
      tls: { certificates: /etc/ssl/example.pem }
      redirect-to-https: 301
      pool: apache
      paths: { "/api": api, "*.jpg": images }
    default: { aliases: ["*"], listen: "192.0.2.10:8080", pool: images }
  pools:
    apache:
      members:
        srv1: 10.0.0.11:8000
        srv2: { address: "10.0.0.12:8000", weight: 50 }
        spare: { port: 8001, node: srv1, backup: true }
      sticky: { cookie: SERVERID }
      check: { http: "HEAD /check.txt", every: 2s, fall: 3, rise: 2, timeout: 1s }
    api: { members: { a: "[2001:db8::a]:80" }, balance: leastconn, check: none }
    images: { members: { srv1: 10.0.0.11:8100 }, check: { port: 99 } }
`);
  expect(text).toMatchInlineSnapshot(`
    "Balancer: haproxy on every node. Sites:
      example.com, *.example.org  http 80, https 443 on 192.0.2.10, 2001:db8::10  -> apache (/api api, *.jpg images, http to https)
      every other name            http 8080 on 192.0.2.10                         -> images
    Pools:
      apache  srv1 10.0.0.11:8000 (weight 100), srv2 10.0.0.12:8000 (weight 50), spare 192.0.2.11:8001 (weight 100, backup)
              roundrobin, cookie SERVERID, HEAD /check.txt every 2s: down within 7s (3 failures), up again within 4s (2 successes)
      api     a [2001:db8::a]:80
              leastconn, no check: a dead member is noticed only by visitors' requests
      images  srv1 10.0.0.11:8100
              roundrobin, a connection on port 99 every 2s: down within 7s (3 failures), up again within 4s (2 successes)"
  `);
});

test("a large balancer is counted and not listed whole", () => {
  const sites = Array.from({ length: 23 }, (_, index) => `    s${index}.example: { listen: 80, pool: p0 }`);
  const members = Array.from({ length: 9 }, (_, index) => `m${index}: 10.0.0.${index + 1}:80`).join(", ");
  const pools = Array.from({ length: 21 }, (_, index) => `    p${index}: { members: { ${members} } }`);
  const text = told(["  sites:", ...sites, "  pools:", ...pools, ""].join("\n"));
  expect(text).toContain("  and 3 more sites\n");
  expect(text).toMatch(/ {2}and 1 more pool$/);
  expect(text).toContain("m4 10.0.0.5:80 and 4 more");
});
