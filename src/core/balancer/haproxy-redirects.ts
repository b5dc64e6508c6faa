/**
 * Redirects: to https, to the site's main name, and those of the table. A request that needs the first two is sent
 * on once, to the right name at https at once. Paths and queries are kept as they were sent.
 */

import type { PathMatch, RedirectConfig, SiteConfig } from "../config/balancer.ts";
import {
  both,
  fileStem,
  pathFits,
  rule,
  siteIs,
  sitesBy,
  type All,
  type Condition,
  type Front,
} from "./haproxy-front.ts";
import { HOST } from "./haproxy-hosts.ts";
import { lookUp, MAX_RULES_IN_LINE } from "./haproxy-lookup.ts";
import { literal, word } from "./haproxy-words.ts";

/** What a trusted proxy says about how it was asked. */
const BEHIND_TLS = "{ var(txn.peer) -m found } { req.hdr(x-forwarded-proto) -m str -i -- https }";

export function redirectRules(front: Front): readonly string[] {
  return [...httpsRules(front), ...nameRules(front), ...tableRules(front)];
}

function redirect(target: string, status: number): string {
  return `http-request redirect location ${word(target)} code ${status}`;
}

/** The site's name that it wants to be asked for, as a format; that of the request when any will do. */
function wantedHost(front: Front): string {
  const { sites } = front.listener;
  const wishing = sites.filter(({ redirectToName }) => redirectToName !== undefined);
  if (wishing.length === 0) return `%[${HOST}]`;
  if (sites.length === 1) return literal(wishing[0]?.redirectToName?.name ?? "");
  return "%[var(txn.name)]";
}

function httpsRules(front: Front): readonly string[] {
  const { listener } = front;
  if (listener.tls) return [];
  const wanted = sitesBy(listener.sites, (site) => httpsTarget(site));
  // A proxy before us that speaks TLS with the client would be sent round in circles.
  const unlessBehind: Condition = front.config.trusted.length === 0 ? [[]] : [["!{ var(txn.secured) -m found }"]];
  const rules = front.config.trusted.length > 0 && wanted.length > 0 ? [behindTls()] : [];
  if (wanted.length > 0) rules.push(...nameVariable(front));
  for (const { value, sites } of wanted) {
    const port = value.port === 443 ? "" : `:${value.port}`;
    const target = `https://${wantedHost(front)}${port}%[pathq]`;
    rules.push(rule(redirect(target, value.status), both(siteIs(front, sites), unlessBehind)));
  }
  return rules;
}

function behindTls(): string {
  return `http-request set-var(txn.secured) bool(true) if ${BEHIND_TLS}`;
}

function httpsTarget(site: SiteConfig): { readonly status: number; readonly port: number } | undefined {
  const port = site.listen.find(({ tls }) => tls)?.port;
  return site.redirectToHttps === undefined || port === undefined ? undefined : { status: site.redirectToHttps, port };
}

/** Sets `txn.name` to the name that the site wants to be asked for, or to the one that was asked for. */
function nameVariable(front: Front): readonly string[] {
  const { sites } = front.listener;
  if (sites.length === 1) return [];
  const wishing = sites.filter(({ redirectToName }) => redirectToName !== undefined);
  if (wishing.length === 0) return [];
  const lines = wishing.map(({ name, redirectToName }) => `${name} ${redirectToName?.name}`);
  const map = front.files.add(`maps/${fileStem(front)}-main-names.map`, lines);
  return [
    "http-request set-var(txn.name) var(txn.host)",
    `http-request set-var(txn.name) var(txn.site),map_str(${map})`,
  ];
}

function nameRules(front: Front): readonly string[] {
  const { listener } = front;
  const { sites, tls } = listener;
  const rules: string[] = [];
  const wishes = sitesBy(sites, ({ redirectToName }) => redirectToName?.status);
  if (wishes.length === 0) return [];
  const isSetAlready = !tls && sites.some((site) => httpsTarget(site) !== undefined);
  if (!isSetAlready) rules.push(...nameVariable(front));
  const port = listener.port === (tls ? 443 : 80) ? "" : `:${listener.port}`;
  const target = `${tls ? "https" : "http"}://${wantedHost(front)}${port}%[pathq]`;
  for (const { value: status, sites: some } of wishes) {
    const [only] = some;
    const isOther: All =
      sites.length === 1 && only?.redirectToName !== undefined
        ? [`!{ ${HOST} -m str -- ${only.redirectToName.name} }`]
        : ["!{ var(txn.host),strcmp(txn.name) eq 0 }"];
    rules.push(rule(redirect(target, status), both(siteIs(front, some), [isOther])));
  }
  return rules;
}

