/** What is legal in the balancer's part of a cluster file and still likely to hurt. Pure; `check.ts` asks it. */

import type { Problem, Severity } from "../base/report.ts";
import type { BalancerConfig, PathMatch, PoolConfig, SiteConfig } from "./balancer.ts";
import type { ClusterConfig } from "./cluster.ts";
import { formatDuration } from "./duration.ts";
import { endpointText } from "./listeners.ts";
import { covers } from "./path-rules.ts";
import type { ConfigPath } from "./source.ts";

/** Makes a problem that points at the first of the paths that stands in the file. */
export type Report = (
  severity: Severity,
  code: string,
  paths: readonly ConfigPath[],
  text: Pick<Problem, "message" | "expected" | "next">,
) => Problem;

/** Risks of a balancer in its cluster. */
export function balancerRisks(config: ClusterConfig, balancer: BalancerConfig, report: Report): Problem[] {
  const context = contextOf(config, balancer);
  return [
    ...wholeRisks(balancer, report),
    ...balancer.sites.flatMap((site) => siteRisks(site, context, report)),
    ...balancer.pools.flatMap((pool) => poolRisks(pool, context, report)),
  ];
}

/** What single sites and pools are compared with, found once. */
interface Context {
  /** VIPs and nodes' addresses. */
  readonly ownAddresses: ReadonlySet<string>;
  readonly listenPorts: ReadonlySet<number>;
  /** Sites that use a pool. */
  readonly users: ReadonlyMap<string, readonly SiteConfig[]>;
}

function contextOf(config: ClusterConfig, balancer: BalancerConfig): Context {
  const vips = config.groups.flatMap(({ resources }) =>
    resources.flatMap((resource) => (resource.kind === "vip" ? [resource.address] : [])),
  );
  const users = new Map<string, SiteConfig[]>();
  for (const site of balancer.sites) {
    for (const pool of new Set([site.pool, ...site.paths.map((rule) => rule.pool)])) {
      const sites = users.get(pool);
      if (sites === undefined) users.set(pool, [site]);
      else sites.push(site);
    }
  }
  return {
    ownAddresses: new Set([...vips, ...config.nodes.flatMap(({ addresses }) => addresses)]),
    listenPorts: new Set(balancer.sites.flatMap(({ listen }) => listen.map(({ port }) => port))),
    users,
  };
}

function wholeRisks(balancer: BalancerConfig, report: Report): Problem[] {
  const found: Problem[] = [];
  const { stats, trusted } = balancer;
  if (stats !== undefined && !isLoopback(stats.address)) {
    found.push(
      report("warning", "RISK_STATS_IN_CLEAR", [["balancer", "stats", "listen"]], {
        message: `the page with figures answers on ${stats.address}: its password travels in clear text`,
        next: "let it listen on 127.0.0.1 and reach it through ssh, or on a network that only administrators use",
      }),
    );
  }
  for (const [index, network] of trusted.entries()) {
    if (!network.endsWith("/0")) continue;
    found.push(
      report("warning", "RISK_TRUSTS_EVERYBODY", [["balancer", "trusted", index]], {
        message: `${network} is everybody: any visitor can claim any address, in logs and rate limits too`,
        next: "list the addresses of the proxies in front of this cluster",
      }),
    );
  }
  return found;
}

function siteRisks(site: SiteConfig, context: Context, report: Report): Problem[] {
  const path = ["balancer", "sites", site.name];
  const found: Problem[] = [];
  const foreign = site.listen
    .flatMap(({ addresses }) => addresses)
    .find((address) => !isEverywhere(address) && !isLoopback(address) && !context.ownAddresses.has(address));
  if (foreign !== undefined) {
    found.push(
      report("warning", "RISK_FOREIGN_ADDRESS", [[...path, "listen"], path], {
        message: `site ${site.name} listens on ${foreign}, which is no VIP of a group and no address of a node`,
        next: "correct the address, or add it as a vip to a group",
      }),
    );
  }
  const isMixed = site.listen.some(({ tls }) => tls) && site.listen.some(({ tls }) => !tls);
  if (isMixed && site.redirectToHttps === undefined) {
    found.push(
      report("info", "RISK_CLEAR_TEXT", [[...path, "listen"], path], {
        message: `site ${site.name} has a certificate, and answers without TLS as well`,
        next: "add `redirect-to-https: true`, unless visitors need it",
      }),
    );
  }
  if (site.redirectToName !== undefined && site.names.length + site.wildcards.length === 1 && !site.catchesAll) {
    found.push(
      report("warning", "RISK_RULE_UNREACHABLE", [[...path, "redirect-to-name"]], {
        message: `site ${site.name} has no other name that could be redirected`,
        next: "add the other names to `aliases`",
      }),
    );
  }
  if (site.static?.fallback === true && site.static.match.length === 0) {
    found.push(
      report("warning", "RISK_SERVES_SOURCES", [[...path, "static"]], {
        message: `site ${site.name} sends every file below ${site.static.root} that is asked for, also settings and backups of an application there; only programs' sources and names with a dot before are left to the pool`,
        next: 'write what is for visitors, as `match: [/assets, "*.css", "*.png"]`, or let `root` be a folder that holds nothing else',
      }),
    );
  }
  const paths = site.paths.map(({ match }) => ({
    match,
    at: [
      [...path, "paths", matchText(match)],
      [...path, "paths"],
    ],
  }));
  const redirects = site.redirects.map(({ match }, index) => ({ match, at: [[...path, "redirects", index, "from"]] }));
  return [...found, ...unreachable(paths, report), ...unreachable(redirects, report)];
}

