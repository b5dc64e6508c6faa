/**
 * When frames go out, and what stands in them. A node beats every interval; hearing another's beat it beats at
 * once when its own is more than half an interval old, so that echoes are fresh and no extra frame is needed. A
 * node that serves beats a little before the others: who leads is echoed within a round trip, who follows only
 * with the leader's next beat, and would have to ask its peers and gateways in every interval.
 * While a peer is late it is asked often on every link.
 */

import { after, earlier, later, LONG_AGO, NEVER, type Instant } from "../base/time.ts";
import { OLDEST_FRAME_VERSION } from "../membership/frame-codec.ts";
import {
  FRAME_VERSION,
  type Claim,
  type ClaimAnswer,
  type Frame,
  type FrameKind,
  type GroupReport,
  type Heard,
  type Wish,
} from "../membership/frame.ts";
import type { Peer } from "../membership/roster.ts";
import { answerBytes, claimBytes, reportBytes, roomFor, takeFitting, wishBytes } from "./frame-room.ts";
import { judgeClaim } from "./granting.ts";
import type { Group } from "./group.ts";
import { isServing } from "./standing.ts";
import { linkOf, type Surroundings } from "./surroundings.ts";
import type { Turn } from "./turn.ts";

/** A node that serves beats earlier than the interval asks, by this share of it: it leads. */
const LEAD_SHARE = 0.05;

/** Group reports in one frame at most; with more groups, those without news take turns. */
const REPORTS_PER_FRAME = 12;

/**
 * Claims in one frame. A claim that is left out counts as withdrawn, so young ones are told until they are settled;
 * those that stand for long take turns, each long enough to be answered.
 */
const CLAIMS_PER_FRAME = 12;
const CLAIMS_BYTES = 300;
const CLAIM_IS_YOUNG_MS = 500;
const CLAIM_TURN_MS = 500;

/** Answers to claims in one frame. */
const ANSWERS_BYTES = 550;
/** When answers leave no room for the longest report, every so many beats they wait. */
const REPORTS_FIRST_EVERY = 4;
const REPORT_BYTES = 450;

/** Operators' wishes in one frame; they and the reports come first in turns. */
const WISHES_PER_FRAME = 6;
const WISHES_BYTES = 320;

/** A peer that started anew and was not confirmed yet is spoken to in its own version for so long after its last frame. */
const CANDIDATE_MS = 1_000;

/**
 * For so long after a node's death it is told of its successor as often as a missing one is asked. A machine whose
 * clock stood still, as in a live migration, takes up its old lease when it goes on: what it hears first ends that.
 */
const TELL_THE_DEAD_MS = 60_000;

/** What all frames of one turn share. */
interface Body {
  readonly groups: readonly GroupReport[];
  readonly reach: readonly number[];
  readonly claims: readonly Claim[];
  readonly wishes: readonly Wish[];
  readonly answers: ReadonlyMap<Peer, readonly ClaimAnswer[]>;
  /** Filled when asked for: one list per peer, so that its frames on all links have one text. */
  readonly heard: Map<Peer, readonly Heard[]>;
}

const NO_ANSWERS: readonly ClaimAnswer[] = [];
const NO_WISHES: readonly Wish[] = [];
const NO_CLAIMS: { readonly taken: readonly Claim[]; readonly bytes: number } = { taken: [], bytes: 0 };

/** What was last told of a group, and in which beat. */
interface Told {
  readonly report: GroupReport;
  readonly beat: number;
}

export class Beats {
  private readonly s: Surroundings;
  private readonly groups: ReadonlyMap<string, Group>;
  private readonly incarnation: string;
  /** This node serves a VIP, on these links. */
  private serves = false;
  private servingLinks: readonly number[] = [];
  /** A peer is heard; one is missing. */
  private isHeard = false;
  private isMissing = false;
  private wake: Instant = LONG_AGO;
  private beatAt: Instant = LONG_AGO;
  private probeAt: Instant = LONG_AGO;
  private beats = 0;
  private readonly told = new Map<string, Told>();
  /** The lists in the last body. */
  private saidGroups: readonly GroupReport[] = [];
  private saidReach: readonly number[] = [];
  /** Peers to answer in this turn, with the link that asked. */
  private readonly answers = new Map<Peer, number>();
  /** The daemon restarts: said in every frame until then. */
  restartUntil: Instant = LONG_AGO;

  constructor(surroundings: Surroundings, groups: ReadonlyMap<string, Group>, incarnation: string) {
    this.s = surroundings;
    this.groups = groups;
    this.incarnation = incarnation;
  }

