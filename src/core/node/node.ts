/**
 * A node: the only holder of state, and the one door to it. `step` takes an input, lets everything settle, and
 * answers with effects in order and the time of the next wake-up. No clock, no I/O, no promise: the daemon, the
 * simulator and a replay run this same code.
 */

import { MAX_NODES } from "../base/limits.ts";
import { assert, unreachable } from "../base/assert.ts";
import { after, earlier, later, LONG_AGO, NEVER, type Instant } from "../base/time.ts";
import { timingFrom, type Timing } from "../base/timing.ts";
import type { Verdict } from "../base/words.ts";
import type { ClusterConfig } from "../config/cluster.ts";
import { Roster, type LinkChange, type Peer, type PeerChange } from "../membership/roster.ts";
import { SegmentEvidence } from "../ownership/evidence.ts";
import { Asking } from "./asking.ts";
import { Beats } from "./beats.ts";
import type { Effect } from "./effects.ts";
import { Group } from "./group.ts";
import type {
  AnnouncementInput,
  AnswerInput,
  FrameInput,
  GateInput,
  Input,
  InterfaceInput,
  MonitorInput,
  PausedInput,
  RejectedFrameInput,
  Rejection,
  StartInput,
} from "./inputs.ts";
import { Requests } from "./requests.ts";
import { linkOf, nodeOfMac, type Interface, type Surroundings } from "./surroundings.ts";
import { Turn } from "./turn.ts";
import type { NodeView } from "./view.ts";
import { viewOf } from "./view-of.ts";
import { Wishes } from "./wishes.ts";

/** Epochs are reserved on disk in blocks, so that the disk is never waited for. */
const EPOCH_BLOCK = 100 * MAX_NODES;
/** The same alarm about the same thing is repeated so often at most. */
const ALARM_EVERY_MS = 10_000;
/** An unknown hardware address is a stranger's when so long after its first answer no node has it. */
const STRANGER_AFTER_MS = 100;
const MAX_UNKNOWN_MACS = 64;

/** What a step answers: things to do, in order, and when to be woken at the latest. */
export interface StepResult {
  readonly effects: readonly Effect[];
  readonly wakeAt: Instant;
}

export interface NodeOptions {
  readonly config: ClusterConfig;
  /** Hash of the normalised cluster file; equal files have equal hashes. */
  readonly configHash: string;
  /** This node's name; one of the config's nodes. */
  readonly node: string;
}

/** Everything that exists from the first input on. */
interface Life {
  readonly incarnation: string;
  readonly s: Surroundings;
  readonly groups: ReadonlyMap<string, Group>;
  readonly beats: Beats;
  readonly asking: Asking;
  readonly requests: Requests;
}

export class Node {
  private readonly options: NodeOptions;
  private readonly timing: Timing;
  private readonly monitors = new Map<string, { verdict: Verdict; detail: string }>();
  private readonly rejected = new Map<Rejection, number>();
  private readonly alarms = new Map<string, Instant>();
  /** Hardware addresses that answered for a VIP and are no known node's, with the time when each was first seen. */
  private readonly unknownMacs = new Map<string, Instant>();
  private readonly gatewayMacs = new Set<string>();
  /** Hardware addresses that answer for more than one machine: proxies and liars. */
  private readonly impostors = new Set<string>();
  private reserved: Record<string, number> = {};
  private life: Life | undefined;
  private last: Instant = LONG_AGO;
  /** A former self's leases were taken over and still run. */
  private isResuming = false;
  private persistedRevision = -1;

  constructor(options: NodeOptions) {
    this.options = options;
    this.timing = timingFrom({ intervalMs: options.config.heartbeat.intervalMs, ...options.config.lease });
    assert(
      options.config.nodes.some((node) => node.name === options.node),
      "this node is in its config",
    );
  }

  /** Takes one input; the first must be `start`. */
  step(input: Input): StepResult {
    assert(input.now >= this.last, "time never goes back");
    this.last = input.now;
    const turn = new Turn(input.now);
    if (input.kind === "start") this.life = this.begin(turn, input);
    const life = this.life;
    assert(life !== undefined, "the first input is start");
    if (life.s.frozen) return { effects: [], wakeAt: NEVER };
    this.take(turn, life, input);
    this.settle(turn, life);
    return { effects: turn.effects, wakeAt: life.s.frozen ? NEVER : this.wakeAt(life, turn.now) };
  }