function unreachable(
  rules: readonly { readonly match: PathMatch; readonly at: readonly ConfigPath[] }[],
  report: Report,
): Problem[] {
  return rules.flatMap(({ match, at }, index) => {
    const earlier = rules.slice(0, index).find((rule) => covers(rule.match, match));
    if (earlier === undefined) return [];
    return [
      report("warning", "RISK_RULE_UNREACHABLE", at, {
        message: `no request reaches the rule for ${matchText(match)}: the one for ${matchText(earlier.match)} stands before it`,
        next: "move it up, or leave it out",
      }),
    ];
  });
}

function matchText({ kind, text }: PathMatch): string {
  return kind === "prefix" ? text : `${kind === "exact" ? "=" : "*"}${text}`;
}

function poolRisks(pool: PoolConfig, context: Context, report: Report): Problem[] {
  const path = ["balancer", "pools", pool.name];
  const users = context.users.get(pool.name) ?? [];
  const found: Problem[] = [];
  const add = (severity: Severity, code: string, at: readonly ConfigPath[], message: string, next: string) =>
    found.push(report(severity, code, at, { message, next }));
  if (users.length === 0)
    add("info", "RISK_POOL_UNUSED", [path], `no site uses pool ${pool.name}`, "name it in a site, or leave it out");
  if (pool.members.length === 1)
    add(
      "warning",
      "RISK_ONE_MEMBER",
      [[...path, "members"]],
      `pool ${pool.name} has one member: nobody serves while it is away`,
      "add a second one",
    );
  else if (pool.members.every(({ backup }) => backup))
    add(
      "warning",
      "RISK_ONLY_BACKUPS",
      [[...path, "members"]],
      `pool ${pool.name} has backups only: the first serves alone`,
      "leave out `backup` where members should share the work",
    );
  if (pool.maxQueue !== undefined && pool.members.every(({ maxConnections }) => maxConnections === undefined))
    add(
      "info",
      "RISK_SETTING_UNUSED",
      [[...path, "max-queue"]],
      `no member of pool ${pool.name} has a limit of connections, so nothing waits`,
      "write `connections` for its members",
    );
  return [
    ...found,
    ...checkRisks(pool, path, report),
    ...stickyRisks(pool, users, path, report),
    ...memberRisks(pool, path, context, report),
  ];
}

function checkRisks(pool: PoolConfig, path: ConfigPath, report: Report): Problem[] {
  const { check } = pool;
  if (check === undefined) {
    return [
      report("warning", "RISK_NO_CHECK", [[...path, "check"], path], {
        message: `nobody checks the members of pool ${pool.name}: a dead one keeps getting visitors, who wait for a retry`,
        next: "write `check: tcp`, or better a request: `check: { http: GET /… }`",
      }),
    ];
  }
  if (check.timeoutMs <= check.everyMs) return [];
  return [
    report(
      "warning",
      "RISK_LONG_TIMEOUT",
      [
        [...path, "check", "timeout"],
        [...path, "check"],
      ],
      {
        message: `a check of pool ${pool.name} may take ${formatDuration(check.timeoutMs)} and is due every ${formatDuration(check.everyMs)}: a hanging server is seen late`,
        next: "make timeout shorter than every",
      },
    ),
  ];
}

function stickyRisks(pool: PoolConfig, users: readonly SiteConfig[], path: ConfigPath, report: Report): Problem[] {
  const { sticky } = pool;
  if (sticky?.kind !== "cookie" || users.length === 0) return [];
  const inClear = users.find((site) => site.redirectToHttps === undefined && site.listen.some(({ tls }) => !tls));
  const at = [
    [...path, "sticky", "secure"],
    [...path, "sticky"],
  ];
  if (sticky.secure && inClear !== undefined) {
    return [
      report("warning", "RISK_STICKY_LOST", at, {
        message: `browsers keep the cookie ${sticky.name} for TLS only, and site ${inClear.name} also answers without: visitors there change members with every request`,
        next: "add `redirect-to-https: true` to the site, or leave `secure` out",
      }),
    ];
  }
  if (!sticky.secure && users.some((site) => site.listen.some(({ tls }) => tls))) {
    return [
      report("info", "RISK_COOKIE_IN_CLEAR", at, {
        message: `the cookie ${sticky.name} is also sent without TLS`,
        next: "let every site of the pool redirect to https; `secure` is then the default",
      }),
    ];
  }
  return [];
}

function memberRisks(pool: PoolConfig, path: ConfigPath, context: Context, report: Report): Problem[] {
  const hasCookie = pool.sticky !== undefined && pool.sticky.kind !== "source";
  return pool.members.flatMap((member) => {
    const at = [[...path, "members", member.name]];
    if (isLoopback(member.address)) {
      return [
        report("warning", "RISK_LOCAL_ADDRESS", at, {
          message: `${member.address} of member ${member.name} is another server on every node`,
          next: "use an address that means the same on all nodes",
        }),
      ];
    }
    if (member.node !== undefined && context.listenPorts.has(member.port)) {
      return [
        report("warning", "RISK_PORT_SHARED", at, {
          message: `${endpointText(member.address, member.port)} has a port that the balancer listens on too: if its server listens on all addresses of ${member.node}, one of the two cannot start there`,
          next: "let the server listen on another port, or on this address only",
        }),
      ];
    }
    if (member.cookie === member.name || hasCookie) return [];
    return [
      report("info", "RISK_SETTING_UNUSED", [[...path, "members", member.name, "cookie"], ...at], {
        message: `pool ${pool.name} has no sticky cookie that could say "${member.cookie}"`,
        next: "add `sticky: { cookie: NAME }` to the pool, or leave it out",
      }),
    ];
  });
}

function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}

function isEverywhere(address: string): boolean {
  return address === "0.0.0.0" || address === "::";
}
