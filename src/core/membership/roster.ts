/**
 * Who is there: one `Peer` for every other node of the cluster file, with its links, its last reports and its
 * state. Silence is the only way to die here; every authentic frame, on whatever link, is a sign of life.
 *
 * A frame of an unknown incarnation counts only when it echoes a recent frame of ours: so a capture of an
 * earlier life, replayed, neither keeps a dead node alive nor makes a live one restart.
 */

import { assert } from "../base/assert.ts";
import { after, earlier, later, LONG_AGO, NEVER, type Instant } from "../base/time.ts";
import { CLOCK_STRETCH, type Timing } from "../base/timing.ts";
import { MAX_MACS_PER_NODE } from "../base/limits.ts";
import type { NodeMode, PeerState } from "../base/words.ts";
import type { Claim, ClaimAnswer, Frame, GroupReport, Heard } from "./frame.ts";
import { Link } from "./link.ts";
import { Newcomer } from "./newcomer.ts";

/** An echo older than this does not confirm a new incarnation. */
const CONFIRM_WITHIN_MS = 2_000;

const NOTHING: readonly never[] = [];

/** Another node as it looks from here. */
export class Peer {
  readonly name: string;
  /** Position in the cluster file. */
  readonly index: number;
  readonly links: readonly Link[];
  state: PeerState = "unheard";
  /** Last sign of life on any link; moved on by our own pauses. */
  heardAt: Instant = LONG_AGO;
  incarnation: string | undefined;
  mode: NodeMode | undefined;
  config: string | undefined;
  speaks = 0;
  /** Highest sequence heard on any link: what an older frame says, that came late on another link, is no news. */
  newest = 0;
  /** The last sequence taken for this peer; 0 before the first. */
  lastSent = 0;
  /** Send time of our newest frame, on any link, that the peer said it heard. */
  echoAt: Instant = LONG_AGO;
  /**
   * Per group: when its hardware address last answered for an address of the group although nothing was heard of it
   * for longer than a lease, and which one. So it lives, and renews its lease by signs that are not ours.
   */
  readonly servesUnheard: Map<string, { readonly at: Instant; readonly mac: string }> = new Map();
  /** Per link: send time of our newest question that the peer's kernel answered there. */
  readonly kernelAt: Instant[] = [];
  /** Per link: since when its kernel has answered there without a break, if nothing of it was heard as that began. */
  readonly kernelSince: Instant[] = [];
  /** Per link: highest sequence of ours that the peer said it heard. */
  readonly echoed: number[] = [];
  /** The peer announced a restart of its daemon: silence does not count before this. */
  restartUntil: Instant = LONG_AGO;
  reports: Map<string, GroupReport> = new Map();
  /** The reports in its last frame. */
  said: readonly GroupReport[] = NOTHING;
  reach: readonly number[] = [];
  claims: readonly Claim[] = [];
  /** Per link: the claims in its last frame there; frames of different links overtake each other. */
  readonly claimsOn: (readonly Claim[])[] = [];
  claimAnswers: readonly ClaimAnswer[] = [];
  /** Hardware addresses that this node was seen with. */
  readonly macs: Set<string> = new Set();
  /** Per link: the hardware address learned last. */
  readonly macOn: (string | undefined)[] = [];
  /** Latest frame of a not yet confirmed incarnation, echoed back so that the peer can confirm us. */
  candidate: { incarnation: string; link: number; sequence: number; at: Instant; speaks: number } | undefined;
  /** What is said in its name by a life that is not confirmed. */
  readonly newcomer = new Newcomer();
  /** When silence changes its state or a link's next; kept by the roster. */
  changesAt: Instant = NEVER;

  constructor(name: string, index: number, links: number) {
    this.name = name;
    this.index = index;
    this.links = Array.from({ length: links }, (_, number) => new Link(number));
  }

  /** The sequence for a frame that leaves on a link now. */
  take(link: Link, now: Instant): number {
    this.lastSent++;
    link.noteSent(this.lastSent, now);
    return this.lastSent;
  }

  /** Can be talked to: heard within the wait and not gone. */
  get alive(): boolean {
    return this.state === "up" || this.state === "late" || this.state === "suspect";
  }

  /** It said goodbye, and nothing says that it is back. */
  get hasLeft(): boolean {
    return this.state === "left" && this.newcomer.backUntil === LONG_AGO;
  }

