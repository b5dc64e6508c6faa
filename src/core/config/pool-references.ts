/** Pools and members put together: where each member answers, on which node, and that it is not ourselves. */

import { MAX_MEMBERS } from "../base/limits.ts";
import type { CheckConfig, HttpProbe, MemberConfig, PoolConfig, SiteConfig, StickyConfig } from "./balancer.ts";
import { endpointText } from "./listeners.ts";
import type { Listeners } from "./listeners.ts";
import type { NodeConfig } from "./cluster.ts";
import { pathText } from "./findings.ts";
import { nearestWord } from "./nearest.ts";
import { entriesOf, member as partOf, read } from "./parts.ts";
import { CheckFile, DEFAULT_WEIGHT, MemberFile, PoolFile } from "./pool-schema.ts";
import type { MemberFileValue, PoolFileValue } from "./pool-schema.ts";
import type { Reporter } from "./reporter.ts";
import type { ConfigPath } from "./source.ts";

interface PoolContext {
  readonly nodes: readonly NodeConfig[];
  readonly sites: readonly SiteConfig[];
  readonly listeners: Listeners;
  readonly reporter: Reporter;
}

/** The pools in the file's order, as far as they are well formed; their members are checked even if a pool is not. */
export function resolvePools(entries: readonly [string, unknown][], context: PoolContext): PoolConfig[] {
  const resolver = new PoolResolver(context);
  const pools = entries.flatMap(([name, body]) => {
    const pool = resolver.pool(name, body);
    return pool === undefined ? [] : [pool];
  });
  if (resolver.memberCount > MAX_MEMBERS)
    context.reporter.reportKey("CONFIG_TOO_MANY", ["balancer", "pools"], `there are ${resolver.memberCount} members`, {
      expected: `at most ${MAX_MEMBERS} in all pools together`,
    });
  return pools;
}

class PoolResolver {
  memberCount = 0;
  private readonly nodes: ReadonlyMap<string, NodeConfig>;
  private readonly nodeOfAddress: ReadonlyMap<string, string>;
  private readonly context: PoolContext;
  private readonly overTlsOnly: ReadonlyMap<string, boolean>;

  constructor(context: PoolContext) {
    this.context = context;
    this.nodes = new Map(context.nodes.map((node) => [node.name, node]));
    this.nodeOfAddress = new Map(
      context.nodes.flatMap(({ name, addresses }) => addresses.map((address): [string, string] => [address, name])),
    );
    this.overTlsOnly = poolsOverTlsOnly(context.sites);
  }

  pool(name: string, body: unknown): PoolConfig | undefined {
    const { reporter } = this.context;
    const path = ["balancer", "pools", name];
    const files = entriesOf(partOf(body, "members"));
    if (partOf(body, "members") !== undefined)
      reporter.count([...path, "members"], files.length, { least: 1, most: Infinity, what: "member" });
    this.memberCount += files.length;
    const members = files.flatMap(([key, value]) => {
      const file = read(MemberFile, value);
      const member = file === undefined ? undefined : this.member([...path, "members", key], key, file);
      return member === undefined ? [] : [member];
    });
    this.checkTwins(path, members);
    const check = this.check([...path, "check"], read(CheckFile, partOf(body, "check")));
    this.checkAsksMembers(path, check, members);
    const file = read(PoolFile, body);
    if (file === undefined) return undefined;
    const sticky = this.sticky(path, name, file.sticky);
    if (sticky?.kind === "source" && file.balance !== undefined && file.balance !== "source")
      reporter.report(
        "CONFIG_CONTRADICTION",
        [...path, "balance"],
        `is ${file.balance}, and sticky is source: the address alone decides`,
        {
          next: "leave out one of them",
        },
      );
    return {
      name,
      members,
      balance: file.balance ?? (sticky?.kind === "source" ? "source" : "roundrobin"),
      sticky,
      check,
      panicShare: file["panic-share"],
      retries: file.retries,
      redispatch: file.redispatch,
      slowStartMs: file["slow-start"],
      maxQueue: file["max-queue"],
      timeouts: {
        connectMs: file.timeouts.connect,
        serverMs: file.timeouts.server,
        queueMs: file.timeouts.queue,
        tunnelMs: file.timeouts.tunnel,
      },
    };
  }

