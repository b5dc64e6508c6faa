/**
 * Which site a request is for. Exact names are looked up in one indexed map; wildcards, in which HAProxy can only walk,
 * are asked only for names that are not there, the longest first, so that the closest fits. `*.example.com` is kept as
 * `.example.com` and compared with the end, so neither `example.com` nor `evilexample.com` fits.
 */

import { fileStem, patterns, rule, type Front } from "./haproxy-front.ts";
import type { SiteConfig } from "../config/balancer.ts";

/** The name in the request: without port and final dot, in lower case; as a whole, also where a comma stands in it. */
export const HOST = "req.fhdr(host),host_only,rtrim(.)";

const NO_SITE = "http-request return status 404 content-type text/plain string 'No such site.'";

/** Rules that set `txn.site` where it is needed, and refuse names that no site has. */
export function hostRules(front: Front): readonly string[] {
  const { sites } = front.listener;
  const [only] = sites;
  if (only !== undefined && sites.length === 1) return [...oneName(front, only), ...oneSite(front, only)];
  const rules = [`http-request set-var(txn.host) ${HOST}`];
  const exact = sites.flatMap(({ name, names }) => names.map((host) => `${host} ${name}`));
  if (exact.length > 0) {
    const map = front.files.add(`maps/${fileStem(front)}-names.map`, exact);
    rules.push(`http-request set-var(txn.site) var(txn.host),map_str(${map})`);
  }
  const wildcards = sites.flatMap(({ name, wildcards }) =>
    wildcards.map((wildcard) => ({ end: ending(wildcard), name })),
  );
  if (wildcards.length > 0) {
    const lines = wildcards.sort((a, b) => b.end.length - a.end.length).map(({ end, name }) => `${end} ${name}`);
    const map = front.files.add(`maps/${fileStem(front)}-wildcards.map`, lines);
    rules.push(
      // No name has a comma; `evil.example,www.example.com` must not come to a member that believes the first.
      `http-request set-var(txn.site) var(txn.host),map_end(${map}) unless { var(txn.site) -m found } or { var(txn.host) -m sub , }`,
    );
  }
  const catching = sites.find(({ catchesAll }) => catchesAll);
  const last = catching === undefined ? NO_SITE : `http-request set-var(txn.site) str(${catching.name})`;
  rules.push(`${last} unless { var(txn.site) -m found }`);
  return rules;
}

function oneName(front: Front, site: SiteConfig): readonly string[] {
  return front.hasSiteVariable ? [`http-request set-var(txn.site) str(${site.name})`] : [];
}

function oneSite(front: Front, site: SiteConfig): readonly string[] {
  if (site.catchesAll) return [];
  const terms = [];
  if (site.names.length > 0) terms.push([`!{ ${HOST} -m str ${patterns(front.files, site.names)} }`]);
  if (site.wildcards.length > 0)
    terms.push([`!{ ${HOST} -m end ${patterns(front.files, site.wildcards.map(ending))} }`]);
  const isList = site.wildcards.length > 0 ? [[`{ ${HOST} -m sub , }`]] : [];
  return [rule(NO_SITE, [terms.flat(), ...isList])];
}

/** `*.example.com` as what a name must end with. */
function ending(wildcard: string): string {
  return wildcard.replace(/^\*/, "");
}
