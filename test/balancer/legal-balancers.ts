/**
 * Draws balancers that the cluster file allows, with every setting and the strangest characters that each text may have.
 * What parsing lets through, the real engine must take: otherwise an operator learns of it when it is too late.
 */

import fc from "fast-check";
import type { EngineName } from "../../src/core/config/balancer.ts";

/** Files that the drawn balancers name. */
export interface DrawnFiles {
  /** Certificate and key. */
  readonly certificate: string;
  readonly errorPage: string;
  readonly password: string;
  readonly folder: string;
}

type Settings = Record<string, unknown>;

/** Names that mean something in an engine's own words, too. */
const name = fc.constantFrom(
  ...[
    "a",
    "b.c",
    "x-y_z",
    "stats",
    "events",
    "default",
    "all",
    "http",
    "https-443",
    "Z9",
    "listen",
    "panic",
    "if",
    "end",
    "upstream",
  ],
);
const SHOWN = "[!\"#%&'()*+,./0-9:;<=>?@A-Z[\\]^_`a-z{|}~-]";
const shown = fc.stringMatching(new RegExp(`^${SHOWN}(${SHOWN.replace("[", "[ ")}{0,12}${SHOWN})?$`));
const token = fc.stringMatching(/^[A-Za-z0-9!*+.^_|~-]{1,8}$/);
const cookie = fc.stringMatching(/^[A-Za-z0-9._-]{1,8}$/);
const folder = fc.stringMatching(/^(\/[A-Za-z0-9._~!&()+,=:@-]{1,5}){1,3}\/?$/);
const url = fc
  .stringMatching(/^(\/[A-Za-z0-9._~!&()*+,=:@-]{0,5}){1,3}(\?[A-Za-z0-9._~!&()*+,=:@/-]{0,4}(%2[0-9A-F])?)?$/)
  .filter((text) => !text.startsWith("//"));
const match = fc.oneof(
  folder,
  folder.map((text) => `=${text}`),
  fc.stringMatching(/^\*[._-][A-Za-z0-9][A-Za-z0-9.]{0,4}$/),
);
const duration = fc.constantFrom("100ms", "1s", "1500ms", "1m", "1h");
const port = fc.integer({ min: 1, max: 65_535 });
const KEPT = /^(host|te|cookie|expect|upgrade|date|server)$/i;
const headers = fc.dictionary(
  token.filter((text) => !KEPT.test(text)),
  fc.oneof(shown, fc.constant(false)),
  { maxKeys: 3 },
);

/** Any of the settings may be left out. */
function some(
  settings: Record<string, fc.Arbitrary<unknown>>,
  required: readonly string[] = [],
): fc.Arbitrary<Settings> {
  return fc.record(settings, { requiredKeys: [...required] }) as fc.Arbitrary<Settings>;
}

function member(index: number): fc.Arbitrary<unknown> {
  const long = some(
    {
      address: fc.constant(`10.0.2.${index + 1}`),
      port,
      weight: fc.integer({ min: 1, max: 256 }),
      backup: fc.boolean(),
      connections: fc.integer({ min: 1, max: 500 }),
    },
    ["address", "port"],
  );
  return fc.oneof(fc.constant(`10.0.1.${index + 1}:8000`), fc.constant(`[2001:db8::${index + 1}]:80`), long);
}

const members = fc
  .uniqueArray(name, { minLength: 1, maxLength: 4 })
  .chain((names) => fc.record(Object.fromEntries(names.map((key, index) => [key, member(index)]))));

const httpCheck = some(
  {
    http: fc.tuple(fc.constantFrom("GET ", "HEAD ", "OPTIONS ", ""), url).map(([method, path]) => method + path),
    host: fc.constant("a.com"),
    status: fc.constantFrom("200-399", "200,204,301-302", "200"),
    every: duration,
    timeout: fc.constantFrom("10ms", "1s"),
    port,
  },
  ["http"],
);
const textCheck = some({ http: url, text: shown, rise: fc.integer({ min: 1, max: 9 }) }, ["http", "text"]);

const pool = some(
  {
    members,
    balance: fc.constantFrom("roundrobin", "leastconn", "source", "uri"),
    sticky: fc.oneof(
      fc.record({ cookie }),
      cookie.map((text) => ({ "app-cookie": text })),
      fc.constant("source"),
    ),
    check: fc.oneof(fc.constantFrom("tcp", "none"), httpCheck, textCheck),
    "panic-share": fc.constantFrom(0.5, 1, 0.01),
    retries: fc.integer({ min: 0, max: 10 }),
    redispatch: fc.boolean(),
    "slow-start": duration,
    "max-queue": fc.integer({ min: 1, max: 1_000 }),
    timeouts: some({
      connect: fc.constantFrom("10ms", "5s"),
      server: duration,
      queue: duration,
      tunnel: fc.constantFrom("1s", "1h"),
    }),
  },
  ["members"],
);

const PLACES = [
  80,
  443,
  "127.0.0.1:81",
  "[::1]:82",
  { port: 83, address: ["10.0.0.9", "2001:db8::9"] },
  { port: 444, tls: true },
];
const STATUSES = [400, 403, 404, 405, 408, 410, 413, 425, 429, 500, 502, 503, 504];

