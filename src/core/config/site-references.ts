/** Sites put together: names, listeners, pools, and rules that would contradict each other. */

import { MAX_SITE_NAMES } from "../base/limits.ts";
import type {
  CompressionConfig,
  HeaderRule,
  ListenConfig,
  PathConfig,
  RedirectConfig,
  SiteConfig,
  StaticConfig,
  TlsConfig,
} from "./balancer.ts";
import { readHostName, readPathMatch } from "./balancer-values.ts";
import type { Listeners } from "./listeners.ts";
import { nearestWord } from "./nearest.ts";
import { entriesOf, member, read } from "./parts.ts";
import { findRedirectLoop } from "./path-rules.ts";
import type { Reporter } from "./reporter.ts";
import { COMPRESSED_TYPES, ListenFile, SiteFile, TlsFile } from "./site-schema.ts";
import type { ListenEntryValue, SiteFileValue, TlsFileValue } from "./site-schema.ts";
import type { ConfigPath } from "./source.ts";

interface SiteContext {
  readonly poolNames: ReadonlySet<string>;
  readonly listeners: Listeners;
  readonly reporter: Reporter;
}

/** The sites in the file's order, as far as they are well formed. */
export function resolveSites(entries: readonly [string, unknown][], context: SiteContext): SiteConfig[] {
  const resolver = new SiteResolver(context);
  return entries.flatMap(([name, body]) => {
    const site = resolver.site(name, body);
    return site === undefined ? [] : [site];
  });
}

class SiteResolver {
  private readonly context: SiteContext;

  constructor(context: SiteContext) {
    this.context = context;
  }

  site(name: string, body: unknown): SiteConfig | undefined {
    const { reporter } = this.context;
    const path = ["balancer", "sites", name];
    this.checkPools(path, body);
    const tls = tlsOf(read(TlsFile.optional(), member(body, "tls")));
    const names = this.names(path, name, member(body, "aliases"));
    const listen = this.listen(path, member(body, "listen"), tls, names);
    const file = read(SiteFile, body);
    if (file === undefined) return undefined;
    this.checkTls(path, file, listen, tls);
    const redirects = this.redirects(path, file);
    this.checkHeaders(path, file);
    reporter.distinct([...path, "forward"], file.forward);
    return {
      name,
      names: names.exact,
      wildcards: names.wildcards,
      catchesAll: names.catchesAll,
      listen,
      tls,
      pool: file.pool,
      paths: pathsOf(file),
      redirectToHttps: httpsStatus(file["redirect-to-https"]),
      redirectToName: this.redirectToName(path, file, names.exact),
      redirects,
      bodyLimitBytes: file["body-limit"],
      timeouts: { clientMs: file.timeouts.client, serverMs: file.timeouts.server, tunnelMs: file.timeouts.tunnel },
      errorPages: Object.entries(file["error-pages"])
        .map(([status, page]) => ({ status: Number(status), path: page }))
        .sort((a, b) => a.status - b.status),
      forward: file.forward,
      requestHeaders: headersOf(file["request-headers"]),
      responseHeaders: headersOf(file["response-headers"]),
      accessLog: file["access-log"],
      static: staticOf(file.static),
      compression: compressionOf(file.compression),
      rateLimit: file["rate-limit"] && {
        requests: file["rate-limit"].requests,
        periodMs: file["rate-limit"].per,
        burst: file["rate-limit"].burst,
      },
    };
  }

  private checkPools(path: ConfigPath, body: unknown): void {
    const { reporter, poolNames } = this.context;
    const pool = member(body, "pool");
    if (typeof pool === "string") reporter.known("pool", pool, [...path, "pool"], poolNames);
    for (const [text, name] of entriesOf(member(body, "paths")))
      if (typeof name === "string") reporter.known("pool", name, [...path, "paths", text], poolNames);
  }

