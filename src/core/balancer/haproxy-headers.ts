/**
 * Who the client is, and what members are told about it. Only the networks in `trusted` may say for whom they speak:
 * from them the client's address is taken (the last address that no trusted proxy has) and their headers are kept and
 * added to. From everybody else such headers are dropped, so that a member can believe what it reads.
 */

import type { ForwardedHeader } from "../config/balancer.ts";
import { ALWAYS, both, patterns, rule, siteIs, sitesBy, type Condition, type Front } from "./haproxy-front.ts";
import { literal, word } from "./haproxy-words.ts";

/** Proxies in a row that are looked through. */
const MAX_HOPS = 5;

/** Holds for requests that a trusted proxy sent; `txn.peer` is the proxy's address. */
const FROM_PROXY = "{ var(txn.peer) -m found }";

/** Rules that make `src` the client's address. */
export function clientRules(front: Front): readonly string[] {
  const { trusted } = front.config;
  if (trusted.length === 0) return [];
  const among = patterns(front.files, trusted);
  const rules = [
    rule("http-request set-var(txn.peer) src", [[`{ src ${among} }`]]),
    rule("http-request set-src req.hdr_ip(x-forwarded-for,-1)", [[FROM_PROXY]]),
  ];
  const proxies = [FROM_PROXY];
  for (let hop = 2; hop <= MAX_HOPS; hop++) {
    // The hop before must have an address, and be believed; else that address is the client's.
    const name = `proxy${hop - 1}`;
    proxies.push(name);
    rules.push(
      `acl ${name} req.hdr_ip(x-forwarded-for,-${hop - 1}) ${among}`,
      rule(`http-request set-src req.hdr_ip(x-forwarded-for,-${hop})`, [proxies]),
    );
  }
  return rules;
}

/**
 * What no stranger may tell a member. `Connection` could name our own headers, which members then throw away; another
 * protocol than WebSocket would carry requests past all rules; programs behind CGI read `x_real_ip` as `X-Real-IP`.
 */
export function strangerRules(front: Front): readonly string[] {
  const isStranger = front.config.trusted.length === 0 ? ALWAYS : [[`!${FROM_PROXY}`]];
  return [
    "http-request del-header HTTP2-Settings if { req.fhdr(upgrade) -m found }",
    "http-request del-header Upgrade unless { req.fhdr_cnt(upgrade) lt 1 } or { req.fhdr_cnt(upgrade) eq 1 } { req.fhdr(upgrade) -m str -i websocket }",
    "http-request del-header Connection",
    "http-request add-header Connection upgrade if { req.fhdr(upgrade) -m found }",
    "http-request del-header Proxy",
    // Patterns are slow, and nearly no request needs this one.
    `http-request del-header ${word("^x(_(forwarded|real)[-_]|-(forwarded|real)_)")} -m reg if { req.hdr_names -m sub _ }`,
    rule("http-request del-header x-forwarded- -m beg", isStranger),
  ];
}

/** Rules for what members are told about the client. */
export function forwardRules(front: Front): readonly string[] {
  const { sites } = front.listener;
  return FORWARDED.flatMap((header) => {
    const telling = sites.filter(({ forward }) => forward.includes(header));
    const silent = sites.filter(({ forward }) => !forward.includes(header));
    return [
      ...(telling.length === 0 ? [] : tell(front, header, siteIs(front, telling))),
      ...(silent.length === 0 ? [] : drop(front, header, siteIs(front, silent))),
    ];
  });
}

const FORWARDED: readonly ForwardedHeader[] = ["x-forwarded-for", "x-real-ip", "x-forwarded-proto", "forwarded"];

const WRITTEN: Readonly<Record<ForwardedHeader, string>> = {
  "x-forwarded-for": "X-Forwarded-For",
  "x-real-ip": "X-Real-IP",
  "x-forwarded-proto": "X-Forwarded-Proto",
  forwarded: "Forwarded",
};

function drop(front: Front, header: ForwardedHeader, when: Condition): readonly string[] {
  if (header.startsWith("x-forwarded-")) return []; // strangers' are gone already
  const untrusted = front.config.trusted.length === 0 ? ALWAYS : [[`!${FROM_PROXY}`]];
  return [rule(`http-request del-header ${WRITTEN[header]}`, both(when, untrusted))];
}

function tell(front: Front, header: ForwardedHeader, when: Condition): readonly string[] {
  const set = `http-request set-header ${WRITTEN[header]}`;
  const trusts = front.config.trusted.length > 0;
  const direct = trusts ? both(when, [[`!${FROM_PROXY}`]]) : when;
  const proxied = both(when, [[FROM_PROXY]]);
  const add = `http-request add-header ${WRITTEN[header]}`;
  const proto = front.listener.tls ? "https" : "http";
  if (header === "x-real-ip") return [rule(`${set} %[src]`, when)];
  if (header === "x-forwarded-for")
    return [rule(`${add} %[src]`, direct), ...(trusts ? [rule(`${add} %[var(txn.peer)]`, proxied)] : [])];
  if (header === "x-forwarded-proto") {
    const isUnknown = [["!{ req.hdr(x-forwarded-proto) -m found }"]];
    return [rule(`${add} ${proto}`, trusts ? both(when, isUnknown) : when)];
  }
  return [
    ...elements("src", proto).map(([value, family]) => rule(`${set} ${value}`, both(direct, family))),
    ...(trusts
      ? elements("var(txn.peer)", proto).map(([value, family]) => rule(`${add} ${value}`, both(proxied, family)))
      : []),
  ];
}

/** One element of RFC 7239; an IPv6 address stands in brackets and quotes (section 6). */
function elements(address: string, proto: string): readonly (readonly [value: string, family: Condition])[] {
  const isSix = `{ ${address} -m sub : }`;
  return [
    [word(`for=%[${address}];proto=${proto}`), [[`!${isSix}`]]],
    [word(`for="[%[${address}]]";proto=${proto}`), [[isSix]]],
  ];
}

/** Headers with fixed values on the way to members. */
export function requestHeaderRules(front: Front): readonly string[] {
  return sitesBy(front.listener.sites, ({ requestHeaders }) => requestHeaders).flatMap(({ value: headers, sites }) =>
    headers.map(({ name, value }) =>
      rule(
        value === undefined
          ? `http-request del-header ${word(name)}`
          : `http-request set-header ${word(name)} ${word(literal(value))}`,
        siteIs(front, sites),
      ),
    ),
  );
}

/** Headers with fixed values on the way to clients; answers of HAProxy's own have them too. */
export function responseHeaderRules(front: Front): readonly string[] {
  return sitesBy(front.listener.sites, ({ responseHeaders }) => responseHeaders).flatMap(({ value: headers, sites }) =>
    headers.map(({ name, value }) =>
      rule(
        value === undefined
          ? `http-after-response del-header ${word(name)}`
          : `http-after-response set-header ${word(name)} ${word(literal(value))}`,
        siteIs(front, sites),
      ),
    ),
  );
}
