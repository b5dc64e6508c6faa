/**
 * What a node does after it has taken an input in: whatever follows from what it knows now. A whole look costs in
 * proportion to peers and groups, and in a calm cluster nearly every input is a beat that says what the one before
 * said. So a look is taken only when it can find anything, as a watchman goes his round when a bell rings or the clock
 * strikes, not whenever somebody walks past:
 *
 *   - an input brought news: something that a decision may rest on is different now;
 *   - time made a difference: every part says when its answer may next be another one by time alone (`decideAt`);
 *   - the look before had news or acted: parts that come first may rest on what parts after them did.
 *
 * Until then a look would do nothing, and not looking is right. Whoever adds to the core a decision that depends on
 * time must add its instant to `plan`. A test compares with nodes that always look.
 */

import { MAX_NODES } from "../base/limits.ts";
import { after, earlier, LONG_AGO, NEVER, type Instant } from "../base/time.ts";
import type { GroupRole } from "../base/words.ts";
import type { LinkChange, PeerChange } from "../membership/roster.ts";
import type { Asking } from "./asking.ts";
import type { Beats } from "./beats.ts";
import { whoReachesGateway } from "./candidates.ts";
import { coveredUntil, keepsUntil } from "./cover.ts";
import type { Group } from "./group.ts";
import { hurryAt, isWorthRenewing } from "./renewal.ts";
import type { Requests } from "./requests.ts";
import { linkOf, type Surroundings } from "./surroundings.ts";
import type { Turn } from "./turn.ts";

/** Epochs are reserved on disk in blocks, so that the disk is never waited for. */
const EPOCH_BLOCK = 100 * MAX_NODES;

/** The parts of a node. */
export interface Parts {
  readonly s: Surroundings;
  readonly groups: ReadonlyMap<string, Group>;
  readonly beats: Beats;
  readonly asking: Asking;
  readonly requests: Requests;
}

export class Settling {
  /** The next step looks at everything, whatever its input. */
  unsettled = true;
  /** A former self's leases were taken over and still run. */
  isResuming = false;
  /** Leases of groups that the present file does not have: nobody here can close them before their stated end. */
  goneUntil: Instant = LONG_AGO;
  private readonly parts: Parts;
  /** Evidence of a segment moves on by itself, step by step: nobody can take from here. */
  private isExcused = false;
  private reserved: Record<string, number>;
  private persistedRevision = -1;
  /** Time alone changes no decision before this. */
  private decideAt: Instant = LONG_AGO;
  /** When to look again at the latest. */
  private wake: Instant = LONG_AGO;
  /** Per link: the earliest deadline to which a gate there was opened; more evidence may be worth a renewal. */
  private readonly openUntil: Instant[];
  /** Per link: the evidence's deadline as last seen. */
  private readonly deadlines: Instant[];
  /** Links whose evidence decides anything: those of VIPs, or all where a group has none. */
  private readonly links: readonly number[];
  /** A group is served here or on its way. */
  private isEngaged = true;
  /** Open gates can be renewed for longer. */
  private canRenew = false;

  constructor(parts: Parts, epochs: Readonly<Record<string, number>>) {
    this.parts = parts;
    this.reserved = { ...epochs };
    this.openUntil = parts.s.segments.map(() => NEVER);
    this.deadlines = parts.s.segments.map(() => LONG_AGO);
    const groups = [...parts.groups.values()];
    const hasOther = groups.some((group) => group.vips.length === 0);
    const used = new Set(groups.flatMap((group) => group.vips.map(linkOf)));
    this.links = parts.s.segments.map((_, link) => link).filter((link) => hasOther || used.has(link));
  }

  /** Does what follows. */
  settle(turn: Turn, isNews: boolean): void {
    const { s, beats, asking, requests } = this.parts;
    let looks = isNews || this.unsettled;
    let changed = false;
    if (looks || turn.now >= s.roster.wakeAt()) changed = this.advance(turn);
    looks ||= changed || turn.now >= this.decideAt;
    if (looks) this.decide(turn);
    else if (this.canRenew) this.renew(turn);
    if (looks || turn.now >= asking.dueAt) asking.settle(turn);
    // A gateway was lost: from now on it counts who else hears this node.
    if (!looks && turn.hasActed) for (const link of this.links) this.cover(turn, link);
    if (looks) this.reserve(turn, false);
    if (looks) beats.look();
    if (!s.frozen) beats.settle(turn);
    requests.afterBeats(turn);
    if (looks) this.plan(turn.now);
    this.unsettled = isNews || changed || turn.hasActed;
  }

