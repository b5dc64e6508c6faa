/**
 * One group on this node: where it stands, and every way it can go from there.
 *
 *   idle ──claim──▶ starting ──▶ holding ──move──▶ stopping ──▶ idle
 *                      ▲            │ lease ends                ▲
 *                      └──claim── lapsed ──somebody took it─────┘
 *
 * The gate is open in `holding` and nowhere else, and only until the evidence's deadline. Closing always comes
 * first: before stopping, before yielding, before saying anything to anybody.
 */

import { after, earlier, later, LONG_AGO, NEVER, type Instant } from "../base/time.ts";
import type { GroupRole } from "../base/words.ts";
import type { GroupConfig, ServiceConfig, VipConfig } from "../config/cluster.ts";
import type { Claim, GroupReport } from "../membership/frame.ts";
import type { Peer } from "../membership/roster.ts";
import { Grants } from "../ownership/claims.ts";
import { nextEpoch } from "../ownership/epoch.ts";
import { Lifecycle, type LifecycleNews } from "../resources/lifecycle.ts";
import { Announcing } from "./announcing.ts";
import { whyDry } from "./candidates.ts";
import { Claiming } from "./claiming.ts";
import { isDeaf } from "./cover.ts";
import { isPromised } from "./granting.ts";
import type { DecisionEvent } from "./effects.ts";
import type { Reason } from "./reasons.ts";
import { isWorthRenewing } from "./renewal.ts";
import { isServing, Standing } from "./standing.ts";
import { inMaintenance, linkOf, type Surroundings } from "./surroundings.ts";
import type { EventDetails, Turn } from "./turn.ts";

/** A released group waits so long for the node that it was released to. */
const RELEASE_WAIT_MS = 2_000;
/** First packets of new connections are caught for so long after a planned release. */
const CATCH_MS = 500;
/** After a node did not take what was released to it, nothing is moved there for so long. */
const NOT_AGAIN_MS = 30_000;
/** After the wire was found quiet, a gate is opened within so many questions' time. */
const OPEN_WITHIN_ASKS = 2;
/** A claimer that meets one with the better right waits for so many questions' time. */
const DEFER_ASKS = 5;

export class Group {
  readonly config: GroupConfig;
  readonly vips: readonly VipConfig[];
  role: GroupRole = "idle";
  /** Highest epoch that was ever taken, as far as this node knows, and the node that took it. */
  epoch = 0;
  holder: string | undefined;
  barred: string | undefined;
  isResumed = false;
  resumedUntil: Instant = LONG_AGO;
  claiming: Claiming | undefined;
  /** Highest epoch that this node ever claimed: each attempt has a number of its own, so that no old answer fits. */
  claimed = 0;
  readonly grants = new Grants();
  /** Latest decision, for `why`. */
  decision: DecisionEvent | undefined;
  readonly standing: Standing;
  readonly announcing: Announcing;
  private readonly s: Surroundings;
  private readonly services: ReadonlyMap<string, ServiceConfig>;
  private readonly lifecycle: Lifecycle;
  /** When this node began to serve. */
  takenAt: Instant = LONG_AGO;
  /** Per VIP id: until when its gate was opened. */
  private readonly openUntil = new Map<string, Instant>();
  private to: string | undefined;
  private toUntil: Instant = LONG_AGO;
  /** The node it was released to has not served yet: what arrives here is kept for it. */
  private handOn = false;
  /** The node that did not take what was released to it, and until when nothing is moved there. */
  private notTo: { readonly node: string; readonly until: Instant } | undefined;
  /** A node with the better right asked for the group: this one does not before then. */
  private deferUntil: Instant = LONG_AGO;
  /** Why this node took it, as one clause. */
  private because = "";
  /** All services run; the gate waits for the wire. */
  private started = false;
  private readonly clearedKey: string;
  private clearedVersion: number;
  /** No node may hold it, and that was told. */
  private isHomeless = false;

  constructor(config: GroupConfig, surroundings: Surroundings) {
    this.config = config;
    this.s = surroundings;
    this.standing = new Standing(this, surroundings);
    this.vips = config.resources.filter((resource) => resource.kind === "vip");
    const services = config.resources.filter((resource) => resource.kind === "service");
    this.services = new Map(services.map((service) => [service.id, service]));
    this.lifecycle = new Lifecycle(
      services.map((service) => ({
        id: service.id,
        everyMs: service.everyMs,
        attempts: service.attempts,
        timeoutMs: {
          start: service.start.timeoutMs,
          stop: service.stop.timeoutMs,
          status: service.status?.timeoutMs,
        },
      })),
      surroundings.tokens,
    );
    this.announcing = new Announcing(config.name, this.vips, surroundings);
    this.clearedKey = `cleared/${config.name}`;
    this.clearedVersion = surroundings.wishes.version(this.clearedKey);
  }

