/** Who may hold a group, as this node sees it: itself by its own state, others by their reports. */

import { after, type Instant } from "../base/time.ts";
import type { GroupConfig, VipConfig } from "../config/cluster.ts";
import type { Peer } from "../membership/roster.ts";
import { uncovered } from "./cover.ts";
import { linkOf, type Surroundings } from "./surroundings.ts";

/** May a node hold a group, and why (not), as one clause. */
export interface Eligibility {
  readonly eligible: boolean;
  readonly because: string;
  /** Only health, connection or an operator's wish speaks against it: what is there may stay. */
  readonly soft: boolean;
}

const YES: Eligibility = { eligible: true, because: "is well", soft: true };

function no(because: string, soft: boolean): Eligibility {
  return { eligible: false, because, soft };
}

/** This node's own eligibility. */
export function ownEligibility(
  s: Surroundings,
  group: {
    readonly config: GroupConfig;
    readonly vips: readonly VipConfig[];
    readonly barred: string | undefined;
    /** A former self served it without a break: what it knew of this node's health still holds. */
    readonly isResumed: boolean;
    /** A former self's lease runs so long: it is believed before the network has answered this one. */
    readonly resumedUntil: Instant;
  },
  now: Instant,
): Eligibility {
  if (s.stalled) return no("has a daemon whose main thread hangs", false);
  if (s.gateBroken) return no("cannot keep its gate", false);
  if (group.barred !== undefined) return no(`is barred until cleared: ${group.barred}`, false);
  if (s.mode === "left") return no("has left", false);
  if (s.leaving) return no("is leaving", true);
  if (s.mode === "observing" && !group.isResumed) return no("has just started and observes first", true);
  if (s.mode === "standby") return no("is in standby", true);
  for (const name of group.config.requires) {
    const monitor = s.monitors.get(name);
    if (monitor === undefined && !group.isResumed) return no(`has no verdict of monitor ${name} yet`, true);
    if (monitor?.verdict === "down") return no(`fails monitor ${name}`, true);
  }
  if (now < group.resumedUntil) return YES;
  if (group.vips.length === 0 && !isConnected(s, now)) return no("is cut off from every network", true);
  for (const vip of group.vips) {
    const link = linkOf(vip);
    const own = s.interfaces[link];
    if (own?.up !== true) return no(`has no working device for ${vip.address}`, true);
    const segment = s.segments[link];
    if (segment !== undefined && segment.reach(now) === 0 && segment.signsUntil <= now) {
      return no(`is cut off from the network of ${vip.address}`, true);
    }
    const worse = segment === undefined ? undefined : isWorseConnected(s, link, now);
    if (worse !== undefined) return no(`${worse} ${vip.address}`, true);
  }
  return YES;
}

/** Is there a network that reaches this node, and in which nobody else may take what it has? */
function isConnected(s: Surroundings, now: Instant): boolean {
  return s.segments.some((segment, link) => {
    if (s.interfaces[link]?.up !== true || segment.isApart(now)) return false;
    return segment.reach(now) > 0 || segment.signsUntil > now;
  });
}

/** Does this node hear peers on a link and no gateway, while that matters? Begins a clause that ends with a VIP. */
function isWorseConnected(s: Surroundings, link: number, now: Instant): string | undefined {
  const segment = s.segments[link];
  if (segment === undefined || segment.gatewayUp) return undefined;
  if (segment.isApart(now)) return seesNobody(s, link, now);
  if (segment.gateways.length === 0 || now < segment.betterElsewhereAt) return undefined;
  const peer = whoReachesGateway(s, link);
  return peer === undefined ? undefined : `reaches no gateway, as ${peer} does, for`;
}

/** Begins a clause about a node that hears peers, which are not enough; it ends with a VIP. */
function seesNobody(s: Surroundings, link: number, now: Instant): string {
  // A gate is not renewed for every little gain, so what is missing may have some milliseconds left.
  const missing = uncovered(s, link, after(now, s.timing.intervalMs / 2));
  const whom = missing.length === 0 ? "every node" : missing.join(" and ");
  const gateway = s.segments[link]?.gateways.length === 0 ? "" : " and sees no gateway";
  return `hears nothing of ${whom}${gateway}, so another may serve`;
}

/** Why this node's evidence for a group's VIPs ended, as one clause. */
export function whyDry(s: Surroundings, vips: readonly VipConfig[], now: Instant): string {
  const apart = vips.find((vip) => s.segments[linkOf(vip)]?.hearsPeers(now) === true);
  return apart === undefined
    ? "no sign that the network reaches it"
    : `it ${seesNobody(s, linkOf(apart), now)} ${apart.address}`;
}

/** Another node that says that it reaches a gateway of a link. */
export function whoReachesGateway(s: Surroundings, link: number): string | undefined {
  for (const peer of s.roster.peers.values()) if (peer.state === "up" && peer.reach[link] === 2) return peer.name;
  return undefined;
}

/** Another node's eligibility, by its own latest report. */
export function peerEligibility(s: Surroundings, peer: Peer, group: string): Eligibility {
  if (peer.state === "unheard") return no("was not heard since this node started", false);
  if (peer.state === "left") return no("has left", false);
  if (peer.state === "dead") return no("is dead", false);
  if (peer.state === "suspect") return no("is silent", false);
  if (peer.config !== s.configHash) return no("runs another cluster file", true);
  const report = peer.reports.get(group);
  if (report === undefined) return no("has not reported yet", true);
  return { eligible: report.eligible, because: report.reason, soft: report.soft };
}
