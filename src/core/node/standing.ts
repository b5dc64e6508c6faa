/**
 * Where a group belongs, as this node sees it: who may hold it, who has it, whose turn it is to ask for it.
 * Nothing here acts; `Group` does.
 */

import { after, earlier, LONG_AGO, NEVER, type Instant } from "../base/time.ts";
import type { GroupRole } from "../base/words.ts";
import type { GroupConfig, VipConfig } from "../config/cluster.ts";
import type { Peer } from "../membership/roster.ts";
import { place, type Candidate, type Placement, type PlacementQuestion } from "../ownership/placement.ts";
import { ownEligibility, peerEligibility, type Eligibility } from "./candidates.ts";
import { inMaintenance, type Surroundings } from "./surroundings.ts";

/** A less preferred node steps in when the one before it did nothing for so long. */
const STEP_IN_MS = 1_000;

/** What is needed of the group. */
export interface GroupState {
  readonly config: GroupConfig;
  readonly vips: readonly VipConfig[];
  readonly role: GroupRole;
  readonly epoch: number;
  readonly holder: string | undefined;
  readonly barred: string | undefined;
  readonly isResumed: boolean;
  readonly resumedUntil: Instant;
  /** This node has the group, with its gate open or not. */
  readonly mine: boolean;
  /** When this node began to serve it last. */
  readonly takenAt: Instant;
}

/** A possible node, and since when it is eligible; NEVER while it is not. */
interface Judged extends Eligibility {
  readonly node: string;
  readonly since: Instant;
}

const NOTHING_ASKED = { holder: undefined, wish: undefined, maintenance: false };

export class Standing {
  placement: Placement = { node: undefined, because: "nothing is decided yet", changesInMs: undefined };
  candidates: readonly Candidate[] = [];
  private readonly group: GroupState;
  private readonly s: Surroundings;
  /** The question that the placement answers, and when it was asked. */
  private asked: Pick<PlacementQuestion, "holder" | "wish" | "maintenance"> = NOTHING_ASKED;
  private decidedAt: Instant = LONG_AGO;
  private readonly judged: Judged[] = [];
  private readonly wishKey: string;
  private homelessSince: Instant | undefined;

  constructor(group: GroupState, surroundings: Surroundings) {
    this.group = group;
    this.s = surroundings;
    this.wishKey = `at/${group.config.name}`;
  }

  ownEligibility(now: Instant): Eligibility {
    return ownEligibility(this.s, this.group, now);
  }

  /** Asks the placement anew; true when its answer differs from before. */
  decide(now: Instant): boolean {
    const before = this.placement;
    const { failback } = this.group.config;
    const holder = this.presentHolder();
    const wish = this.s.wishes.get(this.wishKey) || undefined;
    const maintenance = inMaintenance(this.s);
    const { asked } = this;
    const isJudgedAnew = this.judge(now);
    // The same question has the same answer, unless it named a time: only a failback that waits counts it.
    const isSame = holder === asked.holder && wish === asked.wish && maintenance === asked.maintenance;
    if (isSame && !isJudgedAnew && before.changesInMs === undefined) return false;
    this.asked = { holder, wish, maintenance };
    this.decidedAt = now;
    this.candidates = this.judged.map((judged) => ({ ...judged, eligibleForMs: Math.max(0, now - judged.since) }));
    this.placement = place({ candidates: this.candidates, failback, ...this.asked });
    return before.node !== this.placement.node || before.because !== this.placement.because;
  }

  /** Judges every possible node; true when one is judged in another way than before. */
  private judge(now: Instant): boolean {
    const { s, group, judged } = this;
    let isAnew = false;
    for (const [index, node] of group.config.prefer.entries()) {
      const peer = s.roster.peers.get(node);
      const { eligible, because, soft } =
        peer === undefined ? this.ownEligibility(now) : peerEligibility(s, peer, group.config.name);
      const before = judged[index];
      if (before?.eligible === eligible && before.because === because && before.soft === soft) continue;
      const since = !eligible ? NEVER : before?.eligible === true ? before.since : now;
      judged[index] = { node, eligible, because, soft, since };
      isAnew = true;
    }
    return isAnew;
  }

  /** The group's last holder, when it is another node of the file. */
  lastHolder(): Peer | undefined {
    const { holder } = this.group;
    return holder === undefined ? undefined : this.s.roster.peers.get(holder);
  }

  /** The group's last holder is known to be closed: it said so, left, or its lease is over. */
  holderGone(): boolean {
    const peer = this.lastHolder();
    if (peer === undefined || !peer.alive) return true;
    const report = peer.reports.get(this.group.config.name);
    return report !== undefined && !isServing(report.role);
  }

  /** The group's living holder released it to this node: the move is planned. */
  isReleased(): boolean {
    const peer = this.lastHolder();
    return peer?.alive === true && releasedTo(peer, this.group, this.s.me);
  }

  /**
   * VIPs are probed before they are taken, unless the move is planned and every other node is heard, or said goodbye. One
   * that is silent may have taken what was released in the meantime, or be about to at the very same moment.
   */
  probing(): boolean {
    if (!this.isReleased()) return true;
    return [...this.s.roster.peers.values()].some((peer) => !peer.alive && !peer.hasLeft);
  }

  /** A planned move there is possible now. */
  mayMoveTo(target: string): boolean {
    const peer = this.s.roster.peers.get(target);
    return peer?.state === "up" && peer.config === this.s.configHash;
  }