  /** This node has the group, with its gate open or not. */
  get mine(): boolean {
    return this.role === "holding" || this.role === "starting" || this.role === "lapsed";
  }

  /** Takes a former self's lease over. */
  resume(turn: Turn, handed: { epoch: number; until: Instant }): void {
    this.epoch = handed.epoch;
    this.holder = this.s.me;
    if (handed.until <= turn.now) return;
    this.role = "holding";
    this.isResumed = true;
    this.resumedUntil = handed.until;
    for (const vip of this.vips) this.openUntil.set(vip.id, handed.until);
    this.lifecycle.resume(turn.now);
    this.record(turn, "NODE_RESUMED", { node: this.s.me, facts: { epoch: this.epoch } });
  }

  /** Looks at everything and does what is to be done now. */
  settle(turn: Turn): void {
    if (this.s.frozen) return;
    this.clearIfAsked(turn);
    this.adopt(turn);
    this.progress(turn);
    if (this.standing.decide(turn.now)) this.noteStay(turn);
    this.noteHomeless(turn);
    if (this.role === "holding") this.settleHolding(turn);
    // The network here may break while services start: then somebody better connected takes the group.
    if (this.role === "starting" && this.started) this.moveAway(turn);
    if (this.role === "starting") this.settleStarting(turn);
    if (this.role === "idle" || this.role === "lapsed") this.settleClaim(turn);
    this.announcing.settle(turn, this);
    if (this.handOn) this.settleHandOn(turn);
  }

  /** Renews the gates from fresh evidence; cheap, runs after every frame. */
  renew(turn: Turn): void {
    if (this.role !== "holding" || this.s.frozen) return;
    const isResumed = this.resumedUntil > turn.now;
    let hasAll = true;
    let opened: { until: Instant; before: Instant; vips: VipConfig[] }[] | undefined;
    for (const vip of this.vips) {
      const until = this.s.segments[linkOf(vip)]?.deadline ?? LONG_AGO;
      if (until <= turn.now) hasAll = false;
      // A former self's long lease ends with the first evidence of our own, also when that ends earlier.
      const gate = { openUntil: this.openedUntil(vip), deadline: until, now: turn.now };
      if (until <= turn.now || (!isResumed && !isWorthRenewing(this.s.timing, gate))) continue;
      this.noteLate(turn, vip);
      const before = this.openableBefore(vip, turn.now);
      this.openUntil.set(vip.id, until);
      opened ??= [];
      const together = opened.find((each) => each.until === until && each.before === before);
      if (together === undefined) opened.push({ until, before, vips: [vip] });
      else together.vips.push(vip);
    }
    if (isResumed && hasAll) this.resumedUntil = LONG_AGO;
    for (const { vips, until, before } of opened ?? []) turn.emit({ kind: "open", vips, until, before });
  }

  /** Until when at least one VIP may be served; for a group without VIPs, until when anybody sees this node. */
  leaseUntil(): Instant {
    let latest = LONG_AGO;
    if (this.vips.length > 0) for (const vip of this.vips) latest = later(latest, this.openedUntil(vip));
    else for (const segment of this.s.segments) latest = later(latest, segment.deadline);
    return latest;
  }

  /** Opens the gates until a stated end, for the daemon's next self. */
  extend(turn: Turn, until: Instant): void {
    if (this.role !== "holding" || this.vips.length === 0) return;
    const before = this.vips.map((vip) => this.openableBefore(vip, turn.now)).reduce(earlier);
    for (const vip of this.vips) this.openUntil.set(vip.id, until);
    turn.emit({ kind: "open", vips: this.vips, until, before });
  }

  /** One of several gates ended, and is opened anew while another stands: the group never ceased to be served here. */
  private noteLate(turn: Turn, vip: VipConfig): void {
    const ended = this.openUntil.get(vip.id);
    if (ended === undefined || ended > turn.now) return;
    const facts = { address: vip.address, gapMs: Math.ceil(turn.now - ended) };
    turn.event("GATE_LATE", { severity: "warning", group: this.config.name, node: this.s.me, facts });
  }

