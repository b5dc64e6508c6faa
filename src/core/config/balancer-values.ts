/**
 * Readers of the balancer's kinds of text: host names, places to listen, paths, headers, cookies. All of them end up
 * in an engine's config file, so each has a closed alphabet: a text that could leave its place there (a quote, a line
 * break, a brace, a variable) is refused here, by name of the character, and renderers never meet one.
 */

import { MAX_NAME_LENGTH, MAX_TEXT_LENGTH } from "../base/limits.ts";
import type { PathMatch } from "./balancer.ts";
import { formatIpAddress, kindOfAddress, parseIpAddress, parseIpNetwork } from "./ip-address.ts";
import type { AddressKind } from "./ip-address.ts";
import { accept, describeValue, refuse, setting, textSetting } from "./setting.ts";
import type { ConfigCode, Reading } from "./setting.ts";

interface Described {
  readonly description: string;
  readonly example: string;
}

/** Names a character so that it can be seen: `a line break`, `";"`. */
function nameCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const words: Readonly<Record<number, string>> = { 0: "a NUL", 9: "a tab", 10: "a line break", 13: "a line break" };
  const word = words[code];
  if (word !== undefined) return word;
  if (code === 32) return "a space";
  if (code < 32 || (code > 126 && code < 160)) return `the control character ${code}`;
  return JSON.stringify(character);
}

/** The first character that a text may not have, named; undefined when all may stand there. */
function forbiddenIn(text: string, allowed: RegExp): string | undefined {
  for (const character of text) if (!allowed.test(character)) return nameCharacter(character);
  return undefined;
}

/** Refuses a text for its length or one of its characters. */
function refuseText(
  code: ConfigCode,
  text: string,
  rule: { readonly allowed: RegExp; readonly expected: string; readonly longest?: number },
): Reading<never> | undefined {
  const { allowed, expected, longest = MAX_TEXT_LENGTH } = rule;
  if (text === "") return refuse(code, "is empty", { expected });
  if (text.length > longest) return refuse(code, `has ${text.length} characters`, { expected: `at most ${longest}` });
  const forbidden = forbiddenIn(text, allowed);
  if (forbidden === undefined) return undefined;
  return refuse(code, `is ${describeValue(text)}, which has ${forbidden}`, { expected });
}

const HOST_RULE = "a host name such as www.example.com";
const ALIAS_RULE = `${HOST_RULE}, *.example.com for every name below, or * for all other names`;

/** What a site may be called by visitors. */
export interface HostName {
  readonly kind: "exact" | "wildcard" | "any";
  /** Lower case, without the star. */
  readonly name: string;
}

/** Reads a host name, a wildcard or `*`. */
export function readHostName(text: string, mayBeWild: boolean): Reading<HostName> {
  const expected = mayBeWild ? ALIAS_RULE : HOST_RULE;
  if (mayBeWild && text === "*") return accept({ kind: "any", name: "" });
  const isWild = mayBeWild && text.startsWith("*.");
  const name = (isWild ? text.slice(2) : text).toLowerCase();
  const quoted = `is ${describeValue(text)}`;
  const bad = (why: string, next?: string) =>
    refuse("CONFIG_BAD_NAME", `${quoted}: ${why}`, { expected, ...(next && { next }) });
  if (/^https?:/i.test(text)) return bad("that is a URL", "leave out the scheme and the path");
  if (/:[0-9]+$/.test(text)) return bad("a name has no port", "name the port under `listen`");
  if (/[^\p{ASCII}]/u.test(text)) return bad("only ASCII can be in a request", "write the name in its xn-- form");
  // Names of sites are compared with what commands and other files say.
  if (!mayBeWild && name !== text && forbiddenIn(name, /[a-z0-9._-]/) === undefined)
    return refuse("CONFIG_BAD_NAME", `${quoted}: it has capital letters`, { expected, nearest: name });
  if (text.includes("*") && !isWild)
    return bad(mayBeWild ? 'a "*" may only stand first, before a dot' : 'a "*" belongs under `aliases`');
  const forbidden = forbiddenIn(name, /[a-z0-9._-]/);
  if (forbidden !== undefined) return bad(`it has ${forbidden}`);
  if (name.endsWith(".")) return bad("it ends with a dot");
  if (name.length > 253 || !name.split(".").every((label) => /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/.test(label)))
    return bad("that is no host name");
  // Such a key would be sorted before all others by JavaScript, and the order of sites means something.
  if (/^[0-9]+$/.test(name)) return bad("a name of digits only is none");
  return accept({ kind: isWild ? "wildcard" : "exact", name });
}

