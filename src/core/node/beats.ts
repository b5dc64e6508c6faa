/**
 * When frames go out, and what stands in them. A node beats every interval; hearing another's beat it beats at
 * once when its own is more than half an interval old, so that echoes are fresh and no extra frame is needed.
 * While a peer is late it is asked often on every link.
 */

import { after, earlier, later, LONG_AGO, NEVER, type Instant } from "../base/time.ts";
import { FRAME_VERSION, type ClaimAnswer, type Frame, type FrameKind, type GroupReport } from "../membership/frame.ts";
import type { Peer } from "../membership/roster.ts";
import type { Group } from "./group.ts";
import { linkOf, type Surroundings } from "./surroundings.ts";
import type { Turn } from "./turn.ts";

/** Bytes of a frame that its parts share, beside the envelope, the config's hash and what was heard. */
const ROOM_BYTES = 1_000;
/**
 * Shares for claims and for answers to claims. A claim that is left out counts as withdrawn, so the first ones in
 * the file's order are told until they are settled, and the next follow. A peer's claims fit by the same rule.
 */
const CLAIMS_BYTES = 240;
const ANSWERS_BYTES = 400;
/** Operators' wishes are few and may wait: they get what is left, at the most this. */
const WISHES_BYTES = 300;

/** What all frames of one turn share. */
interface Body {
  readonly groups: readonly GroupReport[];
  readonly reach: readonly number[];
}

export class Beats {
  readonly #s: Surroundings;
  readonly #groups: ReadonlyMap<string, Group>;
  readonly #incarnation: string;
  #beatAt: Instant = LONG_AGO;
  #probeAt: Instant = LONG_AGO;
  #cursor = 0;
  /** Peers to answer in this turn, with the link that asked. */
  readonly #answers = new Map<Peer, number>();
  /** The daemon restarts: said in every frame until then. */
  restartUntil: Instant = LONG_AGO;

  constructor(surroundings: Surroundings, groups: ReadonlyMap<string, Group>, incarnation: string) {
    this.#s = surroundings;
    this.#groups = groups;
    this.#incarnation = incarnation;
  }

