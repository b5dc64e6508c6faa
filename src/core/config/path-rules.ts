/**
 * What path rules mean, as a function: renderers write the same in an engine's words. Used to find rules that lead
 * in a circle and rules that no request can reach.
 */

import type { PathMatch, RedirectConfig } from "./balancer.ts";

/** Does a rule fit a path? `/api` fits `/api` and `/api/x`, not `/apix`; a prefix that ends in `/` only what follows it. */
export function fits(match: PathMatch, path: string): boolean {
  switch (match.kind) {
    case "exact":
      return path === match.text;
    case "suffix":
      return path.toLowerCase().endsWith(match.text);
    case "prefix":
      return path === match.text || path.startsWith(match.text.endsWith("/") ? match.text : `${match.text}/`);
  }
}

/** Indexes of redirects whose target is redirected again without end. Only targets on the same site are followed. */
export function findRedirectLoop(rules: readonly RedirectConfig[]): number[] {
  return rules.flatMap((rule, start) => {
    if (!rule.to.startsWith("/")) return [];
    let path = target(rule, sampleOf(rule.match));
    for (let hops = 0; hops <= rules.length; hops++) {
      const next = rules.find(({ match }) => fits(match, path));
      if (next === undefined || !next.to.startsWith("/")) return [];
      path = target(next, path);
    }
    return [start];
  });
}

/** A path that the rule fits. */
function sampleOf(match: PathMatch): string {
  return match.kind === "suffix" ? `/x${match.text}` : match.text;
}

function target({ match, to, keepRest }: RedirectConfig, path: string): string {
  const [bare = ""] = to.split("?");
  const rest = keepRest && match.kind === "prefix" ? path.slice(match.text.length) : "";
  // As engines join them: with one slash, for one that begins with two would be another host.
  return rest === "" ? bare : `${bare.replace(/\/$/, "")}/${rest.replace(/^[/\\]+/, "")}`;
}

/** Does the earlier rule fit every path that the later one fits? */
export function covers(earlier: PathMatch, later: PathMatch): boolean {
  if (earlier.kind === "prefix" && later.kind !== "suffix") return fits(earlier, later.text);
  if (earlier.kind === "prefix") return earlier.text === "/";
  if (later.kind === "exact") return fits(earlier, later.text);
  return earlier.kind === "suffix" && later.kind === "suffix" && later.text.endsWith(earlier.text);
}