  /** What to echo to this peer: the last frame heard on every link. */
  heard(now: Instant): Heard[] {
    const list: Heard[] = [];
    if (this.incarnation !== undefined) {
      for (const link of this.links) {
        if (link.sequence === 0) continue;
        const ageMs = Math.round(now - link.heardAt);
        list.push({ link: link.number, incarnation: this.incarnation, sequence: link.sequence, ageMs });
      }
    }
    const candidate = this.candidate;
    if (candidate !== undefined) {
      const { incarnation, link, sequence, at } = candidate;
      list.push({ link, incarnation, sequence, ageMs: Math.round(now - at) });
    }
    return list;
  }

  /**
   * Its kernel answered our question of `sentAt` on a link; more than `breakMs` between two of them is a break. The
   * beginning is dated by when it was read: an answer may belong to a younger question than the one that it is dated by.
   */
  kernelAnswered(link: number, sentAt: Instant, { now, breakMs }: { now: Instant; breakMs: number }): void {
    const before = this.kernelAt[link] ?? LONG_AGO;
    if (sentAt <= before) return;
    if (sentAt - before > breakMs) this.kernelSince[link] = this.alive ? LONG_AGO : now;
    this.kernelAt[link] = sentAt;
  }

  /** Remembers a hardware address; the oldest is forgotten past the limit. */
  addMac(mac: string): void {
    this.macs.delete(mac);
    this.macs.add(mac);
    if (this.macs.size <= MAX_MACS_PER_NODE) return;
    for (const oldest of this.macs) {
      this.macs.delete(oldest);
      return;
    }
  }
}

/** What a frame meant. */
export type HeardOutcome =
  | { readonly kind: "stale" }
  /** New incarnation without a recent echo of ours: answered, but no sign of life. */
  | { readonly kind: "unconfirmed"; readonly peer: Peer }
  | {
      readonly kind: "heard";
      readonly peer: Peer;
      /** The peer started anew since its last frame. */
      readonly restarted: boolean;
      /** Send time of our latest frame on this link that the peer says it heard on it. */
      readonly echoSentAt: Instant | undefined;
      /** Groups that its frame before this on the same link, or its former self, claimed and this one does not. */
      readonly withdrawn: readonly string[];
      /** False when a decision may rest on nothing that it says: it shows only that the peer lives. */
      readonly isNews: boolean;
    };

export interface PeerChange {
  readonly peer: Peer;
  readonly from: PeerState;
  readonly to: PeerState;
  readonly silentMs: number;
}

export interface LinkChange {
  readonly peer: Peer;
  readonly link: Link;
  readonly up: boolean;
  readonly silentMs: number;
}

export class Roster {
  readonly peers: ReadonlyMap<string, Peer>;
  /** The same, to go through at every frame. */
  readonly list: readonly Peer[];
  private readonly timing: Timing;
  private readonly incarnation: string;
  /** The earliest of all peers' `changesAt`. */
  private wake: Instant = NEVER;

  constructor(options: {
    nodes: readonly { name: string; addresses: readonly string[] }[];
    self: string;
    incarnation: string;
    timing: Timing;
  }) {
    this.timing = options.timing;
    this.incarnation = options.incarnation;
    const peers = new Map<string, Peer>();
    options.nodes.forEach((node, index) => {
      if (node.name !== options.self) peers.set(node.name, new Peer(node.name, index, node.addresses.length));
    });
    this.peers = peers;
    this.list = [...peers.values()];
  }