  private member(path: ConfigPath, name: string, file: MemberFileValue): MemberConfig | undefined {
    const { reporter, listeners } = this.context;
    const full = longForm(file);
    const port = this.portOf(path, full);
    const node = this.nodeOf(path, name, full);
    const address = full.address?.address ?? this.nodes.get(node ?? "")?.addresses[0];
    if (address === undefined) {
      const names = [...this.nodes.keys()];
      const wanted = full.node ?? name;
      const nearest = nearestWord(wanted, names);
      // An unknown `node` was already told.
      if (full.node === undefined)
        reporter.report("CONFIG_BAD_MEMBER", path, `has no address, and no node has the name "${wanted}"`, {
          expected: "an address with its port, or the name of a node as the member's name",
          ...(nearest && { nearest }),
        });
      return undefined;
    }
    if (port === undefined) return undefined;
    const answering = listeners.answering(address, port);
    if (answering !== undefined)
      reporter.report(
        "CONFIG_LOOP",
        path,
        `${endpointText(address, port)} is the balancer itself: ${pathText(answering)}`,
        {
          next: "let the server listen on another port or address, and name that here",
        },
      );
    return {
      name,
      node,
      address,
      port,
      weight: full.weight,
      backup: full.backup,
      maxConnections: full.connections,
      cookie: full.cookie ?? name,
    };
  }

  private portOf(path: ConfigPath, file: LongMember): number | undefined {
    const { reporter } = this.context;
    const inAddress = file.address?.port;
    if (inAddress !== undefined && file.port !== undefined && inAddress !== file.port)
      reporter.report(
        "CONFIG_CONTRADICTION",
        [...path, "port"],
        `is ${file.port}, and the address has the port ${inAddress}`,
        {
          next: "leave out one of them",
        },
      );
    const port = file.port ?? inAddress;
    if (port === undefined)
      reporter.report("CONFIG_MISSING", path, "has no port", {
        next: file.address?.address === undefined ? "add `port: …`" : `add it to the address, or as \`port: …\``,
      });
    return port;
  }

  /** By its own word, by the address, or by the member's name. */
  private nodeOf(path: ConfigPath, name: string, file: LongMember): string | undefined {
    const { reporter } = this.context;
    const byAddress = file.address?.address === undefined ? undefined : this.nodeOfAddress.get(file.address.address);
    if (file.node !== undefined && !reporter.known("node", file.node, [...path, "node"], new Set(this.nodes.keys())))
      return undefined;
    const named = file.node ?? (this.nodes.has(name) ? name : undefined);
    if (named !== undefined && byAddress !== undefined && named !== byAddress) {
      const at = file.node === undefined ? path : [...path, "node"];
      reporter.report(
        "CONFIG_BAD_MEMBER",
        at,
        `stands for the node ${named}, but ${file.address?.address} is an address of ${byAddress}`,
        {
          next: "correct the address, or give the member another name",
        },
      );
    }
    return named ?? byAddress;
  }

  /** Two entries for one server are a slip, unless one is the backup that stands in for the same machine. */
  private checkTwins(path: ConfigPath, members: readonly MemberConfig[]): void {
    const { reporter } = this.context;
    const byCookie = new Map<string, MemberConfig>();
    const byEndpoint = new Map<string, MemberConfig>();
    for (const member of members) {
      const place = [...path, "members", member.name];
      const endpoint = endpointText(member.address, member.port);
      const twin = byEndpoint.get(endpoint);
      if (twin === undefined) byEndpoint.set(endpoint, member);
      else if (twin.backup === member.backup)
        reporter.report("CONFIG_DUPLICATE_ADDRESS", place, `${endpoint} is already the member ${twin.name}`, {
          next: "keep one of them, or make one a backup",
        });
      const sharer = byCookie.get(member.cookie);
      if (sharer === undefined) byCookie.set(member.cookie, member);
      else if (sharer.address !== member.address || sharer.backup === member.backup)
        reporter.report(
          "CONFIG_BAD_COOKIE",
          [...place, "cookie"],
          `"${member.cookie}" already stands for the member ${sharer.name}`,
          { expected: "a value of its own, unless it is a backup on the same machine" },
        );
    }
  }

