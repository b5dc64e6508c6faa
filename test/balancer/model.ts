/** Configs as parsing makes them, with the cluster file's defaults where a behaviour says nothing. */

import type {
  BalancerConfig,
  CheckConfig,
  EngineName,
  ListenConfig,
  MemberConfig,
  NginxBuffers,
  PoolConfig,
  SiteConfig,
} from "../../src/core/config/balancer.ts";
import type { WebMember } from "../../src/lab/traffic/web-members.ts";

const KILO = 1024;

const BUFFERS: NginxBuffers = {
  bodyBufferBytes: 128 * KILO,
  headerBufferBytes: 4 * KILO,
  buffers: { count: 4, sizeBytes: 32 * KILO },
  busyBytes: 64 * KILO,
  temporaryWriteBytes: 64 * KILO,
};

export function bufferSizes(parts: Partial<NginxBuffers>): NginxBuffers {
  return { ...BUFFERS, ...parts };
}

export function balancerOf(
  engine: EngineName,
  parts: Pick<BalancerConfig, "sites" | "pools"> & Partial<BalancerConfig>,
): BalancerConfig {
  return {
    engine,
    maxConnections: 2_000,
    accessLog: { kind: "none" },
    stats: undefined,
    trusted: [],
    oldWorkersMs: 60_000,
    nginx: engine === "nginx" ? BUFFERS : undefined,
    ...parts,
  };
}

export function siteOf(
  name: string,
  parts: Partial<SiteConfig> & { readonly listen: readonly ListenConfig[] },
): SiteConfig {
  return {
    name,
    names: [name],
    wildcards: [],
    catchesAll: false,
    tls: undefined,
    pool: "web",
    paths: [],
    redirectToHttps: undefined,
    redirectToName: undefined,
    redirects: [],
    bodyLimitBytes: undefined,
    timeouts: { clientMs: 30_000, serverMs: undefined, tunnelMs: undefined },
    errorPages: [],
    forward: ["x-forwarded-for", "x-real-ip", "x-forwarded-proto"],
    requestHeaders: [],
    responseHeaders: [],
    accessLog: true,
    static: undefined,
    compression: undefined,
    rateLimit: undefined,
    ...parts,
  };
}

export function poolOf(
  name: string,
  parts: Partial<PoolConfig> & { readonly members: readonly MemberConfig[] },
): PoolConfig {
  return {
    name,
    balance: "roundrobin",
    sticky: undefined,
    check: undefined,
    panicShare: 0.5,
    retries: 3,
    redispatch: true,
    slowStartMs: 0,
    maxQueue: undefined,
    timeouts: { connectMs: 1_000, serverMs: 10_000, queueMs: 5_000, tunnelMs: 60_000 },
    ...parts,
  };
}

export function memberOf({ name, address, port }: WebMember, parts: Partial<MemberConfig> = {}): MemberConfig {
  return {
    name,
    node: undefined,
    address,
    port,
    weight: 100,
    backup: false,
    maxConnections: undefined,
    cookie: name,
    ...parts,
  };
}

/** Often, so that nobody waits for it. */
export const CHECK: CheckConfig = {
  probe: {
    kind: "http",
    method: "HEAD",
    path: "/check.txt",
    host: undefined,
    expect: { kind: "status", ranges: [[200, 399]] },
  },
  everyMs: 200,
  timeoutMs: 200,
  fall: 3,
  rise: 2,
  port: undefined,
};