  /** A gate that stands is renewed only while it stands; a new one is opened at once or not at all. */
  private openableBefore(vip: VipConfig, now: Instant): Instant {
    const stands = this.openedUntil(vip);
    return stands > now ? stands : after(now, this.s.timing.askMs * OPEN_WITHIN_ASKS);
  }

  /** Closes at once whatever is open; the group stays wanted here. After a pause, or when evidence ended. */
  lapse(turn: Turn): void {
    if (this.role !== "holding" && this.role !== "starting") return;
    this.close(turn);
    this.role = "lapsed";
    this.s.counters.lapses++;
    turn.urgent = true;
    const because = whyDry(this.s, this.vips, turn.now);
    this.record(turn, "GROUP_LAPSED", { severity: "alert", node: this.s.me, facts: { because } });
  }

  /** Gives the group up to whoever takes it, resources stopped in reverse. */
  release(turn: Turn, options: { to: string | undefined; because: string }): void {
    const serves = this.role === "holding";
    if (serves && options.to !== undefined && this.vips.length > 0) {
      turn.emit({ kind: "catch", vips: this.vips, forMs: CATCH_MS });
      this.handOn = true;
    }
    if (this.role !== "idle") this.close(turn);
    this.to = options.to;
    this.toUntil = after(turn.now, RELEASE_WAIT_MS);
    this.role = "stopping";
    this.claiming = undefined;
    turn.urgent = true;
    this.lifecycle.stop(turn.now);
    const facts = { to: options.to ?? "any eligible node", because: options.because };
    this.record(turn, "GROUP_MOVING", { node: this.s.me, facts });
    this.progress(turn);
  }

  /** Another node holds the group too, or with the better right: this one gives way at once. */
  yieldTo(turn: Turn, to: string, because: string): void {
    this.close(turn);
    this.role = "stopping";
    this.to = undefined;
    this.claiming = undefined;
    turn.urgent = true;
    this.lifecycle.stop(turn.now);
    this.record(turn, "GROUP_YIELDED", { severity: "warning", node: this.s.me, facts: { to, because } });
    this.progress(turn);
  }

  /** The result of a `run` effect of this group; false when it is not one of ours. */
  finished(turn: Turn, result: { id: number; ok: boolean; detail: string }): void {
    this.news(turn, this.lifecycle.finished(result.id, result.ok, result.detail, turn.now));
  }

  /** This node may not hold the group until an operator clears it. */
  bar(turn: Turn, because: string): void {
    if (this.barred !== undefined) return;
    this.barred = because;
    turn.urgent = true;
    this.record(turn, "GROUP_BARRED", { severity: "alert", node: this.s.me, facts: { because } });
  }

  /** What this node claims, for its frames. */
  claim(): Claim | undefined {
    return this.claiming === undefined || this.role === "starting"
      ? undefined
      : { group: this.config.name, epoch: this.claiming.epoch };
  }

  /** This node's line about the group in its frames. */
  report(now: Instant): GroupReport {
    const own = this.standing.ownEligibility(now);
    return {
      name: this.config.name,
      epoch: this.epoch,
      holder: this.holder,
      granted: this.grants.epoch,
      role: this.role,
      leaseMs: this.role === "holding" ? Math.max(0, Math.round(this.leaseUntil() - now)) : 0,
      eligible: own.eligible,
      reason: own.because,
      soft: own.soft,
      to: now < this.toUntil ? this.to : undefined,
      seen: this.announcing.seen,
    };
  }

  /** A node asks at the same moment and has the better right: withdraw, so that nobody's grant stands in its way. */
  deferTo(turn: Turn, peer: Peer): void {
    if (this.claiming === undefined || this.role === "starting") return;
    if (this.standing.rankAgainst(peer, peer.name) >= this.standing.rankAgainst(peer, this.s.me)) return;
    this.claiming = undefined;
    this.deferUntil = after(turn.now, this.s.timing.askMs * DEFER_ASKS);
    turn.urgent = true;
  }

  /** Timers that run, for `why`; milliseconds left. */
  timers(now: Instant): Record<string, number> {
    const timers: Record<string, number> = {};
    if (this.role === "holding") timers["lease"] = this.leaseUntil() - now;
    if (now < this.toUntil && this.to !== undefined) timers[`wait for ${this.to}`] = this.toUntil - now;
    const change = this.standing.changesAt();
    if (change !== NEVER) timers["failback"] = change - now;
    return timers;
  }

