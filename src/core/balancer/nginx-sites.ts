/**
 * Sites as server blocks, one for each listener that a site answers on. A listener's names that no site has are
 * answered 404 by a block of their own, unless a site catches all.
 */

import type { RateLimitConfig, SiteConfig } from "../config/balancer.ts";
import { nginxRate } from "./capabilities.ts";
import type { Listener } from "./listeners.ts";
import type { FileFinder } from "./needed-files.ts";
import { HOST_LINES, requestHeaders, responseHeaders } from "./nginx-headers.ts";
import { locations, type SiteView } from "./nginx-locations.ts";
import { siteLog } from "./nginx-log.ts";
import { block, endpoint, escapePattern, quote, size, time, word } from "./nginx-words.ts";

/** Connections that may wait to be accepted. */
const BACKLOG = 4_096;

/** The folder of our own answers; nobody can ask for it from outside. */
const OWN_PATH = "/.understudy";

/** What servers are made of beside the site. */
export interface ServerOptions {
  readonly needed: FileFinder;
  readonly viewOf: (site: SiteConfig) => SiteView;
  /** Names that a certificate holds, when it is known; a site with several certificates is cut along them. */
  readonly certificateNames: (bundle: string) => readonly string[] | undefined;
}

/** All blocks of one listener. */
export function listenerServers(listener: Listener, options: ServerOptions): readonly string[] {
  const catcher = listener.sites.find(({ catchesAll }) => catchesAll);
  return [
    ...(catcher === undefined ? unknownNames(listener, options) : []),
    ...listener.sites.flatMap((site) => siteServers(listener, site, { ...options, isDefault: site === catcher })),
  ];
}

function listenLines({ addresses, port, tls, sites }: Listener, isDefault: boolean): readonly string[] {
  const http2 = tls && sites.some((site) => site.tls?.http2 === true);
  const flags = `${isDefault ? " default_server" : ""}${tls ? " ssl" : ""}${http2 ? " http2" : ""}`;
  const first = isDefault ? ` backlog=${BACKLOG}` : "";
  return addresses.map((address) => `listen ${endpoint(address, port)}${flags}${first};`);
}

function unknownNames(listener: Listener, { needed, viewOf }: ServerOptions): readonly string[] {
  const [first] = listener.sites;
  if (first === undefined) return [];
  const view = viewOf(first);
  return block("server", [
    ...listenLines(listener, true),
    'server_name "";',
    // Whoever names no site gets the first one's certificate, as long as a handshake needs one.
    ...(listener.tls ? tlsLines(first, needed.bundlesOf(first).slice(0, 1)) : []),
    ...timeoutLines(first),
    ...siteLog(view.config.accessLog, {
      directory: view.directory,
      ifWord: "",
      isLogged: listener.sites.some((s) => s.accessLog),
    }),
    "return 404;",
  ]);
}

interface NamedPart {
  readonly names: readonly string[];
  readonly bundles: readonly string[];
  readonly isDefault: boolean;
}

function siteServers(
  listener: Listener,
  site: SiteConfig,
  options: ServerOptions & { readonly isDefault: boolean },
): readonly string[] {
  const view = options.viewOf(site);
  const body = [
    ...timeoutLines(site),
    // No name has a comma, but `evil.example,www.example.com` ends like one that a wildcard fits.
    ...(site.wildcards.length === 0 ? [] : ['if ($host ~ ",") {', "    return 404;", "}"]),
    `client_max_body_size ${size(site.bodyLimitBytes ?? 0)};`,
    ...siteLog(view.config.accessLog, { directory: view.directory, ifWord: view.ifWord, isLogged: site.accessLog }),
    ...HOST_LINES,
    ...requestHeaders(site, view.config.trusted.length > 0),
    ...responseHeaders(site),
    ...compressionLines(site),
    ...(site.rateLimit === undefined ? [] : [rateLine(site, site.rateLimit)]),
    ...errorPageLines(view, options.needed),
    ...redirectLines(listener, view),
    ...locations(view),
  ];
  return partsOf(listener, site, options).flatMap(({ names, bundles, isDefault }) =>
    block("server", [
      ...listenLines(listener, isDefault),
      `server_name ${names.map(word).join(" ")};`,
      ...(listener.tls ? tlsLines(site, bundles) : []),
      ...body,
    ]),
  );
}

/** nginx takes certificates by the kind of key, not by name: names of different certificates need blocks of their own. */
function partsOf(
  { tls }: Listener,
  site: SiteConfig,
  { needed, certificateNames, isDefault }: ServerOptions & { readonly isDefault: boolean },
): readonly NamedPart[] {
  const names = [...site.names, ...site.wildcards];
  const all = names.length === 0 ? [site.name] : names;
  const bundles = needed.bundlesOf(site);
  if (!tls || bundles.length < 2) return [{ names: all, bundles, isDefault }];
  const parts = new Map<string, { names: string[]; bundles: readonly string[] }>();
  for (const name of all) {
    const fitting = bundles.filter(
      (bundle) => certificateNames(bundle)?.some((pattern) => covers(pattern, name)) ?? true,
    );
    // Without a certificate of its own a name gets the first.
    const chosen = fitting.length > 0 ? fitting : bundles.slice(0, 1);
    const key = chosen.join("\n");
    const part = parts.get(key) ?? { names: [], bundles: chosen };
    part.names.push(name);
    parts.set(key, part);
  }
  return [...parts.values()].map((part, index) => ({ ...part, isDefault: isDefault && index === 0 }));
}

