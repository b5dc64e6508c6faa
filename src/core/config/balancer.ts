/**
 * The balancer's part of a cluster file after parsing: which names and ports are answered, and which members answer
 * behind them. One model for all engines; what an engine cannot do was refused before a value of these types was made
 * (`capabilities.ts`), so renderers need not look again.
 */

/** Programs that can carry the traffic. */
export type EngineName = "haproxy" | "nginx";

export interface BalancerConfig {
  readonly engine: EngineName;
  /** Connections of clients that one node's engine serves at a time. */
  readonly maxConnections: number;
  readonly accessLog: AccessLogConfig;
  readonly stats: StatsConfig | undefined;
  /** Networks (`10.0.0.0/8`, `::1/128`) whose forwarded headers are believed; everybody else's are dropped. */
  readonly trusted: readonly string[];
  /** How long connections of an older config may go on after a reload. */
  readonly oldWorkersMs: number;
  /** Buffers of nginx; undefined with other engines. */
  readonly nginx: NginxBuffers | undefined;
  /** In the file's order; names and wildcards are unique per listener. */
  readonly sites: readonly SiteConfig[];
  readonly pools: readonly PoolConfig[];
}

export type AccessLogConfig =
  | { readonly kind: "none" }
  | { readonly kind: "syslog" }
  | { readonly kind: "file"; readonly path: string };

/** The engine's own page with figures, behind a login. */
export interface StatsConfig {
  /** Canonical address; loopback unless said otherwise. */
  readonly address: string;
  readonly port: number;
  readonly path: string;
  readonly user: string;
  /** File with the password in its first line; its content is never in the cluster file. */
  readonly passwordFile: string;
}

/** Sizes in bytes. */
export interface NginxBuffers {
  readonly bodyBufferBytes: number;
  readonly headerBufferBytes: number;
  readonly buffers: { readonly count: number; readonly sizeBytes: number };
  readonly busyBytes: number;
  readonly temporaryWriteBytes: number;
}

/** What is answered under a name. */
export interface SiteConfig {
  /** Main name, lower case; unique. */
  readonly name: string;
  /** All exact names, the main one first; lower case. Empty only when the site's name is a label and it catches all. */
  readonly names: readonly string[];
  /** `*.example.com`: any name below, of any depth; lower case. */
  readonly wildcards: readonly string[];
  /** Answers for names that no site of the same listener has. */
  readonly catchesAll: boolean;
  readonly listen: readonly ListenConfig[];
  readonly tls: TlsConfig | undefined;
  readonly pool: string;
  /** The first that matches decides; otherwise `pool`. */
  readonly paths: readonly PathConfig[];
  /** Requests on listeners without TLS are sent to https with this status; undefined: answered as they are. */
  readonly redirectToHttps: RedirectStatus | undefined;
  /** Requests under another name of the site are sent to this one. */
  readonly redirectToName: { readonly name: string; readonly status: RedirectStatus } | undefined;
  /** The first that matches decides; looked at before `paths`. */
  readonly redirects: readonly RedirectConfig[];
  /** Larger bodies are refused with 413. */
  readonly bodyLimitBytes: number | undefined;
  readonly timeouts: SiteTimeouts;
  /** HTML file per status of answers that the engine gives itself. */
  readonly errorPages: readonly { readonly status: number; readonly path: string }[];
  /** Headers that tell the members about the client. `Host` is always kept. */
  readonly forward: readonly ForwardedHeader[];
  /** Fixed values; `undefined` removes the header. Names as written. */
  readonly requestHeaders: readonly HeaderRule[];
  readonly responseHeaders: readonly HeaderRule[];
  readonly accessLog: boolean;
  readonly static: StaticConfig | undefined;
  readonly compression: CompressionConfig | undefined;
  readonly rateLimit: RateLimitConfig | undefined;
}

export interface ListenConfig {
  /** Canonical addresses: the VIPs, or those written; `0.0.0.0` and `::` are all of a family. */
  readonly addresses: readonly string[];
  readonly port: number;
  readonly tls: boolean;
}

export interface TlsConfig {
  /** Absolute paths. Without `key` the certificate's file holds the key as well. The first is for clients without SNI. */
  readonly certificates: readonly { readonly certificate: string; readonly key: string | undefined }[];
  readonly http2: boolean;
  readonly minVersion: "1.2" | "1.3";
}

/** `/api` as prefix matches `/api` and `/api/x`, not `/apix`. Suffixes do not mind case (`.jpg`). */
export interface PathMatch {
  readonly kind: "exact" | "prefix" | "suffix";
  readonly text: string;
}