  /** The state for people; `now` as in `step`. */
  view(now: Instant): NodeView {
    const life = this.life;
    assert(life !== undefined, "the first input is start");
    return viewOf({ ...life, monitors: this.monitors, rejected: this.rejected, now });
  }

  private begin(turn: Turn, input: StartInput): Life {
    assert(this.life === undefined, "a node starts once");
    const { config, configHash, node: me } = this.options;
    const own = config.nodes.find((node) => node.name === me);
    const { incarnation, handover } = input;
    const wishes = new Wishes();
    wishes.merge(input.wishes);
    if (handover !== undefined) wishes.merge(handover.wishes);
    const links = own?.addresses.length ?? 0;
    const timing = this.timing;
    const s: Surroundings = {
      config,
      configHash,
      me,
      timing,
      roster: new Roster({ nodes: config.nodes, self: me, incarnation, timing }),
      segments: Array.from(
        { length: links },
        (_, link) => new SegmentEvidence({ gateways: input.gateways[link] ?? [], timing }),
      ),
      interfaces: Array.from({ length: links }, (): Interface => ({ up: false, device: undefined, mac: undefined })),
      wishes,
      monitors: this.monitors,
      counters: { framesSent: 0, framesHeard: 0, stale: 0, unconfirmed: 0, lapses: 0, pauses: 0 },
      startedAt: turn.now,
      mode: "observing",
      stalled: false,
      gateBroken: false,
      leaving: false,
      frozen: false,
      tokens: { last: 0 },
    };
    const groups = new Map(config.groups.map((group) => [group.name, new Group(group, s)]));
    const beats = new Beats(s, groups, incarnation);
    turn.event("NODE_STARTED", { node: me });
    turn.emit({ kind: "watch", vips: [...groups.values()].flatMap((group) => group.vips) });
    this.reserved = { ...input.epochs };
    for (const group of groups.values()) group.grants.epoch = input.epochs[group.config.name] ?? 0;
    const life = {
      incarnation,
      s,
      groups,
      beats,
      asking: new Asking(s, groups),
      requests: new Requests(s, groups, beats),
    };
    this.reserve(turn, life, true);
    for (const handed of handover?.groups ?? []) {
      // A self that comes after the stated end holds nothing any more: it observes first like any other.
      groups.get(handed.name)?.resume(turn, handed);
      if (handed.until <= turn.now) continue;
      beats.restartUntil = later(beats.restartUntil, handed.until);
      this.isResuming = true;
    }
    for (const [name, macs] of Object.entries(handover?.macs ?? {})) {
      for (const mac of macs) s.roster.peers.get(name)?.addMac(mac);
    }
    return life;
  }

  private take(turn: Turn, life: Life, input: Input): void {
    switch (input.kind) {
      case "start":
      case "tick":
        return;
      case "frame":
        return this.takeFrame(turn, life, input);
      case "frame-rejected":
        return this.takeRejected(turn, input);
      case "answer":
        return this.takeAnswer(turn, life, input);
      case "announcement":
        return this.takeAnnouncement(turn, life, input);
      case "interface":
        return this.takeInterface(turn, life, input);
      case "monitor":
        return this.takeMonitor(turn, input);
      case "resource-result":
        for (const group of life.groups.values()) group.finished(turn, input);
        return;
      case "gate":
        return this.takeGate(turn, life, input);
      case "paused":
        return this.takePause(turn, life, input);
      case "stalled":
        life.s.stalled = input.stalled;
        if (input.stalled) turn.event("NODE_STALLED", { severity: "alert", node: life.s.me });
        turn.urgent = true;
        return;
      case "request":
        return life.requests.take(turn, input);
      default:
        return unreachable(input);
    }
  }

  private takeFrame(turn: Turn, life: Life, { frame }: FrameInput): void {
    const { s } = life;
    const configBefore = s.roster.peers.get(frame.node)?.config ?? s.configHash;
    const outcome = s.roster.hear(frame, turn.now);
    if (outcome.kind === "stale") {
      s.counters.stale++;
      return;
    }
    s.counters.framesHeard++;
    life.beats.heard(turn, outcome.peer, frame);
    if (outcome.kind === "unconfirmed") {
      s.counters.unconfirmed++;
      return;
    }
    if (outcome.restarted) turn.event("PEER_RESTARTED", { severity: "warning", node: frame.node });
    if (frame.config !== configBefore) this.configChanged(turn, outcome.peer, s);
    if (outcome.echoSentAt !== undefined) s.segments[frame.link]?.echoed(outcome.echoSentAt);
    if (s.wishes.merge(frame.wishes).length > 0) turn.urgent = true;
    for (const name of outcome.withdrawn) life.groups.get(name)?.grants.withdraw(frame.node);
  }

