/** Cluster files of the benchmark: the one site of the comparison, and sites and members by the thousand. */

import type { EngineName } from "../../src/core/config/balancer.ts";
import type { Site } from "./hand-written.ts";
import { ROOM } from "./wire.ts";

/** What every file needs before its balancer. */
function head(address: string): string {
  return `cluster: bench
key: /etc/understudy/cluster.key
nodes: { srv1: { address: 10.9.0.3 }, srv2: { address: 10.9.0.9 } }
groups: { www: { resources: [{ vip: ${address}/24 }] } }
`;
}

/** The same job as the files written by hand. */
export function clusterFile(engine: EngineName, { address, members, certificate }: Site): string {
  const lines = members.map(({ name, address: to, port }) => `        ${name}: "${to}:${port}"`);
  // Each logs as is usual for it; nginx spends more on syslog than on the rest of a small request.
  const log = engine === "nginx" ? `  access-log: { file: ${ROOM}/our-nginx-access.log }\n` : "";
  // nginx sets no cookie of its own.
  const sticky = engine === "haproxy" ? "      sticky: { cookie: SERVERID }\n" : "";
  return `${head(address)}balancer:
  engine: ${engine}
  max-connections: 4000
${log}  sites:
    example.com:
      aliases: [www.example.com, "*"]
      listen: [80, 443]
      tls: { certificates: ${certificate} }
      pool: web
      timeouts: { client: 50s }
  pools:
    web:
      members:
${lines.join("\n")}
${sticky}      check: { http: HEAD /check.txt, every: 2s, fall: 3, rise: 2 }
      timeouts: { connect: 5s, server: 50s }
`;
}

/** So many sites, each with a name, an alias and a path of its own, over pools with so many members altogether. */
export function largeFile(engine: EngineName, size: { readonly sites: number; readonly members: number }): string {
  const perPool = 100;
  const pools = Math.ceil(size.members / perPool);
  const siteLines = Array.from(
    { length: size.sites },
    (_, n) =>
      `    site${n}.example.com: { aliases: [www.site${n}.example.com], listen: 8080, pool: pool${n % pools}, response-headers: { X-Version: "1" }, paths: { /api: pool${(n + 1) % pools} } }`,
  );
  const poolLines = Array.from({ length: pools }, (_, pool) => {
    const count = Math.min(perPool, size.members - pool * perPool);
    const members = Array.from({ length: count }, (_each, index) => {
      const number = pool * perPool + index;
      return `        m${number}: "10.${100 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}:8000"`;
    });
    return `    pool${pool}:\n      check: none\n      members:\n${members.join("\n")}`;
  });
  return `${head("10.9.0.25")}balancer:
  engine: ${engine}
  sites:
${siteLines.join("\n")}
  pools:
${poolLines.join("\n")}
`;
}