const HOST_PATTERN = "^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?$";

/** A site's main name, or another exact one. */
export function hostNameSetting(about: Described) {
  return textSetting({ ...about, pattern: HOST_PATTERN, expected: HOST_RULE }, (text): Reading<string> => {
    const reading = readHostName(text, false);
    return reading.ok ? accept(reading.value.name) : reading;
  });
}

/** A further name of a site. */
export function aliasSetting(about: Described) {
  return textSetting({ ...about, expected: ALIAS_RULE }, (text) => readHostName(text, true));
}

/** Where something is found or listens. */
export interface Endpoint {
  /** Canonical; undefined when only the port was written. */
  readonly address: string | undefined;
  readonly port: number | undefined;
}

const UNUSABLE: Partial<Record<AddressKind, string>> = {
  multicast: "a multicast address",
  broadcast: "a reserved address",
  mapped: "an IPv4 address in IPv6 clothes: write it as IPv4",
  "link-local": "a link-local address, which means nothing without a device",
};

/** Reads an address that an engine can use; `all` also takes 0.0.0.0 and ::. */
function readAddress(text: string, all: boolean, expected: string): Reading<string> {
  const address = parseIpAddress(text);
  if (address === undefined) {
    const next = /^[A-Za-z]/.test(text) ? "write the address: names are not looked up" : undefined;
    const what = `is ${describeValue(text)}, which is no address`;
    return refuse("CONFIG_BAD_ADDRESS", what, { expected, ...(next && { next }) });
  }
  const kind = kindOfAddress(address);
  const isAll = kind === "unspecified" && address.value === 0n;
  const why = kind === "unspecified" && !(all && isAll) ? "which stands for no host" : UNUSABLE[kind];
  if (why !== undefined) return refuse("CONFIG_BAD_ADDRESS", `is ${describeValue(text)}, ${why}`, { expected });
  return accept(formatIpAddress(address));
}

function readEndpoint(text: string, all: boolean, expected: string): Reading<Endpoint> {
  const parts = /^(?:\[([^[\]]*)\]|([^:[\]]*)):([0-9]{1,6})$/.exec(text);
  if (parts === null) {
    const [, head = "", tail = ""] = /^(.*):([0-9]{1,5})$/.exec(text) ?? [];
    const isSixWithPort = head.includes(":") && parseIpAddress(head) !== undefined;
    const meant = isSixWithPort ? `[${head}]:${tail}` : parseIpAddress(text)?.family === 6 && `[${text}]:80`;
    const next = meant ? `put the address in brackets: "${meant}"` : undefined;
    return refuse("CONFIG_BAD_ADDRESS", `is ${describeValue(text)}`, { expected, ...(next && { next }) });
  }
  const port = Number(parts[3]);
  if (port < 1 || port > 65_535)
    return refuse("CONFIG_OUT_OF_RANGE", `has the port ${port}`, { expected: "a port from 1 to 65535" });
  const written = parts[1] ?? parts[2] ?? "";
  if (written === "" || written === "*")
    return refuse("CONFIG_BAD_ADDRESS", `is ${describeValue(text)}, which has no address`, {
      expected,
      next: all ? `write ${port} for all VIPs, or "0.0.0.0:${port}" for every address` : `write ${port}`,
    });
  if (parts[1] !== undefined && !written.includes(":"))
    return refuse("CONFIG_BAD_ADDRESS", `is ${describeValue(text)}: brackets are for IPv6`, { expected });
  const address = readAddress(written, all, expected);
  return address.ok ? accept({ address: address.value, port }) : address;
}

