/**
 * Who the client is, and what members are told about it. Only the networks in `trusted` may say for whom they speak:
 * from them the client's address is taken (the last address that no trusted proxy has) and their headers are kept and
 * added to. From everybody else such headers are dropped, so that a member can believe what it reads.
 */

import type { BalancerConfig, ForwardedHeader, SiteConfig } from "../config/balancer.ts";
import { block, map, quote, word } from "./nginx-words.ts";

const FORWARDED: readonly ForwardedHeader[] = ["x-forwarded-for", "x-real-ip", "x-forwarded-proto", "forwarded"];

const WRITTEN: Readonly<Record<ForwardedHeader, string>> = {
  "x-forwarded-for": "X-Forwarded-For",
  "x-real-ip": "X-Real-IP",
  "x-forwarded-proto": "X-Forwarded-Proto",
  forwarded: "Forwarded",
};

/** For the http block: the client's address, and the variables that headers are made of. */
export function clientLines({ trusted }: BalancerConfig): readonly string[] {
  return [
    ...hostMap(),
    ...map("$http_upgrade", "$upgrade", [
      ["default", '""'],
      // Found without a pattern, as it nearly always is.
      ['""', '""'],
      // Nothing else: a member that speaks another protocol here (h2c) would get requests past all our rules.
      ["~*^websocket$", "websocket"],
    ]),
    ...map("$upgrade", "$connection_wish", [
      ["default", "upgrade"],
      ['""', '""'],
    ]),
    ...map("$remote_addr", "$client_node", [
      ["default", "$remote_addr"],
      ["~:", quote('"[$remote_addr]"')],
    ]),
    ...(trusted.length === 0 ? [] : proxyLines(trusted)),
  ];
}

/** `Host` as it was sent, with its port; but when the request line names another host, then that. */
function hostMap(): readonly string[] {
  return map("$http_host $host", "$host_and_port", [
    ["default", "$host"],
    [quote(String.raw`~*^(?<host_as_sent>(\[[^\] ]+\]|[^: ]+)(?::[0-9]+)?) \2$`), "$host_as_sent"],
  ]);
}

/** For a server block: most requests name their host plainly, and need no pattern. */
export const HOST_LINES: readonly string[] = [
  "set $asked_host $host;",
  "if ($http_host != $host) {",
  "    set $asked_host $host_and_port;",
  "}",
];

function proxyLines(trusted: readonly string[]): readonly string[] {
  return [
    ...trusted.map((network) => `set_real_ip_from ${network};`),
    "real_ip_header X-Forwarded-For;",
    "real_ip_recursive on;",
    ...block("geo $realip_remote_addr $is_proxied", ["default 0;", ...trusted.map((network) => `${network} 1;`)]),
    ...map("$is_proxied$http_x_forwarded_for", "$told_forwarded_for", [
      ["default", "$remote_addr"],
      ["1", "$realip_remote_addr"],
      ["~^1.", quote("$http_x_forwarded_for, $realip_remote_addr")],
    ]),
    ...map("$is_proxied$http_x_forwarded_proto", "$told_proto", [
      ["default", "$scheme"],
      ["~^1.", "$http_x_forwarded_proto"],
    ]),
    ...map("$realip_remote_addr", "$peer_node", [
      ["default", "$realip_remote_addr"],
      ["~:", quote('"[$realip_remote_addr]"')],
    ]),
    ...map("$is_proxied$http_forwarded", "$told_forwarded", [
      ["default", quote("for=$client_node;proto=$scheme")],
      ["1", quote("for=$peer_node;proto=$scheme")],
      ["~^1.", quote("$http_forwarded, for=$peer_node;proto=$scheme")],
    ]),
    // A proxy's own words stay where the site adds none.
    ...[...FORWARDED, ...BESIDES].flatMap((name) =>
      map("$is_proxied", keptVariable(name), [
        ["default", '""'],
        ["1", keptVariable(name).replace("$kept_", "$http_")],
      ]),
    ),
    ...map("$is_proxied$http_x_forwarded_proto", "$is_behind_tls", [
      ["default", "0"],
      ["~*^1https$", "1"],
    ]),
  ];
}

/** What proxies tell besides: dropped unless a trusted one says it, because members may believe it. */
const BESIDES = ["X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Server", "X-Forwarded-Ssl", "X-Forwarded-Prefix"];

/** Never meant for members: for the next hop only, or taken for a setting by programs behind CGI. */
const NEVER = ["HTTP2-Settings", "Proxy"];

/** For a server block; inherited by its locations, because none sets a header itself. */
export function requestHeaders(site: SiteConfig, hasTrusted: boolean): readonly string[] {
  const headers = new Map<string, readonly [name: string, value: string]>();
  const set = (name: string, value: string): void => void headers.set(name.toLowerCase(), [name, value]);
  set("Host", "$asked_host");
  set("Connection", "$connection_wish");
  set("Upgrade", "$upgrade");
  for (const header of FORWARDED) {
    const told = site.forward.includes(header) ? tell(header, hasTrusted) : keep(header, hasTrusted);
    set(WRITTEN[header], told);
  }
  for (const name of BESIDES) set(name, hasTrusted ? keptVariable(name) : '""');
  for (const name of NEVER) set(name, '""');
  for (const { name, value } of site.requestHeaders) set(name, value === undefined ? '""' : word(value));
  return [...headers.values()].map(([name, value]) => `proxy_set_header ${word(name)} ${value};`);
}

function tell(header: ForwardedHeader, hasTrusted: boolean): string {
  switch (header) {
    case "x-forwarded-for":
      return hasTrusted ? "$told_forwarded_for" : "$remote_addr";
    case "x-real-ip":
      return "$remote_addr";
    case "x-forwarded-proto":
      return hasTrusted ? "$told_proto" : "$scheme";
    case "forwarded":
      return hasTrusted ? "$told_forwarded" : quote("for=$client_node;proto=$scheme");
  }
}

function keep(header: ForwardedHeader, hasTrusted: boolean): string {
  return hasTrusted ? keptVariable(header) : '""';
}

function keptVariable(header: string): string {
  return `$kept_${header.toLowerCase().replaceAll("-", "_")}`;
}

/**
 * For a server block. Locations inherit `add_header` only while they have none of their own, and none has; a member's
 * header of the same name is hidden first.
 */
export function responseHeaders(site: SiteConfig): readonly string[] {
  return site.responseHeaders.flatMap(({ name, value }) => [
    `proxy_hide_header ${word(name)};`,
    ...(value === undefined ? [] : [`add_header ${word(name)} ${word(value)} always;`]),
  ]);
}