  /** A frame came in: answer it if it asks, and beat along. */
  heard(turn: Turn, peer: Peer, frame: Frame): void {
    // An answer carries claims as every frame does; answering it too would never end.
    const asks = frame.kind === "probe" || (frame.kind === "beat" && frame.claims.length > 0);
    if (asks || this.isOutdated(frame)) this.answers.set(peer, frame.link);
    if (frame.kind === "beat" && turn.now - this.beatAt > this.s.timing.intervalMs / 2) this.beatAt = LONG_AGO;
  }

  /** Does its sender serve under an epoch that is over? It must learn that at once. */
  private isOutdated(frame: Frame): boolean {
    for (const report of frame.groups) {
      if (isServing(report.role) && report.epoch < (this.groups.get(report.name)?.epoch ?? 0)) return true;
    }
    return false;
  }

  /** Sends what is due. */
  settle(turn: Turn): void {
    this.wake = this.dueAt();
    if (!turn.urgent && this.answers.size === 0 && turn.now < this.wake) return;
    this.sendDue(turn);
    this.look();
    this.wake = this.dueAt();
  }

  private sendDue(turn: Turn): void {
    const { askMs } = this.s.timing;
    let written: Body | undefined;
    const body = (): Body => {
      written ??= this.body(turn);
      return written;
    };
    if (turn.urgent || turn.now >= this.nextBeatAt()) {
      this.beatAt = turn.now;
      for (const peer of this.s.roster.list) this.sendAll(turn, "beat", peer, body());
      this.answers.clear();
      this.remember(body());
    }
    for (const [peer, link] of this.answers) this.send(turn, { kind: "answer", peer, link, body: body() });
    this.answers.clear();
    if (turn.now < this.probeAt + askMs) return;
    const thirsty = this.servingLinks.filter((link) => turn.now >= this.thirstyAt(link));
    for (const peer of this.s.roster.list) {
      if (this.tells(peer)) {
        this.probeAt = turn.now;
        this.sendAll(turn, "answer", peer, body());
      }
      if (!peer.alive) continue;
      const missing = peer.state !== "up" || turn.now >= this.echoDueAt(peer);
      if (!missing && thirsty.length === 0) continue;
      this.probeAt = turn.now;
      if (missing) this.sendAll(turn, "probe", peer, body());
      else for (const link of thirsty) this.send(turn, { kind: "probe", peer, link, body: body() });
    }
  }

  /**
   * Takes down what the next wake-up rests on besides times: needed after every look at the node, and after everything
   * sent. In between only evidence moves.
   */
  look(): void {
    this.serves = this.isServing();
    this.servingLinks = this.links().filter((link) => this.isServingOn(link));
    this.isHeard = false;
    this.isMissing = false;
    for (const peer of this.s.roster.list) {
      if (this.tells(peer)) this.isMissing = true;
      if (!peer.alive) continue;
      this.isHeard = true;
      if (peer.state !== "up") this.isMissing = true;
    }
  }

  /** When `settle` sends something next, as far as is known after its last call. */
  wakeAt(): Instant {
    return this.wake;
  }

  private dueAt(): Instant {
    let probe = this.isMissing ? LONG_AGO : NEVER;
    if (this.isHeard) for (const link of this.servingLinks) probe = earlier(probe, this.thirstyAt(link));
    if (this.servingLinks.length > 0)
      for (const peer of this.s.roster.list) if (peer.alive) probe = earlier(probe, this.echoDueAt(peer));
    probe = later(probe, after(this.probeAt, this.s.timing.askMs));
    return earlier(this.nextBeatAt(), probe);
  }

  /** Is this dead node told, when the next question is due, that another serves? */
  private tells(peer: Peer): boolean {
    if (peer.state !== "dead" || !this.isServing()) return false;
    return this.probeAt + this.s.timing.askMs < peer.heardAt + TELL_THE_DEAD_MS;
  }

  private nextBeatAt(): Instant {
    const { intervalMs } = this.s.timing;
    return after(this.beatAt, this.serves ? intervalMs * (1 - LEAD_SHARE) : intervalMs);
  }

  private isServing(): boolean {
    for (const group of this.groups.values()) if (group.role === "holding" && group.vips.length > 0) return true;
    return false;
  }

  private links(): number[] {
    return this.s.segments.map((_, link) => link);
  }

  private isServingOn(link: number): boolean {
    if (!this.serves) return false;
    for (const group of this.groups.values())
      if (group.role === "holding" && group.vips.some((vip) => linkOf(vip) === link)) return true;
    return false;
  }