  /** A frame came in: answer it if it asks, and beat along. */
  heard(turn: Turn, peer: Peer, frame: Frame): void {
    // An answer carries claims as every frame does; answering it too would never end.
    const asks = frame.kind === "probe" || (frame.kind === "beat" && frame.claims.length > 0);
    if (asks) this.#answers.set(peer, frame.link);
    if (frame.kind === "beat" && turn.now - this.#beatAt > this.#s.timing.intervalMs / 2) this.#beatAt = LONG_AGO;
  }

  /** Sends what is due. */
  settle(turn: Turn): void {
    const { intervalMs, askMs } = this.#s.timing;
    const body: Body = { groups: this.#reports(turn), reach: this.#reach(turn.now) };
    if (turn.urgent || turn.now >= this.#beatAt + intervalMs) {
      this.#beatAt = turn.now;
      for (const peer of this.#s.roster.peers.values()) this.#sendAll(turn, "beat", peer, body);
      this.#answers.clear();
    }
    for (const [peer, link] of this.#answers) this.#send(turn, { kind: "answer", peer, link, body });
    this.#answers.clear();
    if (turn.now < this.#probeAt + askMs) return;
    const thirsty = this.#links().filter((link) => turn.now >= this.#thirstyAt(link));
    for (const peer of this.#s.roster.peers.values()) {
      if (!peer.alive) continue;
      const missing = peer.state !== "up";
      if (!missing && thirsty.length === 0) continue;
      this.#probeAt = turn.now;
      if (missing) this.#sendAll(turn, "probe", peer, body);
      else for (const link of thirsty) this.#send(turn, { kind: "probe", peer, link, body });
    }
  }

  wakeAt(): Instant {
    let probe: Instant = NEVER;
    for (const peer of this.#s.roster.peers.values()) {
      if (!peer.alive) continue;
      if (peer.state !== "up") probe = LONG_AGO;
      for (const link of this.#links()) probe = earlier(probe, this.#thirstyAt(link));
    }
    probe = later(probe, after(this.#probeAt, this.#s.timing.askMs));
    return earlier(after(this.#beatAt, this.#s.timing.intervalMs), probe);
  }

  #links(): number[] {
    return this.#s.segments.map((_, link) => link);
  }

  /** When the echo that should have come on a link is overdue and a served VIP depends on it. */
  #thirstyAt(link: number): Instant {
    const segment = this.#s.segments[link];
    const serving = [...this.#groups.values()].some(
      (group) => group.role === "holding" && group.vips.some((vip) => linkOf(vip) === link),
    );
    const { echoMs, lateMs } = this.#s.timing;
    return segment === undefined || !serving ? NEVER : after(segment.deadline, lateMs - echoMs);
  }

  #sendAll(turn: Turn, kind: FrameKind, peer: Peer, body: Body): void {
    for (const link of peer.links) this.#send(turn, { kind, peer, link: link.number, body });
  }

  #send(turn: Turn, what: { kind: FrameKind; peer: Peer; link: number; body: Body }): void {
    const { kind, peer, body } = what;
    const link = peer.links[what.link];
    const s = this.#s;
    if (link === undefined || s.interfaces[what.link]?.up !== true) return;
    s.counters.framesSent++;
    const frame: Frame = {
      version: peer.speaks === 0 ? FRAME_VERSION : Math.min(FRAME_VERSION, peer.speaks),
      speaks: FRAME_VERSION,
      kind,
      node: s.me,
      incarnation: this.#incarnation,
      sequence: link.take(turn.now),
      link: what.link,
      config: s.configHash,
      // A hung brain keeps no address: whoever hears this waits for nothing from here.
      mode: s.stalled ? "left" : s.mode,
      restartMs: Math.max(0, Math.round(this.restartUntil - turn.now)) || 0,
      heard: peer.heard(turn.now),
      groups: body.groups,
      reach: body.reach,
      claims: this.#claims(),
      claimAnswers: this.#claimAnswers(turn, peer),
      wishes: s.wishes.forFrames(WISHES_BYTES),
    };
    turn.emit({ kind: "send", to: peer.name, frame });
  }

  #claims(): Frame["claims"] {
    const claims = [];
    for (const group of this.#groups.values()) {
      const claim = group.claim();
      if (claim !== undefined) claims.push(claim);
    }
    return fitting(claims, (claim) => claim.group.length + 24, CLAIMS_BYTES);
  }

  #claimAnswers(turn: Turn, peer: Peer): ClaimAnswer[] {
    const answers: ClaimAnswer[] = [];
    for (const claim of peer.claims) {
      const group = this.#groups.get(claim.group);
      if (group !== undefined) answers.push(group.judge(turn, peer, claim));
    }
    return answers;
  }

  #reach(now: Instant): number[] {
    return this.#s.segments.map((segment, link) => (this.#s.interfaces[link]?.up === true ? segment.reach(now) : 0));
  }

  /** Groups that are on the move first, the others in turns, as many as fit. */
  #reports(turn: Turn): GroupReport[] {
    const all = [...this.#groups.values()].map((group) => group.report(turn.now));
    if (sum(all, reportBytes) <= ROOM_BYTES - CLAIMS_BYTES - ANSWERS_BYTES) return all;
    const isMoving = (report: GroupReport): boolean => report.role !== "idle" && report.role !== "holding";
    const moving = rotated(all.filter(isMoving), this.#cursor);
    const resting = rotated(
      all.filter((report) => !isMoving(report)),
      this.#cursor,
    );
    this.#cursor++;
    // Every other frame begins with those at rest: nobody is forgotten, however many are on the move.
    const order = this.#cursor % 2 === 0 ? [...resting, ...moving] : [...moving, ...resting];
    const room = ROOM_BYTES - CLAIMS_BYTES - ANSWERS_BYTES;
    const chosen = fitting(order, reportBytes, room);
    return chosen.length > 0 ? chosen : order.slice(0, 1);
  }
}

function reportBytes({ name, holder = "", reason, to = "", seen = "" }: GroupReport): number {
  return name.length + holder.length + reason.length + to.length + seen.length + 48;
}

function sum<T>(list: readonly T[], bytes: (item: T) => number): number {
  return list.reduce((total, item) => total + bytes(item), 0);
}

/** As many from the front as fit; at least one. */
function fitting<T>(list: readonly T[], bytes: (item: T) => number, room: number): T[] {
  let left = room;
  const chosen: T[] = [];
  for (const item of list) {
    left -= bytes(item);
    if (left < 0 && chosen.length > 0) break;
    chosen.push(item);
  }
  return chosen;
}

/** The list beginning at another place for each turn. */
function rotated<T>(list: readonly T[], turns: number): T[] {
  const from = list.length === 0 ? 0 : turns % list.length;
  return [...list.slice(from), ...list.slice(0, from)];
}