  /** There may be more evidence on a link. */
  evidenceMoved(turn: Turn, link: number): void {
    const { segments, timing } = this.parts.s;
    const deadline = segments[link]?.deadline ?? LONG_AGO;
    const before = this.deadlines[link] ?? LONG_AGO;
    this.deadlines[link] = deadline;
    if (deadline === before) return;
    // Whoever has lost the gateway asks for it the more, the less it must care for the deadline.
    if (segments[link]?.gatewayUp === false) this.parts.asking.dueAt = LONG_AGO;
    if (before <= turn.now) this.decideAt = LONG_AGO;
    else {
      const openUntil = this.openUntil[link] ?? NEVER;
      if (isWorthRenewing(timing, { openUntil, deadline, now: turn.now })) this.canRenew = true;
      else if (deadline > openUntil) this.lookAt(hurryAt(timing, openUntil));
    }
  }

  /** Time alone may change a decision then. */
  private lookAt(at: Instant): void {
    this.decideAt = earlier(this.decideAt, at);
    this.wake = earlier(this.wake, at);
  }

  /** More is known about who hears this node: evidence of every segment may have moved. */
  coverMoved(turn: Turn): void {
    const { segments } = this.parts.s;
    // Whoever has nothing to keep, and whom a gateway answers, need not know before he looks again.
    for (const link of this.links) if (this.isEngaged || segments[link]?.gatewayUp === false) this.cover(turn, link);
  }

  private cover(turn: Turn, link: number): void {
    const segment = this.parts.s.segments[link];
    if (segment === undefined) return;
    segment.cover = keepsUntil(this.parts.s, link);
    this.evidenceMoved(turn, link);
  }

  /** All that more evidence changes by itself. */
  private renew(turn: Turn): void {
    for (const group of this.parts.groups.values()) group.renew(turn);
    this.plan(turn.now);
  }

  wakeAt(): Instant {
    const { s, beats, asking } = this.parts;
    return earlier(earlier(s.roster.wakeAt(), this.wake), earlier(beats.wakeAt(), asking.wakeAt()));
  }

  /** When the next look is due, and from when one may find something. */
  private plan(now: Instant): void {
    const { s, groups, requests } = this.parts;
    const bootEnd = after(s.startedAt, s.config.heartbeat.initialWaitMs);
    let wake = earlier(requests.wakeAt(), s.mode === "observing" ? bootEnd : NEVER);
    let decideAt = requests.isBusy ? LONG_AGO : bootEnd > now ? bootEnd : NEVER;
    this.openUntil.fill(NEVER);
    this.canRenew = false;
    this.isEngaged = false;
    for (const group of groups.values()) {
      if (group.role !== "idle" || group.claiming !== undefined) this.isEngaged = true;
      wake = earlier(wake, group.wakeAt(now));
      decideAt = earlier(decideAt, group.decideAt(now));
      if (group.role !== "holding") continue;
      for (const vip of group.vips) {
        const link = linkOf(vip);
        const openUntil = group.openedUntil(vip);
        this.openUntil[link] = earlier(this.openUntil[link] ?? NEVER, openUntil);
        if ((s.segments[link]?.deadline ?? LONG_AGO) > openUntil) wake = earlier(wake, hurryAt(s.timing, openUntil));
      }
    }
    for (const peer of s.roster.list) if (peer.claims.length > 0) decideAt = LONG_AGO;
    for (const link of this.links) decideAt = earlier(decideAt, s.segments[link]?.changesAt(now) ?? NEVER);
    if (this.isExcused) decideAt = LONG_AGO;
    this.wake = wake;
    this.decideAt = earlier(wake, decideAt);
  }

  private decide(turn: Turn): void {
    const { groups, requests } = this.parts;
    this.settleMode(turn);
    this.excuse(turn);
    for (const [link, segment] of this.parts.s.segments.entries()) {
      this.cover(turn, link);
      const isLost = !segment.gatewayUp;
      segment.reachedElsewhere(turn.now, isLost && whoReachesGateway(this.parts.s, link) !== undefined);
    }
    for (const group of groups.values()) group.settle(turn);
    this.settleResumed(turn);
    requests.settle(turn);
  }

  /** Time passes for the others; true when that changes anything. */
  private advance(turn: Turn): boolean {
    const { links, peers } = this.parts.s.roster.advance(turn.now);
    for (const change of links) this.linkChanged(turn, change);
    for (const change of peers) this.peerChanged(turn, change);
    return links.length > 0 || peers.length > 0;
  }

  private linkChanged(turn: Turn, { peer, link, up, silentMs }: LinkChange): void {
    const about = { node: peer.name, link: link.number };
    if (up) {
      this.parts.asking.learn(link.number);
      turn.event("LINK_UP", about);
    } else {
      turn.event("LINK_DOWN", { severity: "warning", ...about, facts: { silentMs: Math.round(silentMs) } });
    }
  }