  /** When the echo that should have come on a link is overdue; asked for links that a served VIP depends on. */
  private thirstyAt(link: number): Instant {
    const { echoMs, lateMs } = this.s.timing;
    const segment = this.s.segments[link];
    return segment === undefined ? NEVER : after(segment.signsUntil, lateMs - echoMs);
  }

  /** When a peer that is heard should have said again that it hears this node, whose gates may depend on it. */
  private echoDueAt(peer: Peer): Instant {
    return this.servingLinks.length === 0 ? NEVER : after(peer.echoAt, this.s.timing.lateMs);
  }

  private sendAll(turn: Turn, kind: FrameKind, peer: Peer, body: Body): void {
    for (const link of peer.links) this.send(turn, { kind, peer, link: link.number, body });
  }

  private send(turn: Turn, what: { kind: FrameKind; peer: Peer; link: number; body: Body }): void {
    const { kind, peer, body } = what;
    const link = peer.links[what.link];
    const s = this.s;
    if (link === undefined || s.interfaces[what.link]?.up !== true) return;
    s.counters.framesSent++;
    const sequence = peer.take(link, turn.now);
    const frame: Frame = {
      version: this.versionFor(peer, sequence, turn.now),
      speaks: FRAME_VERSION,
      kind,
      node: s.me,
      incarnation: this.incarnation,
      sequence,
      link: what.link,
      config: s.configHash,
      // A hung brain keeps no address: whoever hears this waits for nothing from here.
      mode: s.stalled ? "left" : s.mode,
      restartMs: Math.max(0, Math.round(this.restartUntil - turn.now)) || 0,
      heard: heardOf(body, peer, turn.now),
      groups: body.groups,
      reach: body.reach,
      claims: body.claims,
      claimAnswers: body.answers.get(peer) ?? NO_ANSWERS,
      wishes: body.wishes,
    };
    turn.emit({ kind: "send", to: peer.name, frame });
  }

  /**
   * The newest version that the peer reads. One that started anew may be an older program than before and can
   * only confirm what it reads: every other frame is for it. Its frame may also be a replayed one, so the peer
   * known so far gets the rest; a restart, of which an older version says nothing, is never hidden.
   */
  private versionFor(peer: Peer, sequence: number, now: Instant): number {
    const known = peer.speaks === 0 ? FRAME_VERSION : Math.min(FRAME_VERSION, peer.speaks);
    const { candidate } = peer;
    const isAsked = candidate !== undefined && candidate.speaks < known && now - candidate.at < CANDIDATE_MS;
    // In turns, on every link: one number runs over all links, so its parity alone would tie a version to a link.
    if (!isAsked || Math.floor(sequence / peer.links.length) % 2 === 0 || this.restartUntil > now) return known;
    return Math.max(candidate.speaks, OLDEST_FRAME_VERSION);
  }

  /** Fills the frame: what is asked and answered first, then in turns reports and wishes. */
  private body(turn: Turn): Body {
    const { roster, segments, configHash, wishes } = this.s;
    let room = roomFor({ links: segments.length, config: configHash });
    const claims = this.claims(turn.now);
    room -= claims.bytes;
    const answers = new Map<Peer, readonly ClaimAnswer[]>();
    let answersBytes = 0;
    for (const peer of roster.list) {
      if (peer.claims.length === 0) continue;
      const { taken, bytes } = this.claimAnswers(turn, peer);
      answers.set(peer, taken);
      answersBytes = Math.max(answersBytes, bytes);
    }
    const isCrowded = room - answersBytes < REPORT_BYTES;
    if (isCrowded && this.beats % REPORTS_FIRST_EVERY === 0) answers.clear();
    else room -= answersBytes;
    const takeWishes = (): readonly Wish[] => {
      if (wishes.revision === 0) return NO_WISHES;
      const limit = { count: WISHES_PER_FRAME, bytes: Math.min(room, WISHES_BYTES) };
      const { taken, bytes } = takeFitting(wishes.inTurn(), limit, wishBytes);
      room -= bytes;
      return taken;
    };
    const early = this.beats % 2 === 1 ? takeWishes() : undefined;
    const groups = takeFitting(this.reports(turn), { count: REPORTS_PER_FRAME, bytes: room }, reportBytes);
    room -= groups.bytes;
    this.saidGroups = asBefore(this.saidGroups, groups.taken);
    this.saidReach = asBefore(this.saidReach, this.reach(turn.now));
    return {
      groups: this.saidGroups,
      reach: this.saidReach,
      claims: claims.taken,
      wishes: early ?? takeWishes(),
      answers,
      heard: new Map(),
    };
  }

