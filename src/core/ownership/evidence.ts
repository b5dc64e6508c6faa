/**
 * The arbiter `segment`: the network itself is the witness. For one link of this node it collects the signs
 * that the segment still reaches us, and says until when a VIP on it may be served.
 *
 * Evidence is dated by when WE asked, never by when the answer was read: an answer that waited in a socket
 * while this process was frozen proves nothing about now.
 */

import { after, earlier, later, LONG_AGO, NEVER, type Instant } from "../base/time.ts";
import type { Timing } from "../base/timing.ts";

/** Unanswered questions in a row after which a gateway counts as lost. */
const GATEWAY_TRIES = 5;
/** A gateway is asked so often while nothing is in doubt. */
const CALM_ASK_MS = 1_000;
/** A lost gateway is asked so often. */
const LOST_ASK_MS = 250;

/** A gateway that others reach is asked more often for so long: was it only packets? */
const HOPE_MS = 3_000;

/** Proofs further apart than so many questions' time do not show that the segment carried what lay between. */
const UNBROKEN_ASKS = 3;

/** Proofs close together: whatever was sent between its ends was carried. */
export interface Row {
  readonly since: Instant;
  readonly until: Instant;
}

export class SegmentEvidence {
  gateways: readonly string[];
  private readonly timing: Timing;
  /** Until when a gateway's answers let a VIP be served. */
  private gatewayUntil: Instant = LONG_AGO;
  /** Until when signs of peers would, were they enough. */
  private peersUntil: Instant = LONG_AGO;
  /** Signs of peers are enough until then: nobody can take in another part of the segment. Kept by the node. */
  cover: Instant = NEVER;
  /** The same for questions that a gateway answered: up to then, and since then, the part with the gateway was reached. */
  gatewayAt: Instant = LONG_AGO;
  private gatewaySince: Instant = LONG_AGO;
  /** When a gateway answered again after questions that nobody answered. */
  gatewayHearingSince: Instant = LONG_AGO;
  /** Since when others reach a gateway and this node does not; NEVER while that is not so. */
  private elsewhereSince: Instant = NEVER;
  /** Send time of our newest frame that a peer echoed on this link. */
  echoAt: Instant = LONG_AGO;
  /**
   * Send time of our newest frame or question that was echoed or answered: up to then the segment is known to
   * have carried what we sent. Silence about a question asked later proves nothing, and neither does silence
   * about one asked before `provenSince`, where the present unbroken row of such proofs began.
   */
  provenAt: Instant = LONG_AGO;
  provenSince: Instant = LONG_AGO;
  /**
   * The same of questions alone. An answer is dated by the oldest question that it may belong to, and after a silence
   * all are dated a little early from then on; a frame's echo between them, dated exactly, would break their row.
   */
  private answeredAt: Instant = LONG_AGO;
  private answeredSince: Instant = LONG_AGO;
  /** When this node could last be called deaf here: the segment carried something again after a long gap. */
  hearingSince: Instant = LONG_AGO;
  gatewayUp = false;
  private askedAt: Instant = LONG_AGO;
  private unanswered = 0;
  private firstUnansweredAt: Instant = LONG_AGO;

  constructor(options: { gateways: readonly string[]; timing: Timing }) {
    this.gateways = options.gateways;
    this.timing = options.timing;
  }

  /** Until when the evidence so far lets a VIP be served. */
  get deadline(): Instant {
    return later(this.gatewayUntil, earlier(this.peersUntil, this.cover));
  }

  /** Until when this node is known to be heard by anybody. */
  get signsUntil(): Instant {
    return later(this.gatewayUntil, this.peersUntil);
  }

  /** Unbroken row of questions that a gateway answered. */
  get gatewayRow(): Row {
    return { since: this.gatewaySince, until: this.gatewayAt };
  }

  /** Unbroken rows of proofs: what was sent between the two ends of one was carried. */
  get rows(): readonly Row[] {
    return [
      { since: this.provenSince, until: this.provenAt },
      { since: this.answeredSince, until: this.answeredAt },
    ];
  }

