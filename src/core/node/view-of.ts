/** Makes the view of a node: what `status` and `why` show. */

import { LONG_AGO, type Instant } from "../base/time.ts";
import type { Verdict } from "../base/words.ts";
import type { Peer } from "../membership/roster.ts";
import type { Group } from "./group.ts";
import type { Rejection } from "./inputs.ts";
import { inMaintenance, type Surroundings } from "./surroundings.ts";
import type { GroupView, NodeView, PeerView } from "./view.ts";

const REJECTIONS: readonly Rejection[] = [
  "malformed",
  "oversized",
  "unknown-version",
  "foreign-cluster",
  "wrong-key",
  "unknown-node",
  "wrong-link",
  "replayed",
];

interface Viewed {
  readonly s: Surroundings;
  readonly incarnation: string;
  readonly groups: ReadonlyMap<string, Group>;
  readonly monitors: ReadonlyMap<string, { verdict: Verdict; detail: string }>;
  readonly rejected: ReadonlyMap<Rejection, number>;
  readonly now: Instant;
}

/** The whole view; pure. */
export function viewOf({ s, incarnation, groups, monitors, rejected, now }: Viewed): NodeView {
  const own = s.config.nodes.find((node) => node.name === s.me);
  return {
    node: s.me,
    cluster: s.config.cluster,
    incarnation,
    mode: s.mode,
    config: s.configHash,
    maintenance: inMaintenance(s),
    stalled: s.stalled,
    links: s.interfaces.map((each, link) => ({
      link,
      address: own?.addresses[link] ?? "",
      device: each.device,
      up: each.up,
      reach: each.up ? (s.segments[link]?.reach(now) ?? 0) : 0,
      gateways: s.segments[link]?.gateways ?? [],
    })),
    peers: [...s.roster.peers.values()].map((peer) => viewPeer(s, peer, now)),
    groups: [...groups.values()].map((group) => viewGroup(s, group, now)),
    monitors: s.config.monitors.map(({ name }) => {
      const known = monitors.get(name) ?? { verdict: "unknown" as const, detail: "not checked yet" };
      return { name, ...known };
    }),
    wishes: s.wishes.all(),
    counters: {
      ...s.counters,
      rejected: Object.fromEntries(REJECTIONS.map((why) => [why, rejected.get(why) ?? 0])) as Record<Rejection, number>,
    },
  };
}

function viewPeer(s: Surroundings, peer: Peer, now: Instant): PeerView {
  const addresses = s.config.nodes.find((node) => node.name === peer.name)?.addresses ?? [];
  return {
    node: peer.name,
    state: peer.state,
    mode: peer.mode,
    incarnation: peer.incarnation,
    silentMs: peer.heardAt === LONG_AGO ? undefined : Math.round(now - peer.heardAt),
    links: peer.links.map((link) => ({
      link: link.number,
      up: link.up,
      silentMs: link.heardAt === LONG_AGO ? undefined : Math.round(now - link.heardAt),
      address: addresses[link.number] ?? "",
    })),
    configDiffers: peer.config !== undefined && peer.config !== s.configHash,
    macs: [...peer.macs],
  };
}

function viewGroup(s: Surroundings, group: Group, now: Instant): GroupView {
  return {
    name: group.config.name,
    epoch: group.epoch,
    holder: group.holder,
    role: group.role,
    leaseMs: group.role === "holding" ? Math.round(group.leaseUntil() - now) : undefined,
    candidates: group.standing.candidates.map(({ node, eligible, because }) => ({ node, eligible, because })),
    decision: group.decision,
    timers: Object.fromEntries(Object.entries(group.timers(now)).map(([name, ms]) => [name, Math.round(ms)])),
    wouldChange: wouldChange(s, group),
  };
}

/** What would make the placement answer differently, one sentence each. */
function wouldChange(s: Surroundings, group: Group): string[] {
  const { node } = group.standing.placement;
  const sentences = inMaintenance(s) ? ["nothing moves before `understudy maintenance off`; then:"] : [];
  for (const candidate of group.standing.candidates) {
    if (candidate.node === node || candidate.eligible) continue;
    sentences.push(`${candidate.node} ${candidate.because}; without that it could hold ${group.config.name}`);
  }
  const others = group.standing.candidates.filter((candidate) => candidate.eligible && candidate.node !== node);
  if (node !== undefined) sentences.push(`if ${node} failed, ${others[0]?.node ?? "nobody"} would take over`);
  for (const other of others)
    sentences.push(`\`understudy switch ${group.config.name} --to ${other.node}\` would move it`);
  if (group.barred !== undefined)
    sentences.push(`\`understudy clear ${group.config.name}\` would let ${s.me} hold it again`);
  return sentences;
}