const LISTEN_RULE = 'an address with its port, such as "192.0.2.10:80" or "[2001:db8::10]:80"';

/** `192.0.2.10:80`, `[2001:db8::10]:80`, `0.0.0.0:80`. */
export function listenTextSetting(about: Described) {
  return textSetting({ ...about, expected: LISTEN_RULE }, (text) =>
    /^[0-9]+$/.test(text)
      ? refuse("CONFIG_BAD_LISTEN", `is the text ${describeValue(text)}`, {
          expected: `a port, or ${LISTEN_RULE}`,
          next: "leave out the quotes",
        })
      : readEndpoint(text, true, LISTEN_RULE),
  );
}

/** An address to listen on; `0.0.0.0` and `::` are all of a family. */
export function listenAddressSetting(about: Described) {
  const expected = "an IPv4 or IPv6 address";
  return textSetting({ ...about, expected }, (text) => readAddress(text, true, expected));
}

const MEMBER_RULE = 'an address with its port, such as 10.0.0.11:8000 or "[2001:db8::11]:8000"';

/** Where a member answers: with its port, or without one when `portMayLack`. */
export function memberAddressSetting(about: Described, portMayLack: boolean) {
  const expected = portMayLack ? "an address, or one with its port: 10.0.0.11:8000" : MEMBER_RULE;
  return textSetting({ ...about, expected }, (text): Reading<Endpoint> => {
    if (/^[A-Za-z][A-Za-z0-9.-]*(:[0-9]+)?$/.test(text) && parseIpAddress(text) === undefined)
      return refuse("CONFIG_BAD_ADDRESS", `is ${describeValue(text)}, which is a name`, {
        expected,
        next: "write the address: names are not looked up, so that no name server can take the site down",
      });
    if (!/:[0-9]*$/.test(text) || parseIpAddress(text) !== undefined) {
      const address = readAddress(text, false, expected);
      if (!address.ok) return address;
      if (portMayLack) return accept({ address: address.value, port: undefined });
      const withPort = text.includes(":") ? `"[${text}]:80"` : `${text}:80`;
      return refuse("CONFIG_BAD_ADDRESS", `is ${describeValue(text)}, which lacks its port`, {
        expected,
        next: `add the port: ${withPort}`,
      });
    }
    return readEndpoint(text, false, expected);
  });
}

const NETWORK_RULE = "a network such as 10.0.0.0/8 or 2001:db8::/32, or one address";

/** A network or a single address, as canonical text with its prefix length. */
export function networkSetting(about: Described) {
  return textSetting({ ...about, expected: NETWORK_RULE }, (text): Reading<string> => {
    const host = parseIpAddress(text);
    const network = host ? { address: host, prefixLength: host.family === 4 ? 32 : 128 } : parseIpNetwork(text);
    if (network === undefined)
      return refuse("CONFIG_BAD_ADDRESS", `is ${describeValue(text)}, which is no network`, { expected: NETWORK_RULE });
    const { address, prefixLength } = network;
    const hostBits = BigInt((address.family === 4 ? 32 : 128) - prefixLength);
    const base = { family: address.family, value: (address.value >> hostBits) << hostBits };
    const canonical = `${formatIpAddress(base)}/${prefixLength}`;
    if (base.value !== address.value)
      return refuse("CONFIG_BAD_ADDRESS", `is ${describeValue(text)}, an address inside a network`, {
        expected: NETWORK_RULE,
        nearest: canonical,
      });
    return accept(canonical);
  });
}

const FILE_CHARACTERS = /[A-Za-z0-9._/+@,:=~-]/;
const FILE_RULE = "an absolute path of letters, digits and . _ - / + @ , : = ~";