/** A redirect that needs no further question: what fits, where to, and what of the request is appended. */
interface Step {
  readonly match: PathMatch;
  readonly to: string;
  readonly status: number;
  /** `rest`: the path from this character on, with the query. */
  readonly append: "nothing" | "query" | { readonly rest: number };
}

/** An entry as steps; the first that fits decides. */
function stepsOf({ match, to, status, keepRest }: RedirectConfig): readonly Step[] {
  if (!keepRest) return [{ match, to, status, append: "nothing" }];
  if (match.kind !== "prefix" || to.includes("?")) return [{ match, to, status, append: "query" }];
  // What follows the folder begins with a slash, so the target's own last one is left out.
  const folder = match.text.replace(/\/+$/, "");
  const base = to.replace(/\/+$/, "");
  const onRest: Step = { match, to: base, status, append: { rest: folder.length } };
  if (base === to || match.text.endsWith("/")) return [onRest];
  return [{ match: { kind: "exact", text: folder }, to, status, append: "query" }, onRest];
}

function tableRules(front: Front): readonly string[] {
  const groups = sitesBy(front.listener.sites, ({ redirects }) => (redirects.length === 0 ? undefined : redirects));
  const count = groups.reduce((sum, { value }) => sum + value.length, 0);
  if (count > MAX_RULES_IN_LINE && front.hasSiteVariable) return lookedUpRules(front);
  return groups.flatMap(({ value, sites }) =>
    value.flatMap(stepsOf).flatMap((step) => {
      const fits = both(siteIs(front, sites), pathFits(step.match));
      return redirectLines(literal(step.to), step, fits);
    }),
  );
}

/** One slash, however many were sent: a target that began with two, or one and a backslash, would be another host. */
const ONE_SLASH = String.raw`regsub("^[/\\\\]+",/)`;

/** One step as rules. `to` is a format. */
function redirectLines(
  to: string,
  { status, append, to: target }: Omit<Step, "match">,
  condition: Condition,
): readonly string[] {
  if (append === "nothing") return [rule(redirect(to, status), condition)];
  if (append !== "query") {
    const rest = `%[pathq,${append.rest === 0 ? "" : `bytes(${append.rest}),`}${ONE_SLASH}]`;
    return [rule(redirect(`${to}${rest}`, status), condition)];
  }
  const joint = target.includes("?") ? "&" : "?";
  return [
    rule(redirect(`${to}${joint}%[query]`, status), both(condition, [["{ query -m found }"]])),
    rule(redirect(to, status), condition),
  ];
}

/** The same for very many rules: the target comes from a map, and there is a rule only for each way of appending. */
function lookedUpRules(front: Front): readonly string[] {
  const sites = front.listener.sites.map(({ name, redirects }) => ({
    site: name,
    rules: redirects.flatMap(stepsOf).map((value) => ({ match: value.match, value })),
  }));
  const { lines, numbered } = lookUp(front, "redirect", { what: "redirects", sites });
  const ways = new Map<string, Omit<Step, "match">>();
  const wayOf = numbered.map(({ number, value: { to, status, append } }) => {
    // Of the target only matters whether it has a query already, or is nothing before the rest.
    const way = { to: to === "" ? "" : to.includes("?") ? "?" : "/", status, append };
    const key = JSON.stringify(way);
    if (!ways.has(key)) ways.set(key, way);
    return `${number} ${[...ways.keys()].indexOf(key) + 1}`;
  });
  const stem = `maps/${fileStem(front)}-redirects`;
  const targets = front.files.add(
    `${stem}-targets.map`,
    numbered.flatMap(({ number, value }) => (value.to === "" ? [] : [`${number} ${value.to}`])),
  );
  const kinds = front.files.add(`${stem}-kinds.map`, wayOf);
  return [
    ...lines,
    `http-request set-var(txn.target) var(txn.redirect),map_str(${targets})`,
    `http-request set-var(txn.kind) var(txn.redirect),map_str_int(${kinds})`,
    ...[...ways.values()].flatMap((way, index) =>
      redirectLines(way.to === "" ? "" : "%[var(txn.target)]", way, [[`{ var(txn.kind) -m int ${index + 1} }`]]),
    ),
  ];
}