  private configChanged(turn: Turn, peer: Peer, s: Surroundings): void {
    if (peer.config === s.configHash) turn.event("CONFIG_SAME", { node: peer.name });
    else turn.event("CONFIG_DIFFERS", { severity: "alert", node: peer.name });
    turn.urgent = true;
  }

  private takeRejected(turn: Turn, input: RejectedFrameInput): void {
    this.rejected.set(input.why, (this.rejected.get(input.why) ?? 0) + 1);
    if (input.why !== "wrong-key") return;
    const node = this.options.config.nodes.find((candidate) => candidate.addresses.includes(input.source));
    if (node === undefined || !this.alarm(turn, `wrong-key ${node.name}`)) return;
    turn.event("PEER_WRONG_KEY", { severity: "alert", node: node.name, facts: { source: input.source } });
  }

  private takeAnswer(turn: Turn, life: Life, input: AnswerInput): void {
    const { s } = life;
    const segment = s.segments[input.link];
    const owner = this.options.config.nodes.find((node) => node.addresses.includes(input.address));
    const peer = owner === undefined ? undefined : s.roster.peers.get(owner.name);
    if (peer !== undefined) {
      this.learn(life, peer, input);
      segment?.kernelAnswered(input.sentAt);
      return;
    }
    const node = nodeOfMac(s, input.mac);
    if (segment?.gateways.includes(input.address) === true && node === undefined) {
      if (this.gatewayMacs.size >= MAX_UNKNOWN_MACS) this.gatewayMacs.clear();
      this.gatewayMacs.add(input.mac);
      if (segment.gatewayAnswered(input.sentAt)) {
        turn.urgent = true;
        turn.event("GATEWAY_BACK", { node: s.me, link: input.link, facts: { mac: input.mac } });
      }
      return;
    }
    this.vipAnswered(turn, life, { ...input, node });
  }

  /** Remembers a node's hardware address; one that answers for several nodes or a gateway too is nobody's. */
  private learn(life: Life, peer: Peer, { link, mac }: { link: number; mac: string }): void {
    const before = nodeOfMac(life.s, mac);
    if (before === life.s.me || this.impostors.has(mac)) return;
    if ((before === undefined || before === peer.name) && !this.gatewayMacs.has(mac)) {
      peer.addMac(mac);
      peer.macOn[link] = mac;
      return;
    }
    this.impostors.add(mac);
    for (const each of life.s.roster.peers.values()) each.macs.delete(mac);
  }

  /** Somebody answered for a VIP. */
  private vipAnswered(turn: Turn, life: Life, answer: Omit<AnswerInput, "kind"> & { node: string | undefined }): void {
    const { s } = life;
    const { address, mac, node } = answer;
    const group = [...life.groups.values()].find((each) => each.vips.some((vip) => vip.address === address));
    if (group === undefined || node === s.me) return;
    if (node === undefined && !this.isStranger(turn, life, answer)) {
      group.claiming?.answered({ address, node: "an unknown machine", mac, probe: answer.probe, now: turn.now });
      return;
    }
    if (node === undefined) {
      if (!this.alarm(turn, `stranger ${mac} ${address}`)) return;
      turn.event("STRANGER_ANSWERS", { severity: "alert", group: group.config.name, facts: { mac, address } });
      return;
    }
    if (group.announcing.answered(node)) turn.urgent = true;
    group.claiming?.answered({ address, node, mac, probe: answer.probe, now: turn.now });
  }

  /**
   * Is this hardware address nobody's of the cluster? A node that has just started may not know all of them: it
   * asks, and until that had its time the unknown one counts as a node's.
   */
  private isStranger(turn: Turn, life: Life, answer: { mac: string; link: number }): boolean {
    const { mac, link } = answer;
    const since = this.unknownMacs.get(mac);
    if (since === undefined) {
      if (this.unknownMacs.size >= MAX_UNKNOWN_MACS) this.unknownMacs.clear();
      this.unknownMacs.set(mac, turn.now);
    }
    if (since !== undefined && turn.now - since >= STRANGER_AFTER_MS) return true;
    life.asking.learn(link);
    return false;
  }