export interface PathConfig {
  readonly match: PathMatch;
  readonly pool: string;
}

export type RedirectStatus = 301 | 302 | 303 | 307 | 308;

export interface RedirectConfig {
  readonly match: PathMatch;
  /** Absolute URL or absolute path. */
  readonly to: string;
  readonly status: RedirectStatus;
  /** What follows a prefix, and the query, is appended to `to`. */
  readonly keepRest: boolean;
}

export interface SiteTimeouts {
  /** Between two packets of a client; also how long an idle connection of a client is kept. */
  readonly clientMs: number;
  /** Override those of the pool. */
  readonly serverMs: number | undefined;
  readonly tunnelMs: number | undefined;
}

export type ForwardedHeader = "x-forwarded-for" | "x-real-ip" | "x-forwarded-proto" | "forwarded";

export interface HeaderRule {
  readonly name: string;
  readonly value: string | undefined;
}

/** Files that the engine serves itself. */
export interface StaticConfig {
  readonly root: string;
  /** Served from the tree; empty: everything. */
  readonly match: readonly PathMatch[];
  /** What the tree lacks is asked of the pool; otherwise 404. */
  readonly fallback: boolean;
  readonly expiresMs: number | undefined;
  readonly accessLog: string | undefined;
}

export interface CompressionConfig {
  readonly types: readonly string[];
  readonly minBytes: number;
}

/** Per client address; above it 429. */
export interface RateLimitConfig {
  readonly requests: number;
  readonly periodMs: number;
  /** Requests above the rate that may come at once. */
  readonly burst: number;
}

/** Members that answer alike. */
export interface PoolConfig {
  readonly name: string;
  /** In the file's order; names are unique in the pool. */
  readonly members: readonly MemberConfig[];
  readonly balance: "roundrobin" | "leastconn" | "source" | "uri";
  readonly sticky: StickyConfig | undefined;
  readonly check: CheckConfig | undefined;
  /** When more than this share of the members fails within one check period, the checker is suspected and all serve. */
  readonly panicShare: number;
  /** Further attempts to connect, the last ones to other members with `redispatch`. */
  readonly retries: number;
  readonly redispatch: boolean;
  /** A member that came back gets its full share only after this time; 0: at once. */
  readonly slowStartMs: number;
  /** Requests that may wait for each member with a connection limit; undefined: the engine's own limit. */
  readonly maxQueue: number | undefined;
  readonly timeouts: PoolTimeouts;
}

export interface PoolTimeouts {
  readonly connectMs: number;
  readonly serverMs: number;
  /** How long a request may wait for a free place. */
  readonly queueMs: number;
  /** Silence on an upgraded connection (WebSocket). */
  readonly tunnelMs: number;
}

export interface MemberConfig {
  readonly name: string;
  /** The cluster's node that it runs on, when it is one. */
  readonly node: string | undefined;
  /** Canonical. */
  readonly address: string;
  readonly port: number;
  /** 1 to 256. */
  readonly weight: number;
  /** Gets requests only while no other member is up. */
  readonly backup: boolean;
  readonly maxConnections: number | undefined;
  /** What the sticky cookie says for it; unique in the pool unless a backup stands for the same machine. */
  readonly cookie: string;
}

export type StickyConfig =
  /** The engine's own cookie. */
  | { readonly kind: "cookie"; readonly name: string; readonly secure: boolean; readonly httpOnly: boolean }
  /** The application's cookie is marked with the member; the application sees it unmarked. */
  | { readonly kind: "app-cookie"; readonly name: string }
  /** The client's address decides, with consistent hashing: the same on every node, without a table. */
  | { readonly kind: "source" };

export interface CheckConfig {
  readonly probe: TcpProbe | HttpProbe;
  readonly everyMs: number;
  readonly timeoutMs: number;
  readonly fall: number;
  readonly rise: number;
  /** Asked instead of the member's own port. */
  readonly port: number | undefined;
}

export interface TcpProbe {
  readonly kind: "tcp";
}

export interface HttpProbe {
  readonly kind: "http";
  readonly method: string;
  /** With query. */
  readonly path: string;
  readonly host: string | undefined;
  readonly expect:
    | { readonly kind: "status"; readonly ranges: readonly (readonly [from: number, to: number])[] }
    /** Occurs in the body of a 2xx or 3xx answer. */
    | { readonly kind: "text"; readonly text: string };
}