  /** Should this node ask for the group now? */
  wants(now: Instant): boolean {
    const s = this.s;
    if (s.stalled || s.gateBroken || s.mode === "observing" || s.mode === "left") return false;
    if (inMaintenance(s) && this.group.role !== "lapsed") return false;
    if (this.group.role === "idle" && this.holderBusy()) {
      this.homelessSince = undefined;
      return false;
    }
    const holder = this.lastHolder();
    if (holder?.alive === true && holder.reports.get(this.group.config.name)?.to !== undefined) {
      this.homelessSince ??= now;
      return releasedTo(holder, this.group, s.me) && this.ownEligibility(now).eligible;
    }
    return this.isMyTurn(now) || this.takesBack();
  }

  /** Why this node takes the group now, as one clause. */
  whyTake(): string {
    const { holder, config } = this.group;
    if (this.takesBack()) return `it held it last and ${this.own()?.because}, but no other node is better off`;
    if (holder === this.s.me) return "it held it last and the network reaches it again";
    const peer = this.lastHolder();
    if (peer === undefined) return this.placement.because;
    if (peer.state === "dead" || peer.state === "left")
      return `${peer.name} ${peer.state === "dead" ? "is dead" : "has left"}`;
    const report = peer.reports.get(config.name);
    if (report?.to !== undefined) return `${peer.name} released it to ${report.to}`;
    return report === undefined || report.eligible ? `${peer.name} does not serve it` : `${peer.name} ${report.reason}`;
  }

  /** This node took the group: it is at home again. */
  settled(): void {
    this.homelessSince = undefined;
  }

  /** The last holder comes first, then the order of preference; the lower rank has the better right. */
  rank(node: string): number {
    if (node === this.group.holder) return -1;
    const { prefer } = this.group.config;
    const position = prefer.indexOf(node);
    return position < 0 ? prefer.length : position;
  }

  /** The same towards a peer; one that runs another cluster file may prefer others, so only the order of nodes counts. */
  rankAgainst(peer: Peer, node: string): number {
    return peer.config === this.s.configHash ? this.rank(node) : this.index(node);
  }

  /** Position in the cluster file. */
  index(node: string): number {
    return this.s.config.nodes.findIndex((candidate) => candidate.name === node);
  }

  /** When the placement answers anew if nothing else happens. */
  changesAt(): Instant {
    const { changesInMs } = this.placement;
    return changesInMs === undefined ? NEVER : after(this.decidedAt, changesInMs);
  }

  wakeAt(now: Instant): Instant {
    const change = this.changesAt();
    if (this.homelessSince === undefined) return change;
    return earlier(change, after(now, STEP_IN_MS - ((now - this.homelessSince) % STEP_IN_MS)));
  }

  /** Node that has the group, with a running or lapsed lease; undefined when it is free or its holder is silent. */
  private presentHolder(): string | undefined {
    if (this.group.mine) return this.s.me;
    const peer = this.lastHolder();
    if (peer?.state !== "up" && peer?.state !== "late") return undefined;
    const report = peer.reports.get(this.group.config.name);
    if (report === undefined) return peer.name;
    return isServing(report.role) || report.role === "lapsed" ? peer.name : undefined;
  }

  /** Its living holder serves it or is on the way out with it. */
  private holderBusy(): boolean {
    const peer = this.lastHolder();
    if (peer?.state !== "up" && peer?.state !== "late") return false;
    const role = peer.reports.get(this.group.config.name)?.role;
    return role === undefined || isServing(role) || role === "stopping";
  }

  /** Is it this node's turn: placed here, or those placed before it did nothing for a while? */
  private isMyTurn(now: Instant): boolean {
    const target = this.placement.node;
    if (target === undefined) {
      this.homelessSince = undefined;
      return false;
    }
    this.homelessSince ??= now;
    if (this.waitsForBoot(now)) return false;
    if (target === this.s.me) return true;
    const others = this.candidates.filter((candidate) => candidate.eligible && candidate.node !== target);
    const position = [target, ...others.map((candidate) => candidate.node)].indexOf(this.s.me);
    return position >= 0 && now - this.homelessSince >= position * STEP_IN_MS;
  }

  /**
   * This node released it, and now no node may have it, itself only for its health: what fails on all nodes moves
   * nothing, also when it fails on one a moment before the others.
   */
  takesBack(): boolean {
    const { role, holder, takenAt } = this.group;
    if (role !== "idle" || holder !== this.s.me || takenAt === LONG_AGO || this.s.leaving) return false;
    return this.placement.node === undefined && this.own()?.soft === true;
  }

  private own(): Candidate | undefined {
    return this.candidates.find(({ node }) => node === this.s.me);
  }

  /** A group that nobody ever held waits for its preferred nodes while they are still coming up. */
  private waitsForBoot(now: Instant): boolean {
    const { startedAt, config } = this.s;
    if (this.group.holder !== undefined || now >= startedAt + config.heartbeat.initialWaitMs) return false;
    for (const candidate of this.candidates) {
      if (candidate.eligible) return false;
      if (candidate.soft && this.s.roster.peers.get(candidate.node)?.alive !== false) return true;
    }
    return false;
  }
}

/** Did this peer hold the group at the known epoch, and release it to `to` (or to anybody, when undefined)? */
export function releasedTo(
  peer: Peer,
  group: { readonly config: { readonly name: string }; readonly epoch: number },
  to: string | undefined,
): boolean {
  const report = peer.reports.get(group.config.name);
  if (report === undefined || report.epoch !== group.epoch || report.holder !== peer.name) return false;
  return report.role === "idle" && report.to !== undefined && (to === undefined || report.to === to);
}

/** The role of a node that serves a group, or is about to. */
export function isServing(role: GroupRole | undefined): boolean {
  return role === "holding" || role === "starting";
}