  private takeAnnouncement(turn: Turn, life: Life, input: AnnouncementInput): void {
    const { s } = life;
    const node = nodeOfMac(s, input.mac);
    if (node === s.me) return;
    const group = [...life.groups.values()].find((each) => each.vips.some((vip) => vip.address === input.address));
    if (group === undefined) return;
    if (input.probe) {
      if (node !== undefined) group.claiming?.probedBy(node, turn.now);
      else if (group.claiming !== undefined && !this.isStranger(turn, life, input)) {
        const { address, mac } = input;
        group.claiming.answered({ address, node: "an unknown machine", mac, probe: "arp", now: turn.now });
      }
      return;
    }
    this.vipAnswered(turn, life, { ...input, node, probe: "arp", sentAt: turn.now });
    if (group.role === "starting" && node !== undefined) group.yieldTo(turn, node, "it announced the address first");
    if (group.role !== "holding") return;
    const peer = node === undefined ? undefined : s.roster.peers.get(node);
    if (peer !== undefined && !peer.alive && this.givesWay(life, peer, input.link)) {
      group.yieldTo(turn, peer.name, "it announced the same address and its frames cannot be read");
    } else if (this.alarm(turn, `again ${group.config.name}`, 1_000)) {
      // A frame may say in a moment that the other is right: then nothing is announced here any more.
      group.announcing.begin(after(turn.now, 2 * s.timing.askMs));
    }
  }

  /** Two announce one address and cannot read each other: the worse connected, then the later in the file, yields. */
  private givesWay(life: Life, peer: Peer, link: number): boolean {
    const segment = life.s.segments[link];
    if (segment !== undefined && segment.gateways.length > 0 && !segment.gatewayUp) return true;
    return peer.index < this.options.config.nodes.findIndex((node) => node.name === life.s.me);
  }

  private takeInterface(turn: Turn, life: Life, input: InterfaceInput): void {
    const { s } = life;
    const own = s.interfaces[input.link];
    if (own === undefined) return;
    if (own.up && !input.up) {
      s.segments[input.link]?.forget();
      turn.event("CARRIER_LOST", { severity: "warning", node: s.me, link: input.link });
    } else if (!own.up && input.up) {
      if (turn.now > s.startedAt) turn.event("CARRIER_BACK", { node: s.me, link: input.link });
      life.asking.learn(input.link);
    }
    const segment = s.segments[input.link];
    if (input.gateways !== undefined && segment !== undefined) segment.follow(input.gateways);
    own.up = input.up;
    own.device = input.device;
    own.mac = input.mac;
    turn.urgent = true;
  }

  private takeMonitor(turn: Turn, input: MonitorInput): void {
    const { monitor, verdict, detail } = input;
    this.monitors.set(monitor, { verdict, detail });
    turn.urgent = true;
    const reason = verdict === "up" ? "MONITOR_UP" : verdict === "down" ? "MONITOR_DOWN" : "MONITOR_UNKNOWN";
    const severity = verdict === "up" ? "info" : "warning";
    turn.event(reason, { severity, node: this.options.node, facts: { monitor, detail } });
  }

  private takeGate(turn: Turn, life: Life, input: GateInput): void {
    const { s } = life;
    const { what, detail } = input;
    const group = [...life.groups.values()].find((each) => each.vips.some((vip) => vip.id === input.vip));
    const about = { node: s.me, facts: { detail }, ...(group === undefined ? {} : { group: group.config.name }) };
    if (what === "mended") turn.event("GATE_MENDED", { severity: "alert", ...about });
    if (what === "address-lost") turn.event("ADDRESS_LOST", { severity: "alert", ...about });
    if (what === "broken" && !s.gateBroken) turn.event("GATE_BROKEN", { severity: "alert", ...about });
    if (what === "broken" || what === "works") s.gateBroken = what === "broken";
    if (what === "refused" && group !== undefined) {
      turn.event("GATE_REFUSED", { severity: "alert", ...about });
      group.bar(turn, detail);
    }
    turn.urgent = true;
  }

  /** We did not run: close first, then find out what the others did meanwhile. */
  private takePause(turn: Turn, life: Life, input: PausedInput): void {
    const { s } = life;
    s.counters.pauses++;
    s.roster.forgive(input.gapMs, turn.now);
    const over = [...life.groups.values()].filter(
      (group) => group.role === "holding" && group.leaseUntil() <= turn.now,
    );
    for (const group of over) group.lapse(turn);
    if (over.length === 0) return;
    for (const segment of s.segments) segment.forget();
    turn.event("NODE_PAUSED", { severity: "alert", node: s.me, facts: { gapMs: Math.round(input.gapMs) } });
  }