  /** Do peers show that they hear this node, enough or not? */
  hearsPeers(now: Instant): boolean {
    return this.peersUntil > now;
  }

  /** The routes name other gateways now. */
  follow(gateways: readonly string[]): void {
    if (gateways.length === this.gateways.length && gateways.every((each, i) => each === this.gateways[i])) return;
    this.gateways = gateways;
    this.gatewayUp = false;
    this.elsewhereSince = NEVER;
    this.unanswered = 0;
  }

  /** A peer's authenticated frame on this link echoed our frame sent at `sentAt`. */
  echoed(sentAt: Instant): void {
    this.echoAt = later(this.echoAt, sentAt);
    this.prove(sentAt);
    this.peersUntil = later(this.peersUntil, after(sentAt, this.timing.echoMs));
  }

  /** A gateway answered our question of `sentAt`; true when it was lost before. */
  gatewayAnswered(sentAt: Instant): boolean {
    this.answered(sentAt);
    this.proveGateway(sentAt);
    this.gatewayUntil = later(this.gatewayUntil, after(sentAt, this.timing.evidenceMs));
    this.elsewhereSince = NEVER;
    this.unanswered = 0;
    const back = !this.gatewayUp;
    this.gatewayUp = true;
    return back;
  }

  /** A peer's kernel answered our question of `sentAt`: the segment reaches us, whatever its daemon does. */
  kernelAnswered(sentAt: Instant): void {
    this.answered(sentAt);
    this.peersUntil = later(this.peersUntil, after(sentAt, this.timing.evidenceMs));
  }

  /** Nobody can take from us: every other node left or stands by. */
  unopposed(now: Instant): void {
    this.prove(now);
    this.peersUntil = later(this.peersUntil, after(now, this.timing.echoMs));
  }

  /** This process was paused, or its device went away: nothing known before counts. */
  forget(): void {
    this.gatewayUntil = LONG_AGO;
    this.peersUntil = LONG_AGO;
    this.gatewayAt = LONG_AGO;
    this.gatewaySince = LONG_AGO;
    this.echoAt = LONG_AGO;
    this.provenAt = LONG_AGO;
    this.provenSince = LONG_AGO;
    this.answeredAt = LONG_AGO;
    this.answeredSince = LONG_AGO;
    this.unanswered = 0;
  }

  /** 2: a gateway answers, 1: peers answer, 0: nobody. */
  reach(now: Instant): number {
    if (this.gatewayUp) return 2;
    return this.signsUntil > now || now - this.echoAt < this.timing.waitMs ? 1 : 0;
  }

  /** Peers answer, but they are not enough: whoever is missing may serve where the gateway is. */
  isApart(now: Instant): boolean {
    return !this.gatewayUp && this.cover <= now && this.reach(now) === 1;
  }

  /**
   * Another node says that it reaches a gateway, or none does. Lost and found gateways are noticed by one node sooner
   * than by another, so a group moves only after a while (`betterElsewhereAt`), in which this node asks often.
   */
  reachedElsewhere(now: Instant, isReached: boolean): void {
    if (!isReached || this.gatewayUp) this.elsewhereSince = NEVER;
    else if (this.elsewhereSince === NEVER) {
      this.elsewhereSince = now;
      this.askSoon();
    }
  }

  /** From then on a node that reaches a gateway is better connected than this one. */
  get betterElsewhereAt(): Instant {
    return after(this.elsewhereSince, 2 * CALM_ASK_MS);
  }

  /** When the passing of time alone next changes whether this node counts as connected here. */
  changesAt(now: Instant): Instant {
    // While a gateway answers, nothing else is asked; when it is lost, that is an event.
    if (this.gatewayUp) return NEVER;
    if (this.isApart(now)) return LONG_AGO;
    const next = (at: Instant): Instant => (at > now ? at : NEVER);
    const ends = earlier(next(this.peersUntil), next(after(this.echoAt, this.timing.waitMs)));
    return earlier(earlier(ends, next(this.gatewayUntil)), earlier(next(this.cover), next(this.betterElsewhereAt)));
  }