  private names(path: ConfigPath, name: string, aliases: unknown): SiteNames {
    const found: { name: string; path: ConfigPath }[] = [];
    const list = Array.isArray(aliases) ? (aliases as unknown[]).slice(0, MAX_SITE_NAMES) : [];
    const exact: string[] = [];
    const wildcards: string[] = [];
    let catchesAll = false;
    for (const [index, alias] of list.entries()) {
      const reading = typeof alias === "string" ? readHostName(alias, true) : undefined;
      if (!reading?.ok) continue;
      const { kind } = reading.value;
      const text = kind === "any" ? "*" : kind === "wildcard" ? `*.${reading.value.name}` : reading.value.name;
      if (text === name || found.some((other) => other.name === text)) {
        const more = { next: "leave it out here" };
        this.context.reporter.report(
          "CONFIG_DUPLICATE_ENTRY",
          [...path, "aliases", index],
          `${text} is listed twice`,
          more,
        );
        continue;
      }
      found.push({ name: text, path: [...path, "aliases", index] });
      if (kind === "exact") exact.push(text);
      else if (kind === "wildcard") wildcards.push(text);
      else catchesAll = true;
    }
    // A site that takes all other names may have a label for its own, which nobody asks for.
    const isLabel = catchesAll && !name.includes(".");
    if (!isLabel) {
      exact.unshift(name);
      found.unshift({ name, path });
    }
    return { exact, wildcards, catchesAll, found };
  }

  private listen(path: ConfigPath, value: unknown, tls: TlsConfig | undefined, names: SiteNames): ListenConfig[] {
    const { listeners, reporter } = this.context;
    const file = read(ListenFile, value);
    if (file === undefined && value !== undefined) return [];
    const entries: readonly ListenEntryValue[] = file === undefined ? (tls ? [80, 443] : [80]) : [file].flat();
    return entries.flatMap((entry, index) => {
      const place = Array.isArray(file) ? [...path, "listen", index] : [...path, "listen"];
      const listen = this.listenEntry(entry);
      if (listen.addresses.length === 0) {
        reporter.report("CONFIG_NO_VIP", place, "no group has a VIP that the site could listen on", {
          next: `add a vip to a group, or write an address: "0.0.0.0:${listen.port}"`,
        });
        return [];
      }
      listeners.claim({ path: place, listen, names: names.found, site: path, tls });
      return [listen];
    });
  }

  private listenEntry(entry: ListenEntryValue): ListenConfig {
    const long = typeof entry === "number" ? { port: entry } : entry;
    const port = long.port ?? 0;
    const tls = "tls" in long && long.tls !== undefined ? long.tls : port === 443;
    const addresses = long.address === undefined ? this.context.listeners.vips : [long.address].flat();
    return { addresses, port, tls };
  }

  private checkTls(
    path: ConfigPath,
    file: SiteFileValue,
    listen: readonly ListenConfig[],
    tls: TlsConfig | undefined,
  ): void {
    const { reporter } = this.context;
    if (listen.length === 0) return;
    const hasTls = listen.some((entry) => entry.tls);
    const hasClear = listen.some((entry) => !entry.tls);
    if (hasTls && tls === undefined)
      reporter.report("CONFIG_NO_CERTIFICATE", [...path, "listen"], "listens with TLS and has no certificate", {
        next: "add `tls: { certificates: /path/to/file.pem }`",
      });
    if (!hasTls && tls !== undefined)
      reporter.report(
        "CONFIG_CONTRADICTION",
        [...path, "tls"],
        "has certificates, and the site listens nowhere with TLS",
        {
          next: "write `listen: [80, 443]`, or leave `tls` out",
        },
      );
    if (httpsStatus(file["redirect-to-https"]) !== undefined && !(hasTls && hasClear))
      reporter.report(
        "CONFIG_CONTRADICTION",
        [...path, "redirect-to-https"],
        hasTls ? "there is no port without TLS to come from" : "there is no port with TLS to go to",
        { next: "write `listen: [80, 443]`, or leave the redirect out" },
      );
  }

  private redirectToName(
    path: ConfigPath,
    file: SiteFileValue,
    names: readonly string[],
  ): SiteConfig["redirectToName"] {
    const value = file["redirect-to-name"];
    if (value === undefined) return undefined;
    const { name, status } = typeof value === "string" ? { name: value, status: 301 as const } : value;
    if (!names.includes(name)) {
      const nearest = nearestWord(name, names);
      const place = [...path, "redirect-to-name", ...(typeof value === "string" ? [] : ["name"])];
      this.context.reporter.report("CONFIG_BAD_REDIRECT", place, `"${name}" is no name of this site`, {
        ...(names.length > 0 && names.length <= 10 && { expected: names.join(", ") }),
        ...(nearest && { nearest }),
        next: "add it to `aliases`, or name another",
      });
    }
    return { name, status };
  }