  private peerChanged(turn: Turn, { peer, from, to, silentMs }: PeerChange): void {
    const facts = { silentMs: Math.round(Math.min(silentMs, 1e9)) };
    if (to === "dead") turn.event("PEER_DEAD", { severity: "alert", node: peer.name, facts });
    if (to === "left") turn.event("PEER_LEFT", { node: peer.name });
    if (to === "suspect") turn.event("PEER_SUSPECT", { severity: "warning", node: peer.name, facts });
    if (to === "up" && from === "suspect") {
      const lateMs = Math.round(this.parts.s.timing.suspectMs - this.parts.s.timing.intervalMs);
      turn.event("PEER_LATE", { severity: "warning", node: peer.name, facts: { lateMs: `more than ${lateMs}` } });
    }
    if (to === "up" && (from === "unheard" || from === "dead" || from === "left")) {
      turn.event("PEER_UP", { node: peer.name });
      // Whoever was cut off with it did not hear the announcements.
      for (const group of this.parts.groups.values()) if (group.role === "holding") group.announcing.again(turn.now);
    }
    turn.urgent ||= to === "dead" || from === "unheard";
  }

  private settleMode(turn: Turn): void {
    const { s } = this.parts;
    if (s.mode === "left") return;
    const before = s.mode;
    let because = "an operator ended its standby";
    if (before === "observing") {
      const heard = [...s.roster.peers.values()].every((peer) => peer.state !== "unheard");
      const waited = turn.now >= s.startedAt + s.config.heartbeat.initialWaitMs;
      if (!heard && !waited) return;
      because = heard ? "all nodes were heard" : "the initial wait is over";
    }
    s.mode = s.wishes.get(`standby/${s.me}`) === "on" ? "standby" : "online";
    if (s.mode === before) return;
    if (s.mode === "standby") turn.event("NODE_STANDBY", { node: s.me });
    else turn.event("NODE_ONLINE", { node: s.me, facts: { because } });
    turn.urgent = true;
  }

  /**
   * On a segment with a gateway, evidence is always to be had. Without one, serving needs none where nobody can
   * take: every other node left, or stands by and says so; or, of two nodes, the other is silent: it cannot have
   * evidence of its own, so it takes nothing; or all say, on another link, that the segment is silent for them too.
   */
  private excuse(turn: Turn): void {
    const { s, groups } = this.parts;
    const peers = [...s.roster.peers.values()].filter((peer) => !peer.hasLeft);
    this.isExcused = false;
    const unopposed = peers.every((peer) => peer.mode === "standby" && peer.alive);
    const blind = s.roster.peers.size === 1 && peers[0]?.state !== "up";
    for (const [link, segment] of s.segments.entries()) {
      if (segment.gateways.length > 0 || s.interfaces[link]?.up !== true) continue;
      const has = (role: GroupRole): boolean =>
        [...groups.values()].some((group) => group.role === role && group.vips.some((vip) => linkOf(vip) === link));
      const stranded = peers.every(
        (peer) => peer.alive && peer.reach[link] === 0 && coveredUntil(s, peer, link) > turn.now,
      );
      const serving = has("holding");
      if (!unopposed && !(blind && serving) && !(stranded && (serving || has("lapsed")))) continue;
      this.isExcused = true;
      segment.unopposed(turn.now);
    }
  }

  /** The others wait for a restarted daemon until its gates depend on its own evidence again. */
  private settleResumed(turn: Turn): void {
    if (!this.isResuming || turn.now < this.goneUntil) return;
    if ([...this.parts.groups.values()].some((group) => group.resumedUntil > turn.now)) return;
    this.isResuming = false;
    this.parts.beats.restartUntil = LONG_AGO;
    turn.urgent = true;
  }

  reserve(turn: Turn, first: boolean): void {
    let short = first || this.parts.s.wishes.revision !== this.persistedRevision;
    for (const group of this.parts.groups.values()) {
      const used = Math.max(group.epoch, group.grants.epoch, group.claimed);
      short ||= used + EPOCH_BLOCK / 2 > (this.reserved[group.config.name] ?? 0);
    }
    if (!short) return;
    for (const group of this.parts.groups.values()) {
      this.reserved[group.config.name] = Math.max(group.epoch, group.grants.epoch, group.claimed) + EPOCH_BLOCK;
    }
    this.persist(turn);
  }

  private persist(turn: Turn): void {
    this.persistedRevision = this.parts.s.wishes.revision;
    turn.emit({ kind: "persist", epochs: { ...this.reserved }, wishes: this.parts.s.wishes.all() });
  }
}