/** The absolute path of a file or folder that an engine's config names. */
export function filePathSetting(about: Described) {
  return textSetting({ ...about, pattern: "^/[A-Za-z0-9._/+@,:=~-]*$", expected: FILE_RULE }, (text) => {
    const rule = { allowed: FILE_CHARACTERS, expected: FILE_RULE, longest: 1_023 };
    const refusal = refuseText("CONFIG_BAD_PATH", text, rule);
    if (refusal !== undefined) return refusal;
    if (!text.startsWith("/"))
      return refuse("CONFIG_BAD_PATH", `is ${describeValue(text)}, which does not begin with "/"`, {
        expected: FILE_RULE,
      });
    return accept(text);
  });
}

const MATCH_CHARACTERS = /[A-Za-z0-9._~!&()+,=:@/-]/;
const MATCH_RULE = "/folder for it and all below, =/page for this path only, or *.jpg for an ending";

/** Reads `/api`, `=/exact` or `*.jpg`. */
export function readPathMatch(text: string): Reading<PathMatch> {
  const kind = text.startsWith("/") ? "prefix" : text.startsWith("=/") ? "exact" : "suffix";
  const rest = kind === "prefix" ? text : text.slice(1);
  if (kind === "suffix" && !text.startsWith("*"))
    return refuse("CONFIG_BAD_PATH", `is ${describeValue(text)}`, { expected: MATCH_RULE });
  if (text.includes("?"))
    return refuse("CONFIG_BAD_PATH", `is ${describeValue(text)}: the query takes no part`, { expected: MATCH_RULE });
  const refusal = refuseText("CONFIG_BAD_PATH", rest, {
    allowed: MATCH_CHARACTERS,
    expected: `${MATCH_RULE}; of letters, digits and . _ ~ ! & ( ) + , = : @ / -`,
  });
  if (refusal !== undefined) return refusal;
  if (kind === "suffix" && !/^[._-][A-Za-z0-9]/.test(rest) && !/^\/./.test(rest))
    return refuse("CONFIG_BAD_PATH", `is ${describeValue(text)}`, { expected: "an ending such as *.jpg" });
  if (rest.includes("//"))
    return refuse("CONFIG_BAD_PATH", `is ${describeValue(text)}, which no request matches: engines join slashes`, {
      expected: MATCH_RULE,
    });
  return accept({ kind, text: kind === "suffix" ? rest.toLowerCase() : rest });
}

/** Which paths a rule is about. */
export function pathMatchSetting(about: Described) {
  return textSetting({ ...about, expected: MATCH_RULE }, readPathMatch);
}

/** The same as the key of a mapping, which stays as it was written. */
export function pathKeySetting(about: Described) {
  return textSetting({ ...about, expected: MATCH_RULE }, (text): Reading<string> => {
    const reading = readPathMatch(text);
    return reading.ok ? accept(text) : reading;
  });
}

const URL_CHARACTERS = /[A-Za-z0-9._~!&()*+,=:@/?%-]/;
const URL_ALPHABET = 'letters, digits and . _ ~ ! & ( ) * + , = : @ / ? % -; write others as %XX, "$" is %24';

/** A path of a request with its query, as a client would send it. */
export function requestPathSetting(about: Described) {
  const expected = `a path such as ${about.example}, of ${URL_ALPHABET}`;
  return textSetting({ ...about, pattern: "^/[A-Za-z0-9._~!&()*+,=:@/?%-]*$", expected }, (text) =>
    readUrlText(text, expected),
  );
}

function readUrlText(text: string, expected: string): Reading<string> {
  const refusal = refuseText("CONFIG_BAD_PATH", text, { allowed: URL_CHARACTERS, expected });
  if (refusal !== undefined) return refusal;
  if (!text.startsWith("/"))
    return refuse("CONFIG_BAD_PATH", `is ${describeValue(text)}, which does not begin with "/"`, { expected });
  if (/%(?![0-9A-Fa-f]{2})/.test(text))
    return refuse("CONFIG_BAD_PATH", `is ${describeValue(text)}: after "%" two hexadecimal digits follow`, {
      expected,
    });
  return accept(text);
}