  /** Everybody was told this: the next beat tells something else first. */
  private remember(body: Body): void {
    this.beats++;
    for (const report of body.groups) this.told.set(report.name, { report, beat: this.beats });
    this.s.wishes.told(body.wishes);
  }

  private claims(now: Instant): typeof NO_CLAIMS {
    let young: Claim[] | undefined;
    let old: Claim[] | undefined;
    for (const group of this.groups.values()) {
      const claim = group.claim();
      if (claim === undefined) continue;
      young ??= [];
      old ??= [];
      (now - (group.claiming?.since ?? now) < CLAIM_IS_YOUNG_MS ? young : old).push(claim);
    }
    if (young === undefined || old === undefined) return NO_CLAIMS;
    const from = old.length === 0 ? 0 : Math.floor(now / CLAIM_TURN_MS) % old.length;
    const inTurn = [...young, ...old.slice(from), ...old.slice(0, from)];
    return takeFitting(inTurn, { count: CLAIMS_PER_FRAME, bytes: CLAIMS_BYTES }, claimBytes);
  }

  private claimAnswers(turn: Turn, peer: Peer): { taken: readonly ClaimAnswer[]; bytes: number } {
    const answers: ClaimAnswer[] = [];
    // The last words of the dead are not judged anew with every beat: what was granted them would stand for ever.
    for (const claim of peer.alive ? peer.claims : []) {
      const group = this.groups.get(claim.group);
      if (group !== undefined) answers.push(judgeClaim(this.s, group, { claimer: peer, claim, now: turn.now }));
    }
    return takeFitting(answers, { count: CLAIMS_PER_FRAME, bytes: ANSWERS_BYTES }, answerBytes);
  }

  private reach(now: Instant): number[] {
    return this.s.segments.map((segment, link) => (this.s.interfaces[link]?.up === true ? segment.reach(now) : 0));
  }

  /** What was told and is still true is told in the very same words: whoever compares finds that at a glance. */
  private report(turn: Turn, group: Group): GroupReport {
    const report = group.report(turn.now);
    const told = this.told.get(report.name)?.report;
    return told !== undefined && isSameReport(told, report) ? told : report;
  }

  /** Groups with news first, then those that were told of longest ago. */
  private reports(turn: Turn): GroupReport[] {
    const reports: GroupReport[] = [];
    for (const group of this.groups.values()) reports.push(this.report(turn, group));
    if (reports.length <= 1) return reports;
    const lastTold = ({ name }: GroupReport): number => this.told.get(name)?.beat ?? -1;
    if (!isAscending(reports, lastTold)) reports.sort((a, b) => lastTold(a) - lastTold(b));
    const isKnown = (report: GroupReport): boolean => {
      const told = this.told.get(report.name)?.report;
      return told === report || (told !== undefined && !isNews(told, report));
    };
    if (reports.every(isKnown)) return reports;
    const news = reports.filter((report) => !isKnown(report));
    const rest = reports.filter(isKnown);
    // Every other beat begins with those at rest: nobody is forgotten, however much is new elsewhere.
    return this.beats % 2 === 0 ? [...news, ...rest] : [...rest.slice(0, 1), ...news, ...rest.slice(1)];
  }
}

/** What is echoed to a peer in all frames of one turn. */
function heardOf(body: Body, peer: Peer, now: Instant): readonly Heard[] {
  let heard = body.heard.get(peer);
  if (heard === undefined) {
    heard = peer.heard(now);
    body.heard.set(peer, heard);
  }
  return heard;
}

/** The list as it was, when it is the same again. */
function asBefore<T>(before: readonly T[], now: readonly T[]): readonly T[] {
  return before.length === now.length && now.every((each, index) => each === before[index]) ? before : now;
}

function isAscending<T>(list: readonly T[], numberOf: (item: T) => number): boolean {
  return list.every((item, index) => index === 0 || numberOf(list[index - 1] as T) <= numberOf(item));
}

function isSameReport(a: GroupReport, b: GroupReport): boolean {
  return (
    !isNews(a, b) && a.granted === b.granted && a.leaseMs === b.leaseMs && a.reason === b.reason && a.soft === b.soft
  );
}

/** Must others learn soon what is different? The lease's remaining time is no news. */
function isNews(told: GroupReport, now: GroupReport): boolean {
  return (
    told.epoch !== now.epoch ||
    told.holder !== now.holder ||
    told.role !== now.role ||
    told.eligible !== now.eligible ||
    told.to !== now.to ||
    told.seen !== now.seen
  );
}
