/**
 * What a client may ask of a site: how large a body, how many requests. Rates are counted per address (and site)
 * in tables of bounded size that forget the oldest. Two windows are asked: a short one bounds what may come at once,
 * a long one what may come on and on, which together come near to a bucket that fills evenly. Refused requests do not
 * count, so a client that slows down to the rate is served again at once.
 */

import type { RateLimitConfig, SiteConfig } from "../config/balancer.ts";
import { both, rule, siteIs, sitesBy, type All, type Condition, type Front } from "./haproxy-front.ts";
import { section, time } from "./haproxy-words.ts";

const LENGTH_REQUIRED =
  "http-request return status 411 content-type text/plain string 'A body needs a Content-Length here.'";

/** HTTP/1 says so when a body of unknown length comes. HTTP/2 does not, so there its first byte is waited for. */
const MAY_HAVE_NO_LENGTH: All = ["{ req.ver 2.0 }", "!{ req.hdr(content-length) -m found }"];
const HAS_NO_LENGTH: Condition = [
  ["{ req.hdr(transfer-encoding) -m found }"],
  [...MAY_HAVE_NO_LENGTH, "{ req.body_size gt 0 }"],
];

/** Bodies that are too long by their length, or that do not tell it. */
export function bodyRules(front: Front): readonly string[] {
  const limits = sitesBy(front.listener.sites, ({ bodyLimitBytes }) => bodyLimitBytes);
  const clientMs = front.listener.sites[0]?.timeouts.clientMs ?? 0;
  return limits.flatMap(({ value: bytes, sites }) => {
    const isHere = siteIs(front, sites);
    // `req.hdr_val` counts in 32 bits, and takes 4 GB and one byte for one byte; this one stops at its greatest number.
    const isTooLong: Condition = [[`{ req.hdr(content-length) -m int gt ${bytes} }`]];
    return [
      rule("http-request deny deny_status 413", both(isHere, isTooLong)),
      rule(`http-request wait-for-body time ${time(clientMs)} at-least 1`, both(isHere, [MAY_HAVE_NO_LENGTH])),
      rule(LENGTH_REQUIRED, both(isHere, HAS_NO_LENGTH)),
    ];
  });
}

/** Addresses that one table remembers; an entry takes about 150 bytes, and only when it is used. */
const TABLE_SIZE = 100_000;
/** The longest address as text. */
const ADDRESS_LENGTH = 45;
/** The long window holds so many times the burst, which is the share by which a steady client can exceed the rate. */
const STEADY = 10;

/** Rate limits of the whole config with the names of their tables; sites with the same limit share one. */
export interface RateTable {
  readonly name: string;
  readonly limit: RateLimitConfig;
  readonly sites: readonly SiteConfig[];
}

export function rateTables(sites: readonly SiteConfig[]): readonly RateTable[] {
  return sitesBy(sites, ({ rateLimit }) => rateLimit).map(({ value: limit, sites: some }, index) => ({
    name: `limit:${index + 1}`,
    limit,
    sites: some,
  }));
}

interface Windows {
  readonly short: { readonly ms: number; readonly most: number };
  readonly long: { readonly ms: number; readonly most: number };
}

function windowsOf({ requests, periodMs, burst }: RateLimitConfig): Windows {
  const periods = Math.max(2, Math.ceil((STEADY * burst) / requests));
  return {
    short: { ms: periodMs, most: requests + burst },
    long: { ms: periodMs * periods, most: requests * periods + burst },
  };
}

/** The sections that hold the tables. */
export function rateSections(tables: readonly RateTable[]): readonly string[] {
  return tables.map(({ name, limit, sites }) => {
    const { short, long } = windowsOf(limit);
    // Only an address, or an address with its site before it.
    const longest = Math.max(...sites.map((site) => site.name.length));
    const type = sites.length === 1 ? "ipv6" : `string len ${longest + 1 + ADDRESS_LENGTH}`;
    const stores = `gpc0_rate(${time(short.ms)}),gpc1_rate(${time(long.ms)})`;
    return section(`backend ${name}`, [
      `stick-table type ${type} size ${TABLE_SIZE} expire ${time(2 * long.ms)} store ${stores}`,
    ]);
  });
}

/** A frontend's rules for the limits of its sites. */
export function rateRules(front: Front, tables: readonly RateTable[]): readonly string[] {
  const here = new Set(front.listener.sites);
  return tables.flatMap(({ name, limit, sites }) => {
    const present = sites.filter((site) => here.has(site));
    if (present.length === 0) return [];
    const condition = siteIs(front, present);
    const { short, long } = windowsOf(limit);
    const isOver = [[`{ sc_gpc0_rate(0) ge ${short.most} }`], [`{ sc_gpc1_rate(0) ge ${long.most} }`]];
    const key = sites.length === 1 ? "src" : "var(txn.visitor)";
    return [
      ...(sites.length === 1 ? [] : [rule("http-request set-var-fmt(txn.visitor) %[var(txn.site)]/%[src]", condition)]),
      rule(`http-request track-sc0 ${key} table ${name}`, condition),
      rule("http-request deny deny_status 429", both(condition, isOver)),
      rule("http-request sc-inc-gpc0(0)", condition),
      rule("http-request sc-inc-gpc1(0)", condition),
    ];
  });
}