  /** A check that reaches ourselves says "up" for a server that is dead. */
  private checkAsksMembers(path: ConfigPath, check: CheckConfig | undefined, members: readonly MemberConfig[]): void {
    const { reporter, listeners } = this.context;
    const port = check?.port;
    if (port === undefined) return;
    for (const { name, address } of members) {
      const answering = listeners.answering(address, port);
      if (answering === undefined) continue;
      const message = `${endpointText(address, port)} of member ${name} is the balancer itself: ${pathText(answering)}`;
      reporter.report("CONFIG_LOOP", [...path, "check", "port"], message, { next: "name a port of the server" });
      return;
    }
  }

  private sticky(path: ConfigPath, pool: string, file: PoolFileValue["sticky"]): StickyConfig | undefined {
    const { reporter } = this.context;
    if (file === "none") return undefined;
    if (file === "source") return { kind: "source" };
    const place = [...path, "sticky"];
    const { cookie } = file;
    const appCookie = file["app-cookie"];
    if ((cookie === undefined) === (appCookie === undefined)) {
      reporter.report("CONFIG_ONE_OF", place, cookie === undefined ? "names no cookie" : "names two cookies", {
        expected: "exactly one of cookie and app-cookie, or the word source",
      });
      return undefined;
    }
    if (cookie !== undefined) {
      const secure = file.secure ?? this.overTlsOnly.get(pool) ?? false;
      return { kind: "cookie", name: cookie, secure, httpOnly: file["http-only"] ?? true };
    }
    for (const word of ["secure", "http-only"] as const) {
      if (file[word] !== undefined)
        reporter.report("CONFIG_CONTRADICTION", [...place, word], "the application's cookie is its own matter", {
          next: "leave it out",
        });
    }
    return { kind: "app-cookie", name: appCookie ?? "" };
  }

  private check(path: ConfigPath, file: PoolFileValue["check"] | undefined): CheckConfig | undefined {
    if (file === undefined || file === "none") return undefined;
    if (file === "tcp") return DEFAULT_CHECK;
    const timing = {
      everyMs: file.every,
      timeoutMs: file.timeout ?? Math.min(1_000, file.every),
      fall: file.fall,
      rise: file.rise,
      port: file.port,
    };
    const { http } = file;
    if (http === undefined) {
      for (const word of ["host", "status", "text"] as const) {
        if (file[word] !== undefined)
          this.context.reporter.report("CONFIG_BAD_CHECK", [...path, word], "belongs to an HTTP check", {
            next: "add `http: GET /…`, or leave it out",
          });
      }
      return { probe: { kind: "tcp" }, ...timing };
    }
    return {
      probe: { kind: "http", ...http, host: file.host, expect: this.expected(path, file, http.method) },
      ...timing,
    };
  }

  private expected(path: ConfigPath, file: LongCheck, method: string): HttpProbe["expect"] {
    const { reporter } = this.context;
    if (file.text === undefined) return { kind: "status", ranges: file.status ?? [[200, 399]] };
    if (file.status !== undefined)
      reporter.report("CONFIG_CONTRADICTION", [...path, "text"], "stands beside `status`", {
        expected: "one of text and status",
      });
    if (method === "HEAD")
      reporter.report("CONFIG_CONTRADICTION", [...path, "text"], "an answer to HEAD has no body", {
        next: "write `http: GET …`",
      });
    return { kind: "text", text: file.text };
  }
}

type LongMember = Extract<MemberFileValue, { readonly weight: number }>;
type LongCheck = Exclude<PoolFileValue["check"], string>;

function longForm(file: MemberFileValue): LongMember {
  if (typeof file === "number") return { port: file, weight: DEFAULT_WEIGHT, backup: false };
  return "weight" in file ? file : { address: file, weight: DEFAULT_WEIGHT, backup: false };
}

const DEFAULT_CHECK: CheckConfig = {
  probe: { kind: "tcp" },
  everyMs: 2_000,
  timeoutMs: 1_000,
  fall: 3,
  rise: 2,
  port: undefined,
};

/** For each pool that sites use: do all of them reach it over TLS only? */
function poolsOverTlsOnly(sites: readonly SiteConfig[]): Map<string, boolean> {
  const found = new Map<string, boolean>();
  for (const site of sites) {
    const isOnly = site.redirectToHttps !== undefined || site.listen.every(({ tls }) => tls);
    for (const pool of [site.pool, ...site.paths.map((rule) => rule.pool)])
      found.set(pool, isOnly && (found.get(pool) ?? true));
  }
  return found;
}