  /** Takes in a frame. */
  hear(frame: Frame, now: Instant): HeardOutcome {
    const peer = this.peers.get(frame.node);
    const link = peer?.links[frame.link];
    if (peer === undefined || link === undefined) return { kind: "stale" };
    const echoSentAt = this.echo(peer, link, frame);
    let restarted = false;
    if (frame.incarnation !== peer.incarnation) {
      if (!this.confirms(peer, frame, now)) {
        const { incarnation, link: number, sequence, speaks } = frame;
        peer.candidate = { incarnation, link: number, sequence, speaks, at: now };
        peer.newcomer.hear(frame, now);
        this.postpone(peer, now);
        return { kind: "unconfirmed", peer };
      }
      restarted = peer.incarnation !== undefined;
      this.adopt(peer, frame.incarnation);
    } else if (frame.sequence <= link.sequence) {
      return { kind: "stale" };
    }
    link.sequence = frame.sequence;
    link.heardAt = now;
    peer.heardAt = now;
    this.postpone(peer, now);
    let isNews = restarted || !link.up || peer.state !== "up";
    if (!isNewest(peer, frame)) return { kind: "heard", peer, restarted, echoSentAt, withdrawn: NOTHING, isNews };
    peer.newest = frame.sequence;
    if (frame.restartMs > 0 || peer.restartUntil !== LONG_AGO) isNews = true;
    peer.restartUntil = frame.restartMs > 0 ? after(now, frame.restartMs * CLOCK_STRETCH) : LONG_AGO;
    const withdrawn = this.withdrawn(peer, frame, restarted);
    if (remember(peer, frame) || frame.claims.length > 0 || withdrawn.length > 0) isNews = true;
    return { kind: "heard", peer, restarted, echoSentAt, withdrawn, isNews };
  }

  /** Groups that the peer claimed before on the frame's link, or its former self anywhere, and claims no more. */
  private withdrawn(peer: Peer, frame: Frame, restarted: boolean): readonly string[] {
    const before = restarted ? peer.claimsOn.splice(0).flat() : (peer.claimsOn[frame.link] ?? NOTHING);
    peer.claimsOn[frame.link] = frame.claims;
    if (before.length === 0) return NOTHING;
    return before.flatMap(({ group }) => (frame.claims.some((claim) => claim.group === group) ? [] : [group]));
  }

  /** Applies the passing of time; returns what changed, links first. */
  advance(now: Instant): { peers: PeerChange[]; links: LinkChange[] } {
    const peers: PeerChange[] = [];
    const links: LinkChange[] = [];
    for (const peer of this.peers.values()) {
      for (const link of peer.links) {
        const silentMs = now - link.heardAt;
        const up = silentMs < this.timing.waitMs;
        if (up === link.up) continue;
        link.up = up;
        links.push({ peer, link, up, silentMs });
      }
      peer.newcomer.advance(now);
      const to = this.stateOf(peer, now);
      if (to === peer.state) continue;
      peers.push({ peer, from: peer.state, to, silentMs: now - peer.heardAt });
      peer.state = to;
    }
    this.wake = NEVER;
    for (const peer of this.peers.values()) {
      peer.changesAt = this.changesAt(peer, now);
      this.wake = earlier(this.wake, peer.changesAt);
    }
    return { peers, links };
  }

  /** When `advance` has something to say at the earliest, if nothing is heard that is news. */
  wakeAt(): Instant {
    return this.wake;
  }

  /** A peer was heard: its silence begins anew. Only it, and only if the earliest change was its, is looked at. */
  private postpone(peer: Peer, now: Instant): void {
    const before = peer.changesAt;
    peer.changesAt = this.changesAt(peer, now);
    if (before > this.wake) {
      this.wake = earlier(this.wake, peer.changesAt);
      return;
    }
    this.wake = NEVER;
    for (const each of this.list) this.wake = earlier(this.wake, each.changesAt);
  }

  private changesAt(peer: Peer, now: Instant): Instant {
    const { lateMs, suspectMs, waitMs, marginMs } = this.timing;
    let wake = NEVER;
    for (const link of peer.links) if (link.up) wake = earlier(wake, after(link.heardAt, waitMs));
    if (peer.newcomer.backUntil > now) wake = earlier(wake, peer.newcomer.backUntil);
    if (!peer.alive) return wake;
    const patience = after(peer.restartUntil, marginMs);
    if (patience > now) wake = earlier(wake, patience);
    const silenceFrom = later(peer.heardAt, after(patience, -waitMs));
    const next = now < silenceFrom + lateMs ? lateMs : now < silenceFrom + suspectMs ? suspectMs : waitMs;
    return silenceFrom + next > now ? earlier(wake, after(silenceFrom, next)) : wake;
  }

  /**
   * Our own process did not run for `gapMs`: silence in that time proves nothing. Peers that were alive get
   * that time again, so a pause delays a takeover and never causes one.
   */
  forgive(gapMs: number, now: Instant): void {
    for (const peer of this.peers.values()) {
      if (!peer.alive) continue;
      peer.heardAt = Math.min(now, peer.heardAt + gapMs) as Instant;
      for (const link of peer.links) {
        if (link.up) link.heardAt = Math.min(now, link.heardAt + gapMs) as Instant;
      }
    }
  }

