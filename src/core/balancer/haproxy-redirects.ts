/**
 * Redirects: to https, to the site's main name, and those of the table. A request that needs the first two is sent
 * on once, to the right name at https at once. Paths and queries are kept as they were sent.
 */

import type { RedirectConfig, SiteConfig } from "../config/balancer.ts";
import { both, fileStem, pathFits, rule, siteIs, sitesBy, type All, type Condition, type Front } from "./haproxy-front.ts";
import { HOST } from "./haproxy-hosts.ts";
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

function tableRules(front: Front): readonly string[] {
  return sitesBy(front.listener.sites, ({ redirects }) => (redirects.length === 0 ? undefined : redirects)).flatMap(
    ({ value: redirects, sites }) => redirects.flatMap((entry) => entryRules(entry, siteIs(front, sites))),
  );
}

function entryRules(entry: RedirectConfig, site: Condition): readonly string[] {
  const { match, to, status, keepRest } = entry;
  const fits = both(site, pathFits(match));
  if (!keepRest) return [rule(redirect(literal(to), status), fits)];
  const hasQuery = "{ query -m found }";
  const joint = to.includes("?") ? "&" : "?";
  const withQuery = (condition: Condition): readonly string[] => [
    rule(redirect(`${literal(to)}${joint}%[query]`, status), both(condition, [[hasQuery]])),
    rule(redirect(literal(to), status), condition),
  ];
  if (match.kind !== "prefix" || to.includes("?")) return withQuery(fits);
  // What follows the folder begins with a slash, so the target's own last one is left out.
  const folder = match.text.replace(/\/+$/, "");
  const base = to.replace(/\/+$/, "");
  const rest = folder === "" ? "%[pathq]" : `%[pathq,bytes(${folder.length})]`;
  const onRest = rule(redirect(`${literal(base)}${rest}`, status), fits);
  if (base === to || match.text.endsWith("/")) return [onRest];
  return [...withQuery(both(site, [[`{ path -m str -- ${word(folder)} }`]])), onRest];
}
