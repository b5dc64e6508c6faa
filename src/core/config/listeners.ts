/**
 * Who listens where: every address with its port that sites claim, what else on a node has that port, and whether a
 * request to some address would come back to ourselves.
 */

import { MAX_LISTENERS } from "../base/limits.ts";
import type { ListenConfig, StatsConfig, TlsConfig } from "./balancer.ts";
import type { Surroundings } from "./balancer-references.ts";
import { pathText } from "./findings.ts";
import type { Reporter } from "./reporter.ts";
import type { ConfigPath } from "./source.ts";

/** One site's wish to listen. */
export interface Claim {
  readonly path: ConfigPath;
  readonly listen: ListenConfig;
  /** The site's names: `www.example.com`, `*.example.com`, `*`, each with its place. */
  readonly names: readonly { readonly name: string; readonly path: ConfigPath }[];
  readonly site: ConfigPath;
  readonly tls: TlsConfig | undefined;
}

interface Listener {
  readonly address: string;
  readonly port: number;
  readonly tls: boolean;
  readonly path: ConfigPath;
  /** Of the first site with TLS here. */
  readonly settings: { readonly tls: TlsConfig; readonly site: ConfigPath } | undefined;
  readonly names: Map<string, ConfigPath>;
}

/** `192.0.2.10:80`, `[2001:db8::10]:80`. */
export function endpointText(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

export class Listeners {
  /** All VIPs of all groups, in the file's order: where a site without an address listens. */
  readonly vips: readonly string[];
  private readonly reporter: Reporter;
  private readonly heartbeatPort: number;
  private readonly all = new Map<string, Listener>();
  /** The same by port, for what overlaps. */
  private readonly byPort = new Map<number, Listener[]>();
  /** Pairs of places that answer the same name, told already. */
  private readonly told = new Set<string>();
  /** Addresses that are on some node of the cluster, now or after a takeover. */
  private readonly own: ReadonlySet<string>;

  constructor(around: Surroundings, reporter: Reporter) {
    this.reporter = reporter;
    this.heartbeatPort = around.heartbeatPort;
    this.vips = around.groups.flatMap(({ resources }) =>
      resources.flatMap((resource) => (resource.kind === "vip" ? [resource.address] : [])),
    );
    this.own = new Set([...this.vips, ...around.nodes.flatMap(({ addresses }) => addresses)]);
  }

  /** Enters a site's wish; everything that stands against it is reported. */
  claim(claim: Claim): void {
    const { listen, path } = claim;
    if (listen.port === this.heartbeatPort) {
      this.reporter.report("CONFIG_PORT_TAKEN", path, `port ${listen.port} belongs to the cluster's heartbeat`, {
        next: "choose another port here or under `heartbeat`",
      });
      return;
    }
    for (const address of listen.addresses) {
      const key = endpointText(address, listen.port);
      const known = this.all.get(key);
      if (known !== undefined) {
        this.join(known, claim, key);
        continue;
      }
      if (this.isCovered(address, listen.port, path)) continue;
      if (this.all.size === MAX_LISTENERS) {
        this.reporter.report("CONFIG_TOO_MANY", path, "the sites listen on too many addresses and ports", {
          expected: `at most ${MAX_LISTENERS} together`,
        });
      }
      const settings = listen.tls && claim.tls ? { tls: claim.tls, site: claim.site } : undefined;
      const listener: Listener = { address, port: listen.port, tls: listen.tls, path, settings, names: new Map() };
      this.all.set(key, listener);
      const beside = this.byPort.get(listen.port);
      if (beside === undefined) this.byPort.set(listen.port, [listener]);
      else beside.push(listener);
      this.enterNames(listener, claim, key);
    }
  }

  private join(known: Listener, claim: Claim, key: string): void {
    if (known.tls !== claim.listen.tls) {
      this.reporter.report(
        "CONFIG_LISTEN_CONFLICT",
        claim.path,
        `${key} is ${claim.listen.tls ? "with" : "without"} TLS here and ${known.tls ? "with" : "without"} it at ${pathText(known.path)}`,
        { next: "choose another port for one of them" },
      );
      return;
    }
    if (known.settings !== undefined && claim.tls !== undefined) this.compareTls(known.settings, claim, key);
    this.enterNames(known, claim, key);
  }

  /** A handshake is answered before the site is known, so what it needs must be one for all. */
  private compareTls(first: NonNullable<Listener["settings"]>, claim: Claim, key: string): void {
    const { tls } = claim;
    if (tls === undefined) return;
    const pairs = [
      ["min-version", first.tls.minVersion, tls.minVersion],
      ["http2", first.tls.http2, tls.http2],
    ] as const;
    for (const [word, theirs, ours] of pairs) {
      if (theirs === ours) continue;
      const path = [...claim.site, "tls", word];
      const message = `is ${ours} here and ${theirs} at ${pathText(first.site)}, and both answer ${key}`;
      this.reporter.report("CONFIG_SITES_DISAGREE", path, message, {
        expected: `one value of ${word} for all sites of a port`,
      });
    }
  }

  private enterNames(listener: Listener, claim: Claim, key: string): void {
    for (const { name, path } of claim.names) {
      const twin = listener.names.get(name);
      if (twin === undefined) {
        listener.names.set(name, path);
        continue;
      }
      // The same two sites meet on every VIP.
      const pair = `${pathText(path)} ${pathText(twin)}`;
      if (this.told.has(pair) && !isEqualPath(twin, path)) continue;
      this.told.add(pair);
      const isSame = isEqualPath(twin, path);
      const what = isSame
        ? `${key} is listed twice`
        : `${name === "*" ? "another site takes all other names" : `${name} is answered by another site`} of ${key}: ${pathText(twin)}`;
      this.reporter.report("CONFIG_DUPLICATE_ENTRY", isSame ? claim.path : path, what, {
        next: isSame ? "keep one of them" : "leave the name to one of the sites, or let them listen elsewhere",
      });
      // Once for a place is enough.
      if (isSame) return;
    }
  }

  /** `0.0.0.0:80` beside `192.0.2.10:80`: which site answers would depend on the engine. */
  private isCovered(address: string, port: number, path: ConfigPath): boolean {
    const other = this.byPort.get(port)?.find((listener) => overlaps(listener.address, address));
    if (other === undefined) return false;
    const one = endpointText(address, port);
    const two = endpointText(other.address, port);
    this.reporter.report("CONFIG_LISTEN_CONFLICT", path, `${one} overlaps ${two} of ${pathText(other.path)}`, {
      next: "write the same addresses in both places",
    });
    return true;
  }

  /** The engine's page needs an address of its own. */
  takeForStats(stats: StatsConfig): void {
    const path = ["balancer", "stats", "listen"];
    if (stats.port === this.heartbeatPort) {
      this.reporter.report("CONFIG_PORT_TAKEN", path, `port ${stats.port} belongs to the cluster's heartbeat`, {
        next: "choose another port",
      });
    }
    const other = this.byPort
      .get(stats.port)
      ?.find(({ address }) => address === stats.address || overlaps(address, stats.address));
    if (other === undefined) return;
    this.reporter.report(
      "CONFIG_LISTEN_CONFLICT",
      path,
      `${endpointText(stats.address, stats.port)} is taken by ${pathText(other.path)}`,
      { next: "choose another port" },
    );
  }

  /** The place of the listener that answers an address on every node that has it; undefined: none of ours. */
  answering(address: string, port: number): ConfigPath | undefined {
    const exact = this.all.get(endpointText(address, port));
    if (exact !== undefined) return exact.path;
    if (!this.own.has(address) && !isLoopback(address)) return undefined;
    return this.all.get(endpointText(address.includes(":") ? "::" : "0.0.0.0", port))?.path;
  }
}

function isEqualPath(a: ConfigPath, b: ConfigPath): boolean {
  return pathText(a) === pathText(b);
}

function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}

/** Is one of the addresses all of the other's family? Equal ones do not overlap, they are the same. */
function overlaps(a: string, b: string): boolean {
  if (a === b || a.includes(":") !== b.includes(":")) return false;
  return [a, b].some((address) => address === "0.0.0.0" || address === "::");
}