  private redirects(path: ConfigPath, file: SiteFileValue): RedirectConfig[] {
    const rules = file.redirects.map((rule) => ({
      match: rule.from,
      to: rule.to,
      status: rule.status,
      keepRest: rule["keep-rest"] ?? rule.from.kind === "prefix",
    }));
    for (const index of findRedirectLoop(rules)) {
      const message = `leads to ${rules[index]?.to}, which is redirected for ever`;
      this.context.reporter.report("CONFIG_LOOP", [...path, "redirects", index, "to"], message, {
        next: "redirect to a path that no rule of the site fits",
      });
    }
    return rules;
  }

  private checkHeaders(path: ConfigPath, file: SiteFileValue): void {
    const { reporter } = this.context;
    for (const word of ["request-headers", "response-headers"] as const) {
      const seen = new Set<string>();
      for (const name of Object.keys(file[word])) {
        const place = [...path, word, name];
        const lower = name.toLowerCase();
        const why = KEPT_HEADERS[word].get(lower);
        if (why !== undefined)
          reporter.reportKey("CONFIG_BAD_HEADER", place, `cannot be set: ${why}`, { next: "leave it out" });
        if (seen.has(lower))
          reporter.reportKey("CONFIG_DUPLICATE_ENTRY", place, `${name} is there twice`, { next: "keep one of them" });
        seen.add(lower);
      }
    }
  }
}

interface SiteNames {
  readonly exact: readonly string[];
  readonly wildcards: readonly string[];
  readonly catchesAll: boolean;
  readonly found: readonly { readonly name: string; readonly path: ConfigPath }[];
}

const FRAMING = "it says where a message ends, and the engine writes it itself";
const HOP = "it is about one connection, and the engine writes it itself";
const FORWARD = "name it under `forward`";

/** Headers that no rule may touch, with the reason. */
const KEPT_HEADERS: Readonly<Record<"request-headers" | "response-headers", ReadonlyMap<string, string>>> = {
  "request-headers": new Map([
    ["host", "members get the name that the visitor asked for"],
    ["content-length", FRAMING],
    ["transfer-encoding", FRAMING],
    ["trailer", FRAMING],
    ["te", HOP],
    ["connection", HOP],
    ["keep-alive", HOP],
    ["proxy-connection", HOP],
    ["upgrade", HOP],
    ["http2-settings", HOP],
    ["expect", HOP],
    ["cookie", "stickiness and sessions live in it"],
    ["x-forwarded-for", FORWARD],
    ["x-real-ip", FORWARD],
    ["x-forwarded-proto", FORWARD],
    ["forwarded", FORWARD],
  ]),
  "response-headers": new Map([
    ["content-length", FRAMING],
    ["transfer-encoding", FRAMING],
    ["trailer", FRAMING],
    ["content-encoding", "it must say how the body is encoded"],
    ["connection", HOP],
    ["keep-alive", HOP],
    ["proxy-connection", HOP],
    ["upgrade", HOP],
    ["set-cookie", "it would wipe out the cookies of stickiness and sessions"],
  ]),
};

function headersOf(file: Readonly<Record<string, string | undefined>>): HeaderRule[] {
  return Object.entries(file).map(([name, value]) => ({ name, value }));
}

function tlsOf(file: TlsFileValue | undefined): TlsConfig | undefined {
  if (file === undefined) return undefined;
  const certificates = [file.certificates]
    .flat()
    .map((entry) =>
      typeof entry === "string"
        ? { certificate: entry, key: undefined }
        : { certificate: entry.certificate, key: entry.key },
    );
  return { certificates, http2: file.http2, minVersion: file["min-version"] };
}

function pathsOf(file: SiteFileValue): PathConfig[] {
  return Object.entries(file.paths).flatMap(([text, pool]) => {
    const match = readPathMatch(text);
    return match.ok ? [{ match: match.value, pool }] : [];
  });
}

function httpsStatus(value: SiteFileValue["redirect-to-https"]): SiteConfig["redirectToHttps"] {
  if (value === false) return undefined;
  return value === true ? 301 : value;
}

function staticOf(file: SiteFileValue["static"]): StaticConfig | undefined {
  if (file === undefined) return undefined;
  const { root, match, fallback, expires } = file;
  return { root, match: [match].flat(), fallback, expiresMs: expires, accessLog: file["access-log"] };
}

function compressionOf(file: SiteFileValue["compression"]): CompressionConfig | undefined {
  if (file === false) return undefined;
  if (file === true) return { types: COMPRESSED_TYPES, minBytes: 0 };
  return { types: file.types, minBytes: file["min-size"] };
}