const redirect = some(
  {
    from: match,
    to: fc.oneof(
      url,
      url.map((path) => `https://x.com${path}`),
      fc.constantFrom("http://x.com:81", "https://[2001:db8::1]/a", "https://x.com?a=%20"),
    ),
    status: fc.constantFrom(301, 302, 303, 307, 308),
    "keep-rest": fc.boolean(),
  },
  ["from", "to"],
);

function site(pools: readonly string[], files: DrawnFiles): fc.Arbitrary<Settings> {
  const ofPools = fc.constantFrom(...pools);
  return some(
    {
      pool: ofPools,
      aliases: fc.subarray(["w.a.com", "*.a.com", "*", "_x.b-c.com", "xn--bcher-kva.example"]),
      listen: fc.subarray<unknown>(PLACES, { minLength: 1 }),
      paths: fc.dictionary(match, ofPools, { maxKeys: 4 }),
      "redirect-to-https": fc.constantFrom(true, 308),
      "redirect-to-name": fc.constant(true),
      redirects: fc.array(redirect, { maxLength: 3 }),
      "body-limit": fc.constantFrom("1B", "30MB", "1000GB"),
      timeouts: some({ server: duration, tunnel: fc.constant("1s") }),
      "error-pages": fc
        .subarray(STATUSES)
        .map((list) => Object.fromEntries(list.map((status) => [status, files.errorPage]))),
      forward: fc.subarray(["x-forwarded-for", "x-real-ip", "x-forwarded-proto", "forwarded"]),
      "request-headers": headers,
      "response-headers": headers,
      "access-log": fc.boolean(),
      static: some(
        {
          root: fc.constant(files.folder),
          match: fc.array(match, { maxLength: 3 }),
          fallback: fc.boolean(),
          expires: duration,
        },
        ["root"],
      ),
      compression: fc.constantFrom<unknown>(true, { types: ["text/html", "application/x+y.z-1"], "min-size": "1kB" }),
      "rate-limit": some(
        {
          requests: fc.integer({ min: 1, max: 1_000_000 }),
          per: fc.constantFrom("100ms", "1s", "1m", "7s"),
          burst: fc.integer({ min: 0, max: 1_000 }),
        },
        ["requests"],
      ),
    },
    ["pool"],
  );
}

/** Balancers of an engine; nearly all are legal, and whoever uses them leaves out the few that are not. */
export function drawnBalancers(engine: EngineName, files: DrawnFiles): fc.Arbitrary<Settings> {
  return fc
    .uniqueArray(name, { minLength: 1, maxLength: 3 })
    .chain((pools) =>
      some(
        {
          engine: fc.constant(engine),
          "max-connections": fc.constantFrom(100, 2_000),
          "access-log": fc.constantFrom("none", "syslog"),
          stats: some({ path: url, user: cookie, "password-file": fc.constant(files.password) }, [
            "user",
            "password-file",
          ]),
          trusted: fc.subarray(["10.0.0.0/8", "2001:db8::/32", "192.0.2.7", "0.0.0.0/0"]),
          "old-workers": fc.constantFrom("1s", "30m", "7d"),
          sites: fc
            .array(site(pools, files), { minLength: 1, maxLength: 3 })
            .map((sites) => Object.fromEntries(sites.map((drawn, index) => [`s${index}.com`, drawn]))),
          pools: fc.record(Object.fromEntries(pools.map((key) => [key, pool]))),
        },
        ["engine", "sites", "pools"],
      ),
    )
    .map((balancer) => settle(balancer, engine, files));
}

/** Takes away what contradicts itself or what the engine lacks. */
function settle(drawn: Settings, engine: EngineName, files: DrawnFiles): Settings {
  const balancer = structuredClone(drawn) as Settings & {
    sites: Record<string, Settings>;
    pools: Record<string, Settings>;
  };
  if (engine === "nginx") delete balancer["stats"];
  const taken = new Set<unknown>();
  const pages = Object.values(balancer.sites)[0]?.["error-pages"];
  for (const [key, drawnSite] of Object.entries(balancer.sites)) {
    drawnSite["aliases"] = ((drawnSite["aliases"] ?? []) as string[]).filter(
      (alias) => !taken.has(alias) && taken.add(alias),
    );
    if (engine === "haproxy") drawnSite["error-pages"] = pages ?? {};
    if (drawnSite["redirect-to-name"] === true) drawnSite["redirect-to-name"] = key;
    settleTls(drawnSite, files);
    const lacked = engine === "haproxy" ? ["static"] : ["rate-limit"];
    for (const word of lacked) delete drawnSite[word];
    const compression = drawnSite["compression"];
    if (engine === "haproxy" && typeof compression === "object") drawnSite["compression"] = true;
  }
  for (const drawnPool of Object.values(balancer.pools)) {
    if (drawnPool["sticky"] === "source") delete drawnPool["balance"];
    if (engine === "haproxy") continue;
    if (drawnPool["sticky"] !== "source") delete drawnPool["sticky"];
    for (const word of ["slow-start", "max-queue"]) delete drawnPool[word];
  }
  return balancer;
}

function settleTls(drawnSite: Settings, files: DrawnFiles): void {
  const places = (drawnSite["listen"] ?? [80]) as readonly unknown[];
  const isTls = (place: unknown) => place === 443 || (typeof place === "object" && place !== null && "tls" in place);
  if (places.some(isTls)) drawnSite["tls"] = { certificates: files.certificate };
  if (!places.some(isTls) || places.every(isTls)) delete drawnSite["redirect-to-https"];
}