  wakeAt(now: Instant): Instant {
    let wake = this.announcing.wakeAt();
    if (!this.waitsForMain() && !this.mayNotStart()) wake = earlier(wake, this.lifecycle.wakeAt());
    if (this.claiming !== undefined) wake = earlier(wake, this.claiming.wakeAt(now, this.standing.probing()));
    if (this.role === "holding" && this.leaseUntil() > now) wake = earlier(wake, this.leaseUntil());
    if (this.to !== undefined && this.toUntil > now) wake = earlier(wake, this.toUntil);
    wake = earlier(wake, this.standing.wakeAt(now));
    if (this.deferUntil > now) wake = earlier(wake, this.deferUntil);
    return wake;
  }

  /** Time alone changes nothing here before this, `wakeAt` aside; while claims and starts are under way, each step may. */
  decideAt(now: Instant): Instant {
    if (this.claiming !== undefined || this.role === "starting" || this.resumedUntil > now) return LONG_AGO;
    return this.notTo !== undefined && this.notTo.until > now ? this.notTo.until : NEVER;
  }

  /** Until when a VIP's gate was opened last. */
  openedUntil(vip: VipConfig): Instant {
    return this.openUntil.get(vip.id) ?? LONG_AGO;
  }

  private close(turn: Turn): void {
    this.openUntil.clear();
    this.isResumed = false;
    this.resumedUntil = LONG_AGO;
    this.started = false;
    this.claiming = undefined;
    if (this.vips.length > 0) turn.emit({ kind: "close", vips: this.vips, remove: true });
    this.announcing.stop();
  }

  private record(turn: Turn, reason: Reason, details: EventDetails): void {
    this.decision = turn.event(reason, { ...details, group: this.config.name });
  }

  private clearIfAsked(turn: Turn): void {
    const version = this.s.wishes.version(this.clearedKey);
    if (version === this.clearedVersion) return;
    this.clearedVersion = version;
    const wasStuck = this.role === "stuck";
    this.barred = undefined;
    if (wasStuck) {
      this.role = "stopping";
      this.lifecycle.stop(turn.now);
    }
    turn.urgent = true;
    this.record(turn, "GROUP_CLEARED", { node: this.s.me });
  }

  /** Learns epochs and holders from the others' reports, and gives way to a higher one. */
  private adopt(turn: Turn): void {
    for (const peer of this.s.roster.peers.values()) {
      const report = peer.reports.get(this.config.name);
      if (report?.holder === undefined) continue;
      if (report.epoch > this.epoch) {
        const lost = this.mine && report.holder !== this.s.me;
        this.epoch = report.epoch;
        this.holder = report.holder;
        this.grants.withdraw(report.holder);
        if (lost) this.yieldTo(turn, report.holder, `it holds epoch ${report.epoch}`);
        this.announcing.lookFor(turn.now);
      } else if (report.epoch === this.epoch && peer.alive && isServing(report.role) && this.role === "holding") {
        this.meet(turn, peer);
      }
    }
  }

  /** Two nodes hold one epoch: the one that is worse connected, or later in the file, gives way. */
  private meet(turn: Turn, peer: Peer): void {
    const link = this.vips[0] === undefined ? 0 : linkOf(this.vips[0]);
    const mine = this.s.segments[link]?.reach(turn.now) ?? 0;
    const theirs = peer.reach[link] ?? 0;
    const better = mine > theirs || (mine === theirs && this.standing.index(this.s.me) < peer.index);
    turn.event("HOLDERS_MET", {
      severity: "alert",
      group: this.config.name,
      node: this.s.me,
      facts: { to: peer.name, epoch: this.epoch },
    });
    if (better) this.announcing.begin(turn.now);
    else this.yieldTo(turn, peer.name, "both held the same epoch");
  }

  /** A result is on its way through a main thread that hangs: its lateness says nothing about the service. */
  private waitsForMain(): boolean {
    return this.s.stalled && this.lifecycle.isWaiting;
  }

  /** A service that died is started again here only once the group is won again: another node may have it by now. */
  private mayNotStart(): boolean {
    return this.role === "lapsed" && this.lifecycle.phase === "starting" && !this.lifecycle.isWaiting;
  }

  private progress(turn: Turn): void {
    if (this.waitsForMain()) return;
    // Also a service that is found dead on the way is started again only by a node that has the group.
    for (let guard = 0; guard < 100 && !this.mayNotStart(); guard++) {
      const { order, news } = this.lifecycle.advance(turn.now);
      if (order === undefined && news === undefined) return;
      if (order !== undefined) this.run(turn, order);
      this.news(turn, news);
    }
  }