  private settle(turn: Turn, life: Life): void {
    const { s } = life;
    const changes = s.roster.advance(turn.now);
    for (const change of changes.links) this.linkChanged(turn, life, change);
    for (const change of changes.peers) this.peerChanged(turn, change);
    this.settleMode(turn, life);
    this.excuse(turn, life);
    for (const group of life.groups.values()) group.settle(turn);
    this.settleResumed(turn, life);
    life.requests.settle(turn);
    life.asking.settle(turn);
    this.reserve(turn, life, false);
    if (!s.frozen) life.beats.settle(turn);
    life.requests.afterBeats(turn);
  }

  /** The others wait for a restarted daemon until its gates depend on its own evidence again. */
  private settleResumed(turn: Turn, life: Life): void {
    if (!this.isResuming) return;
    if ([...life.groups.values()].some((group) => group.resumedUntil > turn.now)) return;
    this.isResuming = false;
    life.beats.restartUntil = LONG_AGO;
    turn.urgent = true;
  }

  private linkChanged(turn: Turn, life: Life, { peer, link, up, silentMs }: LinkChange): void {
    const about = { node: peer.name, link: link.number };
    if (up) {
      life.asking.learn(link.number);
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
      const lateMs = Math.round(this.timing.suspectMs - this.timing.intervalMs);
      turn.event("PEER_LATE", { severity: "warning", node: peer.name, facts: { lateMs: `more than ${lateMs}` } });
    }
    if (to === "up" && (from === "unheard" || from === "dead" || from === "left")) {
      turn.event("PEER_UP", { node: peer.name });
    }
    turn.urgent ||= to === "dead" || from === "unheard";
  }

  private settleMode(turn: Turn, life: Life): void {
    const { s } = life;
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
   * evidence of its own, so it takes nothing.
   */
  private excuse(turn: Turn, life: Life): void {
    const { s } = life;
    const peers = [...s.roster.peers.values()];
    const unopposed = peers.every((peer) => peer.state === "left" || (peer.mode === "standby" && peer.alive));
    for (const [link, segment] of s.segments.entries()) {
      if (segment.gateways.length > 0 || s.interfaces[link]?.up !== true) continue;
      const blind = peers.length === 1 && peers[0]?.alive !== true;
      const serving = [...life.groups.values()].some(
        (group) => group.role === "holding" && group.vips.some((vip) => s.segments[linkOf(vip)] === segment),
      );
      if (unopposed || (blind && serving)) segment.unopposed(turn.now);
    }
  }

  private reserve(turn: Turn, life: Life, first: boolean): void {
    let short = first || life.s.wishes.revision !== this.persistedRevision;
    for (const group of life.groups.values()) {
      const used = Math.max(group.epoch, group.grants.epoch, group.claimed);
      short ||= used + EPOCH_BLOCK / 2 > (this.reserved[group.config.name] ?? 0);
    }
    if (!short) return;
    for (const group of life.groups.values()) {
      this.reserved[group.config.name] = Math.max(group.epoch, group.grants.epoch, group.claimed) + EPOCH_BLOCK;
    }
    this.persist(turn, life);
  }

  private persist(turn: Turn, life: Life): void {
    this.persistedRevision = life.s.wishes.revision;
    turn.emit({ kind: "persist", epochs: { ...this.reserved }, wishes: life.s.wishes.all() });
  }

  /** May this alarm be given now? Remembers that it was. */
  private alarm(turn: Turn, key: string, everyMs = ALARM_EVERY_MS): boolean {
    if (turn.now - (this.alarms.get(key) ?? LONG_AGO) < everyMs) return false;
    if (this.alarms.size > 1_000) this.alarms.clear();
    this.alarms.set(key, turn.now);
    return true;
  }

  private wakeAt(life: Life, now: Instant): Instant {
    let wake = earlier(life.s.roster.wakeAt(now), earlier(life.beats.wakeAt(), life.asking.wakeAt(now)));
    for (const group of life.groups.values()) wake = earlier(wake, group.wakeAt(now));
    wake = earlier(wake, life.requests.wakeAt());
    if (life.s.mode === "observing")
      wake = earlier(wake, after(life.s.startedAt, life.s.config.heartbeat.initialWaitMs));
    return wake;
  }
}