  /**
   * When the gateways should be asked next. `doubt`: something is missing and an answer is needed now.
   * `serving`: a VIP of this link depends on the deadline.
   */
  askAt(now: Instant, state: { doubt: boolean; serving: boolean }): Instant {
    if (this.gateways.length === 0) return NEVER;
    return after(this.askedAt, this.askEveryMs(now, state));
  }

  /** Something came back: a lost gateway need not be waited for. */
  askSoon(): void {
    if (!this.gatewayUp) this.askedAt = LONG_AGO;
  }

  /** When time alone next makes asking more urgent; `doubtAt`: when something will be missing. */
  moreUrgentAt(now: Instant, { doubtAt, serving }: { doubtAt: Instant; serving: boolean }): Instant {
    const { evidenceMs, waitMs } = this.timing;
    const next = (at: Instant): Instant => (at >= now ? at : NEVER);
    const soon = earlier(next(doubtAt), next(after(this.echoAt, waitMs)));
    if (!serving) return soon;
    return earlier(soon, earlier(next(after(this.deadline, -evidenceMs)), next(after(this.deadline, -evidenceMs / 2))));
  }

  private answered(sentAt: Instant): void {
    this.prove(sentAt);
    if (sentAt <= this.answeredAt) return;
    if (sentAt - this.answeredAt > this.timing.askMs * UNBROKEN_ASKS) this.answeredSince = sentAt;
    this.answeredAt = sentAt;
  }

  private prove(sentAt: Instant): void {
    if (sentAt <= this.provenAt) return;
    const gapMs = sentAt - this.provenAt;
    if (gapMs > this.timing.askMs * UNBROKEN_ASKS) this.provenSince = sentAt;
    if (gapMs > this.timing.echoMs) this.hearingSince = sentAt;
    this.provenAt = sentAt;
  }

  /** Between calm questions lies a second, so what tells of deafness is a question without an answer. */
  private proveGateway(sentAt: Instant): void {
    if (sentAt <= this.gatewayAt) return;
    if (sentAt - this.gatewayAt > this.timing.askMs * UNBROKEN_ASKS) this.gatewaySince = sentAt;
    const isLate = this.unanswered > 0 && sentAt - this.firstUnansweredAt > this.timing.echoMs;
    if (isLate || !this.gatewayUp) this.gatewayHearingSince = sentAt;
    this.gatewayAt = sentAt;
  }

  private askEveryMs(now: Instant, state: { doubt: boolean; serving: boolean }): number {
    const { evidenceMs, intervalMs, askMs } = this.timing;
    if (state.doubt) return askMs;
    // A holder whose time runs out does not wait for an answer that may be lost.
    if (this.gatewayUp && this.unanswered > 0)
      return state.serving && this.deadline - now <= evidenceMs ? askMs : askMs * 2;
    if (state.serving) {
      const remainingMs = this.deadline - now;
      if (remainingMs < evidenceMs / 2) return askMs;
      if (remainingMs <= evidenceMs) return intervalMs / 3;
    }
    if (!this.gatewayUp) return now - this.elsewhereSince < HOPE_MS ? askMs * 2 : LOST_ASK_MS;
    // Without echoes only the gateway tells that this node hears: it is asked as often as a peer would beat.
    return now - this.echoAt > this.timing.waitMs ? intervalMs : CALM_ASK_MS;
  }

  /** The gateways are asked now; true when that makes them lost. */
  asked(now: Instant): boolean {
    if (this.unanswered === 0) this.firstUnansweredAt = now;
    this.unanswered++;
    this.askedAt = now;
    const lost =
      this.gatewayUp && this.unanswered > GATEWAY_TRIES && now - this.firstUnansweredAt >= this.timing.intervalMs;
    if (lost) this.gatewayUp = false;
    return lost;
  }
}
