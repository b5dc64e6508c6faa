/** Small balancer configs for tests. */

import type { BalancerConfig, MemberConfig, PoolConfig, SiteConfig } from "../config/balancer.ts";

export function member(name: string, more: Partial<MemberConfig> = {}): MemberConfig {
  return {
    name,
    node: undefined,
    address: "10.0.0.11",
    port: 8_000,
    weight: 100,
    backup: false,
    maxConnections: undefined,
    cookie: name,
    ...more,
  };
}

/** A pool whose members `srv1`, `srv2`, … run on the nodes of the same names. */
export function pool(name: string, members: readonly MemberConfig[], more: Partial<PoolConfig> = {}): PoolConfig {
  return {
    name,
    members,
    balance: "roundrobin",
    sticky: undefined,
    check: { probe: { kind: "tcp" }, everyMs: 2_000, timeoutMs: 500, fall: 3, rise: 2, port: undefined },
    panicShare: 0.5,
    retries: 3,
    redispatch: true,
    slowStartMs: 0,
    maxQueue: undefined,
    timeouts: { connectMs: 3_000, serverMs: 60_000, queueMs: 10_000, tunnelMs: 3_600_000 },
    ...more,
  };
}

export function site(name: string, more: Partial<SiteConfig> = {}): SiteConfig {
  return {
    name,
    names: [name],
    wildcards: [],
    catchesAll: false,
    listen: [{ addresses: ["192.0.2.10"], port: 80, tls: false }],
    tls: undefined,
    pool: "apache",
    paths: [],
    redirectToHttps: undefined,
    redirectToName: undefined,
    redirects: [],
    bodyLimitBytes: undefined,
    timeouts: { clientMs: 60_000, serverMs: undefined, tunnelMs: undefined },
    errorPages: [],
    forward: ["x-forwarded-for"],
    requestHeaders: [],
    responseHeaders: [],
    accessLog: true,
    static: undefined,
    compression: undefined,
    rateLimit: undefined,
    ...more,
  };
}

export function balancer(more: Partial<BalancerConfig> = {}): BalancerConfig {
  return {
    engine: "haproxy",
    maxConnections: 10_000,
    accessLog: { kind: "none" },
    stats: undefined,
    trusted: [],
    oldWorkersMs: 60_000,
    nginx: undefined,
    sites: [site("example.com")],
    pools: [pool("apache", [member("srv1", { node: "srv1" }), member("srv2", { node: "srv2" })])],
    ...more,
  };
}