  private stateOf(peer: Peer, now: Instant): PeerState {
    if (peer.incarnation === undefined) return "unheard";
    if (peer.mode === "left") return "left";
    const { lateMs, suspectMs, waitMs, marginMs } = this.timing;
    if (now < peer.restartUntil + marginMs) return "up";
    const silentMs = now - peer.heardAt;
    if (silentMs >= waitMs) return "dead";
    if (silentMs >= suspectMs) return "suspect";
    return silentMs >= lateMs ? "late" : "up";
  }

  private echo(peer: Peer, link: Link, frame: Frame): Instant | undefined {
    let echo: Heard | undefined;
    for (const heard of frame.heard) {
      if (heard.incarnation !== this.incarnation) continue;
      if (heard.sequence > (peer.echoed[heard.link] ?? 0)) {
        peer.echoed[heard.link] = heard.sequence;
        const sentAt = peer.links[heard.link]?.sentAt(heard.sequence);
        if (sentAt !== undefined && sentAt > peer.echoAt) peer.echoAt = sentAt;
      }
      if (heard.link === frame.link) echo ??= heard;
    }
    return echo === undefined ? undefined : link.sentAt(echo.sequence);
  }

  private confirms(peer: Peer, frame: Frame, now: Instant): boolean {
    return frame.heard.some((heard) => {
      if (heard.incarnation !== this.incarnation) return false;
      const sentAt = peer.links[heard.link]?.sentAt(heard.sequence);
      return sentAt !== undefined && now - sentAt <= CONFIRM_WITHIN_MS;
    });
  }

  private adopt(peer: Peer, incarnation: string): void {
    assert(incarnation !== this.incarnation, "a peer never has this node's incarnation");
    peer.incarnation = incarnation;
    peer.candidate = undefined;
    peer.newcomer.confirmed(incarnation);
    peer.newest = 0;
    peer.reports = new Map();
    peer.said = NOTHING;
    peer.claims = [];
    peer.claimAnswers = [];
    for (const link of peer.links) link.restart();
  }
}

/** Nodes of version 1 count the frames of each link by itself: their order across links is not known. */
function isNewest(peer: Peer, frame: Frame): boolean {
  return frame.version < 2 || frame.sequence > peer.newest;
}

/**
 * Stores what the frame says about its sender; true when a decision may depend on the difference. Wishes are not
 * judged here. A sender without news repeats its lists and reports as they were; where frames do not travel as bytes,
 * they are even the same objects.
 */
function remember(peer: Peer, frame: Frame): boolean {
  let changed = peer.mode !== frame.mode || peer.config !== frame.config;
  changed ||= !sameList(peer.reach, frame.reach) || differs(peer.claims, frame.claims);
  changed ||= differs(peer.claimAnswers, frame.claimAnswers);
  for (const report of peer.said === frame.groups ? NOTHING : frame.groups) {
    const before = peer.reports.get(report.name);
    if (before === report) continue;
    changed ||= before === undefined || reportDiffers(before, report);
    peer.reports.set(report.name, report);
  }
  peer.said = frame.groups;
  peer.mode = frame.mode;
  peer.config = frame.config;
  peer.speaks = frame.speaks;
  peer.reach = frame.reach;
  peer.claims = frame.claims;
  peer.claimAnswers = frame.claimAnswers;
  return changed;
}

function sameList(a: readonly number[], b: readonly number[]): boolean {
  if (a === b) return true;
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

function differs(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a === b || (a.length === 0 && b.length === 0)) return false;
  return JSON.stringify(a) !== JSON.stringify(b);
}

/** The lease's remaining time changes in every frame and decides nothing. */
function reportDiffers(a: GroupReport, b: GroupReport): boolean {
  return (
    a.epoch !== b.epoch ||
    a.holder !== b.holder ||
    a.granted !== b.granted ||
    a.role !== b.role ||
    a.eligible !== b.eligible ||
    a.reason !== b.reason ||
    a.soft !== b.soft ||
    a.to !== b.to ||
    a.seen !== b.seen
  );
}