/** Where a redirect leads: an absolute path, or a whole URL. */
export function redirectTargetSetting(about: Described) {
  const expected = `a path such as /new, or a URL such as https://www.example.com/new, of ${URL_ALPHABET}`;
  return textSetting({ ...about, expected }, (text): Reading<string> => {
    const parts = /^(https?:\/\/)([^/?#]*)(.*)$/.exec(text);
    if (parts === null && text.startsWith("//"))
      return refuse("CONFIG_BAD_REDIRECT", `is ${describeValue(text)}, which leads to another host`, {
        expected,
        next: `write https:${text}, or one slash`,
      });
    if (parts === null) return readUrlText(text, expected);
    const [, scheme = "", host = "", rest = ""] = parts;
    const name = host.replace(/:[0-9]{1,5}$/, "");
    const isAddress = parseIpAddress(name.replace(/^\[(.*)\]$/, "$1")) !== undefined;
    const reading = isAddress ? accept(undefined) : readHostName(name, false);
    if (!reading.ok)
      return refuse("CONFIG_BAD_REDIRECT", `is ${describeValue(text)}: ${describeValue(host)} is no host`, {
        expected,
      });
    const path = readUrlText(rest === "" ? "/" : rest.startsWith("?") ? `/${rest}` : rest, expected);
    return path.ok ? accept(`${scheme}${host.toLowerCase()}${rest}`) : path;
  });
}

const CHECK_METHODS = ["GET", "HEAD", "OPTIONS"];

/** `HEAD /check.txt`, or the path alone for GET. */
export function checkRequestSetting(about: Described) {
  const expected = "a method and a path, such as HEAD /check.txt";
  return textSetting({ ...about, pattern: "^((GET|HEAD|OPTIONS) )?/", expected }, (text) => {
    const [first = "", ...rest] = text.split(" ");
    const hasMethod = rest.length > 0;
    if (hasMethod && !CHECK_METHODS.includes(first)) {
      const method = first.toUpperCase();
      return refuse("CONFIG_BAD_CHECK", `is ${describeValue(text)}`, {
        expected: `${CHECK_METHODS.join(", ")}, then a path`,
        ...(CHECK_METHODS.includes(method) && { nearest: [method, ...rest].join(" ") }),
      });
    }
    if (rest[1]?.startsWith("HTTP/"))
      return refuse("CONFIG_BAD_CHECK", `is ${describeValue(text)}`, { expected, next: "leave out the version" });
    const path = readUrlText(hasMethod ? rest.join(" ") : first, `${expected}; the path of ${URL_ALPHABET}`);
    return path.ok ? accept({ method: hasMethod ? first : "GET", path: path.value }) : path;
  });
}

/** Ranges of status codes. */
export type StatusRanges = readonly (readonly [from: number, to: number])[];

const STATUS_RULE = 'status codes such as 200, "200-399" or "200,301-302"';

function readStatuses(text: string): Reading<StatusRanges> {
  const ranges: [number, number][] = [];
  for (const part of text.split(",")) {
    const found = /^ ?([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?$/.exec(part);
    if (found === null) return refuse("CONFIG_BAD_STATUS", `is ${describeValue(text)}`, { expected: STATUS_RULE });
    const from = Number(found[1]);
    const to = Number(found[2] ?? found[1]);
    if (to < from) return refuse("CONFIG_BAD_STATUS", `has the range ${from}-${to}`, { expected: STATUS_RULE });
    ranges.push([from, to]);
  }
  return accept(ranges.sort(([a], [b]) => a - b));
}

/** `200`, `"200-399"`, `"200,301-302"`. */
export function statusTextSetting(about: Described) {
  return textSetting(
    { ...about, pattern: "^[1-5][0-9]{2}([,-] ?[1-5][0-9]{2})*$", expected: STATUS_RULE },
    readStatuses,
  );
}

/** One status code as a number. */
export function statusSetting(about: { readonly description: string; readonly example: number }) {
  return setting({ ...about, type: "integer", minimum: 100, maximum: 599 }, (value) =>
    typeof value === "number"
      ? readStatuses(String(value))
      : refuse("CONFIG_WRONG_TYPE", `is ${describeValue(value)}`, { expected: "a status code" }),
  );
}

/** Letters of RFC 9110's token without those that are variables or quotes in an engine's config. */
const TOKEN_CHARACTERS = /[A-Za-z0-9!*+.^_|~-]/;
const TOKEN_RULE = "letters, digits and ! * + . ^ _ | ~ -";

/** Reads the name of a header. */
export function readHeaderName(text: string): Reading<string> {
  const expected = `a header's name, of ${TOKEN_RULE}`;
  return refuseText("CONFIG_BAD_HEADER", text, { allowed: TOKEN_CHARACTERS, expected, longest: 127 }) ?? accept(text);
}

/** The name of a header (RFC 9110, 5.6.2). */
export function headerNameSetting(about: Described) {
  const expected = `a header's name, of ${TOKEN_RULE}`;
  return textSetting({ ...about, pattern: "^[A-Za-z0-9!*+.^_|~-]+$", expected }, readHeaderName);
}

/** Everything that can be seen, and spaces; not what begins a variable or escapes. */
const SHOWN_CHARACTERS = /[ !"#%&'()*+,./0-9:;<=>?@A-Z[\]^_`a-z{|}~-]/;
const SHOWN_RULE = 'ASCII text without "$", backslashes, tabs and line breaks, and no space at either end';

function readShown(code: ConfigCode, text: string): Reading<string> {
  const refusal = refuseText(code, text, { allowed: SHOWN_CHARACTERS, expected: SHOWN_RULE });
  if (refusal !== undefined) return refusal;
  if (text !== text.trim()) return refuse(code, "begins or ends with a space", { expected: SHOWN_RULE });
  return accept(text);
}

/** The value of a header. */
export function headerValueSetting(about: Described) {
  return setting({ ...about, type: "string" }, (value): Reading<string> => {
    if (typeof value === "string") return readShown("CONFIG_BAD_HEADER", value);
    const isPlain = typeof value === "number" || value === true;
    return refuse("CONFIG_WRONG_TYPE", `is ${describeValue(value)}`, {
      expected: isPlain ? "a text in quotes" : "a text",
    });
  });
}

/** A text that an answer holds. */
export function expectedTextSetting(about: Described) {
  return textSetting({ ...about, expected: "a text" }, (text) => readShown("CONFIG_BAD_TEXT", text));
}

const COOKIE_RULE = `letters, digits and ". _ -", at most ${MAX_NAME_LENGTH}`;

/** The name of a cookie, or what it says for a member. */
export function cookieSetting(about: Described) {
  return textSetting({ ...about, pattern: "^[A-Za-z0-9._-]+$", expected: COOKIE_RULE }, (text) => {
    const rule = { allowed: /[A-Za-z0-9._-]/, expected: COOKIE_RULE, longest: MAX_NAME_LENGTH };
    return refuseText("CONFIG_BAD_COOKIE", text, rule) ?? accept(text);
  });
}

/** A media type such as text/css. */
export function mediaTypeSetting(about: Described) {
  const expected = "a media type such as text/css";
  const pattern = "^[a-z0-9.+-]+/[a-z0-9.+-]+$";
  return textSetting({ ...about, pattern, expected }, (text) =>
    new RegExp(pattern).test(text)
      ? accept(text)
      : refuse("CONFIG_BAD_TEXT", `is ${describeValue(text)}`, { expected }),
  );
}