  private run(turn: Turn, order: { token: number; service: string; action: "start" | "stop" | "status" }): void {
    const service = this.services.get(order.service);
    const command = service?.[order.action];
    if (command === undefined) return;
    const { token: id, service: resource, action } = order;
    turn.emit({ kind: "run", id, group: this.config.name, resource, action, command });
  }

  private news(turn: Turn, news: LifecycleNews | undefined): void {
    if (news === undefined) return;
    const node = this.s.me;
    if (news.kind === "started") {
      this.started = true;
      return;
    }
    if (news.kind === "stopped") {
      if (this.role !== "stopping") return;
      this.role = "idle";
      turn.urgent = true;
      this.record(turn, "GROUP_RELEASED", { node });
      return;
    }
    const facts = { resource: news.service, detail: news.detail };
    if (news.kind === "stop-failed") {
      this.role = "stuck";
      // Whoever is to have it waits for no release that may never come: it asks now, as for any group that nobody serves.
      this.toUntil = LONG_AGO;
      turn.urgent = true;
      this.record(turn, "GROUP_STOP_FAILED", { severity: "alert", node, facts });
      this.bar(turn, `${news.service} did not stop`);
    } else if (news.kind === "died") {
      this.record(turn, "SERVICE_DIED", { severity: "alert", node, facts });
    } else {
      this.record(turn, "GROUP_START_FAILED", { severity: "alert", node, facts });
      if (!news.final) return;
      this.bar(turn, `${news.service} did not start`);
      this.release(turn, { to: undefined, because: `${news.service} did not start` });
    }
  }

  /** The services start or run; the gate opens last, and only when the wire is still quiet. */
  private settleStarting(turn: Turn): void {
    const s = this.s;
    if (s.stalled || s.gateBroken) {
      this.release(turn, { to: undefined, because: `${s.me} ${this.standing.ownEligibility(turn.now).because}` });
      return;
    }
    this.claiming?.watch(turn, s);
    if (this.started && this.claiming?.isContested(s, turn.now) !== true) this.serve(turn);
  }

  private serve(turn: Turn): void {
    this.claiming = undefined;
    this.takenAt = turn.now;
    this.role = "holding";
    this.renew(turn);
    turn.urgent = true;
    this.announcing.begin(turn.now);
    const facts = { epoch: this.epoch, because: this.because };
    this.record(turn, "GROUP_TAKEN", { node: this.s.me, facts });
  }

  private settleHolding(turn: Turn): void {
    const s = this.s;
    if (s.stalled || s.gateBroken) {
      this.release(turn, { to: undefined, because: `${s.me} ${this.standing.ownEligibility(turn.now).because}` });
      return;
    }
    // A gate that was closed for a moment is not opened by new evidence alone: somebody may have found the wire quiet.
    const wasOpen = this.openUntil.size > 0;
    if (!wasOpen || this.leaseUntil() > turn.now) this.renew(turn);
    if (this.leaseUntil() <= turn.now) {
      this.lapse(turn);
      return;
    }
    this.moveAway(turn);
  }

  /** Releases the group when it belongs elsewhere. */
  private moveAway(turn: Turn): void {
    const { node: target, because } = this.standing.placement;
    if (target === this.s.me) return;
    const notYet = target !== undefined && target === this.notTo?.node && turn.now < this.notTo.until;
    if (target !== undefined && (!this.standing.mayMoveTo(target) || notYet)) return;
    this.release(turn, { to: target, because });
  }

  private noteStay(turn: Turn): void {
    const { node, because } = this.standing.placement;
    if (this.role !== "holding" || node !== this.s.me) return;
    this.record(turn, "GROUP_STAYS", { node, facts: { because } });
  }

  /** Nobody may hold the group: the first node of the file that lives says so, once. */
  private noteHomeless(turn: Turn): void {
    const { node, because } = this.standing.placement;
    const { mode, startedAt, leaving, config } = this.s;
    const isBusy = this.role !== "idle" && this.role !== "stuck";
    // A booting cluster waits for verdicts, and a silent holder may be heard again in a moment.
    const isBooting = this.holder === undefined && turn.now < startedAt + config.heartbeat.initialWaitMs;
    const isUnsure = mode === "observing" || isBooting || leaving || this.standing.lastHolder()?.state === "suspect";
    const isHomeless =
      node === undefined && !isBusy && !isUnsure && !inMaintenance(this.s) && !this.standing.takesBack();
    if (isHomeless === this.isHomeless) return;
    this.isHomeless = isHomeless;
    const index = this.standing.index(this.s.me);
    const isFirst = [...this.s.roster.peers.values()].every((peer) => !peer.alive || peer.index > index);
    if (isHomeless && isFirst) this.record(turn, "GROUP_HOMELESS", { severity: "alert", facts: { because } });
  }