/** A certificate's `*` stands for one label. */
function covers(pattern: string, name: string): boolean {
  const lower = pattern.toLowerCase();
  if (lower === name) return true;
  return lower.startsWith("*.") && name.slice(name.indexOf(".")) === lower.slice(1);
}

/** Mozilla's intermediate configuration for servers (version 5.7), without DHE, which needs parameters of its own. */
const CIPHERS = [
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

/** For the http block. */
export const TLS_DEFAULTS: readonly string[] = [
  `ssl_ciphers ${CIPHERS};`,
  "ssl_prefer_server_ciphers off;",
  "ssl_session_cache shared:tls:10m;",
  "ssl_session_timeout 1d;",
  // Their key would live as long as the process, and with it the secrecy of all its sessions.
  "ssl_session_tickets off;",
];

function tlsLines({ tls }: SiteConfig, bundles: readonly string[]): readonly string[] {
  return [
    ...bundles.flatMap((path) => [`ssl_certificate ${word(path)};`, `ssl_certificate_key ${word(path)};`]),
    `ssl_protocols ${tls?.minVersion === "1.3" ? "TLSv1.3" : "TLSv1.2 TLSv1.3"};`,
  ];
}

function timeoutLines({ timeouts }: SiteConfig): readonly string[] {
  const value = time(timeouts.clientMs);
  return ["client_header_timeout", "client_body_timeout", "send_timeout", "keepalive_timeout"].map(
    (name) => `${name} ${value};`,
  );
}

function compressionLines({ compression }: SiteConfig): readonly string[] {
  if (compression === undefined) return [];
  // nginx always compresses HTML, and warns when it is named.
  const types = compression.types.filter((type) => type !== "text/html");
  return [
    "gzip on;",
    "gzip_proxied any;",
    "gzip_vary on;",
    `gzip_min_length ${compression.minBytes};`,
    ...(types.length === 0 ? [] : [`gzip_types ${types.map(word).join(" ")};`]),
  ];
}

/** For the http block: what a site's limit counts in. */
export function rateZones(sites: readonly SiteConfig[]): readonly string[] {
  const limited = sites.filter(({ rateLimit }) => rateLimit !== undefined);
  // An address takes 128 bytes at most; the one that was quiet longest is forgotten when the zone is full.
  const megabytes = limited.length > 100 ? 1 : 10;
  return limited.map(({ name, rateLimit }) => {
    const rate = rateLimit && nginxRate(rateLimit);
    return `limit_req_zone $binary_remote_addr zone=${rateZone(name)}:${megabytes}m rate=${rate?.count ?? 1}r/${rate?.per ?? "s"};`;
  });
}

/** What comes in one period may come at once: nginx' bucket is as deep as that. */
function rateLine({ name }: SiteConfig, { requests, burst }: RateLimitConfig): string {
  const depth = requests - 1 + burst;
  return `limit_req zone=${rateZone(name)}${depth === 0 ? "" : ` burst=${depth} nodelay`};`;
}

function rateZone(site: string): string {
  return `limit-${site}`;
}

/** Own pages, and the ways that some requests take: both hang on the server, where every location inherits them. */
function errorPageLines(view: SiteView, needed: FileFinder): readonly string[] {
  const { site, directory } = view;
  return [
    'set $way "";',
    "error_page 418 = $way;",
    ...site.errorPages.flatMap(({ status, path }) => {
      const own = `${OWN_PATH}/${status}`;
      const file = errorFile(needed.errorPage(status, path));
      return [
        `error_page ${status} ${own};`,
        ...block(`location = ${own}`, [
          "internal;",
          "types { }",
          "default_type text/html;",
          `alias ${word(`${directory}/live/${file}`)};`,
        ]),
      ];
    }),
  ];
}

/** Where the page itself lies; other engines take whole answers. */
export function errorFile(path: string): string {
  return path.replace(/\.http$/, ".html");
}

/** To https, else to the site's main name; a request that needs both is sent on once. */
function redirectLines({ tls, port }: Listener, { site, config }: SiteView): readonly string[] {
  const secure = site.listen.find((listen) => listen.tls)?.port;
  if (!tls && site.redirectToHttps !== undefined && secure !== undefined) {
    const host = site.redirectToName?.name ?? "$host";
    const line = `return ${site.redirectToHttps} https://${host}${secure === 443 ? "" : `:${secure}`}$request_uri;`;
    // A proxy before us that speaks TLS with the client would be sent round in circles.
    if (config.trusted.length === 0) return [line];
    return ["if ($is_behind_tls = 0) {", `    ${line}`, "}", ...nameLines({ tls, port }, site)];
  }
  return nameLines({ tls, port }, site);
}

function nameLines({ tls, port }: Pick<Listener, "tls" | "port">, { redirectToName }: SiteConfig): readonly string[] {
  if (redirectToName === undefined) return [];
  const { name, status } = redirectToName;
  const place = `${tls ? "https" : "http"}://${name}${port === (tls ? 443 : 80) ? "" : `:${port}`}`;
  return [`if ($host !~* ${quote(`^${escapePattern(name)}$`)}) {`, `    return ${status} ${place}$request_uri;`, "}"];
}