  private settleHandOn(turn: Turn): void {
    const peer = this.to === undefined ? undefined : this.s.roster.peers.get(this.to);
    this.handOn = peer !== undefined && turn.now < this.toUntil && this.role !== "holding";
    const report = peer?.reports.get(this.config.name);
    if (!this.handOn || report?.role !== "holding" || report.epoch !== this.epoch) return;
    this.handOn = false;
    for (const vip of this.vips) {
      const mac = peer?.macOn[linkOf(vip)];
      if (mac !== undefined) turn.emit({ kind: "hand-on", vip, mac });
    }
  }

  private settleClaim(turn: Turn): void {
    const s = this.s;
    for (const peer of s.roster.peers.values()) {
      if (!peer.alive || !peer.claims.some((claim) => claim.group === this.config.name)) continue;
      if (!isDeaf(s, peer, { vips: this.vips, now: turn.now })) this.deferTo(turn, peer);
    }
    if (turn.now < this.deferUntil || isPromised(s, this, turn.now) || !this.standing.wants(turn.now)) {
      if (this.claiming !== undefined) turn.urgent = true;
      this.claiming = undefined;
      return;
    }
    const highest = this.highestEpoch();
    const above = this.claiming === undefined ? Math.max(highest, this.claimed) : highest;
    const epoch = nextEpoch(above, this.standing.index(s.me));
    this.claiming ??= new Claiming({ group: this.config.name, vips: this.vips, epoch, now: turn.now });
    if (this.claiming.epoch < highest || this.claiming.isOutbid(s)) {
      this.claiming.epoch = Math.max(epoch, nextEpoch(this.claiming.epoch, this.standing.index(s.me)));
    }
    this.claimed = Math.max(this.claimed, this.claiming.epoch);
    const state = { holderGone: this.standing.holderGone(), probing: this.standing.probing() };
    this.claiming.pursue(turn, s, state);
    if (!state.holderGone) return;
    const isLast = this.holder === s.me;
    const missing = this.claiming.missing(s, { now: turn.now, knownEpoch: this.epoch, probing: state.probing, isLast });
    if (missing === undefined) this.take(turn);
  }

  /** Highest epoch taken or granted anywhere, as far as this node knows. */
  private highestEpoch(): number {
    let highest = Math.max(this.epoch, this.grants.epoch);
    for (const peer of this.s.roster.peers.values()) {
      const report = peer.reports.get(this.config.name);
      if (report !== undefined) highest = Math.max(highest, report.epoch, report.granted);
    }
    return highest;
  }

  /** A node did not take what was released to it: the group must not go to and fro for that. */
  private takeBack(turn: Turn, former: string | undefined): void {
    const to = this.to;
    this.to = undefined;
    if (to === undefined || former !== this.s.me || this.role !== "idle") return;
    this.because = `${to} did not take it`;
    this.notTo = { node: to, until: after(turn.now, NOT_AGAIN_MS) };
    const wish = `at/${this.config.name}`;
    if (this.s.wishes.get(wish) === to) this.s.wishes.set(wish, "", this.s.me);
  }

  private take(turn: Turn): void {
    const s = this.s;
    const epoch = this.claiming?.epoch ?? 0;
    const former = this.holder;
    const planned = this.standing.isReleased();
    const wasProbing = this.standing.probing();
    this.because = this.standing.whyTake();
    this.takeBack(turn, former);
    // A start takes its time, in which the network may break: the wire is asked until the gate opens.
    const mustStart = this.services.size > 0 && this.lifecycle.phase !== "running";
    if (!wasProbing && !mustStart) this.claiming = undefined;
    this.standing.settled();
    this.epoch = epoch;
    this.holder = s.me;
    this.role = "starting";
    if (!planned && s.wishes.get(`at/${this.config.name}`) !== "" && former !== s.me) {
      s.wishes.set(`at/${this.config.name}`, "", s.me);
    }
    if (this.services.size > 0 && this.vips.length > 0) turn.emit({ kind: "place", vips: this.vips });
    this.started = this.lifecycle.phase === "running";
    if (mustStart) this.record(turn, "GROUP_STARTING", { node: s.me, facts: { epoch, because: this.because } });
    if (!this.started) this.lifecycle.start(turn.now);
    this.progress(turn);
    this.settleStarting(turn);
  }
}
