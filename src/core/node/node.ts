/**
 * A node: the only holder of state, and the one door to it. `step` takes an input, lets everything settle, and
 * answers with effects in order and the time of the next wake-up. No clock, no I/O, no promise: the daemon, the
 * simulator and a replay run this same code.
 */

import { assert, unreachable } from "../base/assert.ts";
import { later, LONG_AGO, NEVER, type Instant } from "../base/time.ts";
import { timingFrom, type Timing } from "../base/timing.ts";
import type { Verdict } from "../base/words.ts";
import type { ClusterConfig } from "../config/cluster.ts";
import { Roster, type Peer } from "../membership/roster.ts";
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
  TickInput,
} from "./inputs.ts";
import { Requests } from "./requests.ts";
import { Settling, type Parts } from "./settling.ts";
import { nodeOfMac, type Interface, type Surroundings } from "./surroundings.ts";
import { Turn } from "./turn.ts";
import type { NodeView } from "./view.ts";
import { viewOf } from "./view-of.ts";
import { Wishes } from "./wishes.ts";

/** The same alarm about the same thing is repeated so often at most. */
const ALARM_EVERY_MS = 10_000;
/** An unknown hardware address is a stranger's when so long after its first answer no node has it. */
const STRANGER_AFTER_MS = 100;
const MAX_UNKNOWN_MACS = 64;
/** Kernels are asked every other question's time; so many of them without an answer are a break. */
const KERNEL_BREAK_ASKS = 6;

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

/** Inputs that nothing is known of but that they change something. */
type News = Exclude<Input, TickInput | FrameInput | RejectedFrameInput | AnswerInput | AnnouncementInput>;

/** Everything that exists from the first input on. */
interface Life extends Parts {
  readonly incarnation: string;
  readonly settling: Settling;
}

export class Node {
  private readonly options: NodeOptions;
  private readonly timing: Timing;
  /** Names of nodes by address. */
  private readonly owners: ReadonlyMap<string, string>;
  private readonly monitors = new Map<string, { verdict: Verdict; detail: string }>();
  private readonly rejected = new Map<Rejection, number>();
  private readonly alarms = new Map<string, Instant>();
  /** Hardware addresses that answered for a VIP and are no known node's, with the time when each was first seen. */
  private readonly unknownMacs = new Map<string, Instant>();
  private readonly gatewayMacs = new Set<string>();
  /** Hardware addresses that answer for more than one machine: proxies and liars. */
  private readonly impostors = new Set<string>();
  private life: Life | undefined;
  private last: Instant = LONG_AGO;

  constructor(options: NodeOptions) {
    this.options = options;
    this.timing = timingFrom({ intervalMs: options.config.heartbeat.intervalMs, ...options.config.lease });
    this.owners = new Map(
      options.config.nodes.flatMap(({ name, addresses }) => addresses.map((address) => [address, name] as const)),
    );
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
    const isNews = this.take(turn, life, input);
    life.settling.settle(turn, isNews);
    return { effects: turn.effects, wakeAt: life.s.frozen ? NEVER : life.settling.wakeAt() };
  }

  /** The next step looks at everything, whatever its input: for tests that compare with a node that always does. */
  unsettle(): void {
    if (this.life !== undefined) this.life.settling.unsettled = true;
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
    for (const group of groups.values()) group.grants.epoch = input.epochs[group.config.name] ?? 0;
    const parts = { s, groups, beats, asking: new Asking(s, groups), requests: new Requests(s, groups, beats) };
    const settling = new Settling(parts, input.epochs);
    settling.reserve(turn, true);
    for (const handed of handover?.groups ?? []) {
      // A self that comes after the stated end holds nothing any more: it observes first like any other.
      const group = groups.get(handed.name);
      if (group === undefined) {
        settling.goneUntil = later(settling.goneUntil, handed.until);
        turn.event("GROUP_GONE", { severity: "warning", node: me, group: handed.name });
      }
      group?.resume(turn, handed);
      if (handed.until <= turn.now) continue;
      beats.restartUntil = later(beats.restartUntil, handed.until);
      settling.isResuming = true;
    }
    for (const [name, macs] of Object.entries(handover?.macs ?? {})) {
      for (const mac of macs) s.roster.peers.get(name)?.addMac(mac);
    }
    return { ...parts, incarnation, settling };
  }

  /** Takes an input in; false when it changed nothing that a decision may rest on, evidence aside. */
  private take(turn: Turn, life: Life, input: Input): boolean {
    switch (input.kind) {
      case "tick":
        return false;
      case "frame":
        return this.takeFrame(turn, life, input);
      case "frame-rejected":
        this.takeRejected(turn, input);
        return false;
      case "answer":
        return this.takeAnswer(turn, life, input);
      case "announcement":
        return this.takeAnnouncement(turn, life, input);
      default:
        this.takeNews(turn, life, input);
        return true;
    }
  }

  private takeNews(turn: Turn, life: Life, input: News): void {
    switch (input.kind) {
      case "start":
        return;
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
        else turn.event("NODE_FED", { node: life.s.me });
        turn.urgent = true;
        return;
      case "request":
        return life.requests.take(turn, input);
      default:
        return unreachable(input);
    }
  }

  private takeFrame(turn: Turn, life: Life, { frame }: FrameInput): boolean {
    const { s } = life;
    const peer = s.roster.peers.get(frame.node);
    const configBefore = peer?.config ?? s.configHash;
    const coverBefore = peer?.echoAt;
    const outcome = s.roster.hear(frame, turn.now);
    if (outcome.kind === "heard" && outcome.echoSentAt !== undefined) {
      s.segments[frame.link]?.echoed(outcome.echoSentAt);
      life.settling.evidenceMoved(turn, frame.link);
    }
    // An echo on any link, in an old frame too, covers its sender on all.
    if (peer?.echoAt !== coverBefore) life.settling.coverMoved(turn);
    if (outcome.kind === "stale") {
      s.counters.stale++;
      return false;
    }
    s.counters.framesHeard++;
    life.beats.heard(turn, outcome.peer, frame);
    if (outcome.kind === "unconfirmed") {
      s.counters.unconfirmed++;
      return true;
    }
    if (outcome.restarted) turn.event("PEER_RESTARTED", { severity: "warning", node: frame.node });
    if (frame.config !== configBefore) this.configChanged(turn, outcome.peer, s);
    const hasWishes = frame.wishes.length > 0 && s.wishes.merge(frame.wishes).length > 0;
    if (hasWishes) turn.urgent = true;
    for (const name of outcome.withdrawn) life.groups.get(name)?.grants.withdraw(frame.node);
    return outcome.isNews || hasWishes;
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

  private takeAnswer(turn: Turn, life: Life, input: AnswerInput): boolean {
    const { s, settling } = life;
    const segment = s.segments[input.link];
    const owner = this.owners.get(input.address);
    const peer = owner === undefined ? undefined : s.roster.peers.get(owner);
    if (peer !== undefined) {
      const isKnown = peer.macOn[input.link] === input.mac && peer.macs.has(input.mac);
      this.learn(life, peer, input);
      segment?.kernelAnswered(input.sentAt);
      const breakMs = s.timing.askMs * KERNEL_BREAK_ASKS;
      peer.kernelAnswered(input.link, input.sentAt, { now: turn.now, breakMs });
      settling.coverMoved(turn);
      return !isKnown;
    }
    const node = nodeOfMac(s, input.mac);
    if (segment?.gateways.includes(input.address) === true && node === undefined) {
      if (this.gatewayMacs.size >= MAX_UNKNOWN_MACS) this.gatewayMacs.clear();
      this.gatewayMacs.add(input.mac);
      const isBack = segment.gatewayAnswered(input.sentAt);
      // A question that waits for its answer is not repeated at once: now it may be.
      life.asking.dueAt = LONG_AGO;
      settling.evidenceMoved(turn, input.link);
      if (!isBack) return false;
      turn.urgent = true;
      turn.event("GATEWAY_BACK", { node: s.me, link: input.link, facts: { mac: input.mac } });
      return true;
    }
    return this.vipAnswered(turn, life, { ...input, node });
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

  /** Somebody answered for a VIP; true when that is news. */
  private vipAnswered(
    turn: Turn,
    life: Life,
    answer: Omit<AnswerInput, "kind"> & { node: string | undefined },
  ): boolean {
    const { s } = life;
    const { address, mac, node } = answer;
    const group = groupOf(life.groups, address);
    if (group === undefined || node === s.me) return false;
    if (node === undefined && !this.isStranger(turn, life, answer)) {
      group.claiming?.answered({ address, node: "an unknown machine", mac, probe: answer.probe, now: turn.now });
      return group.claiming !== undefined;
    }
    if (node === undefined) {
      if (!this.alarm(turn, `stranger ${mac} ${address}`)) return false;
      turn.event("STRANGER_ANSWERS", { severity: "alert", group: group.config.name, facts: { mac, address } });
      return false;
    }
    const peer = s.roster.peers.get(node);
    if (peer !== undefined && !peer.alive) peer.servesUnheard.set(group.config.name, { at: turn.now, mac });
    const isSeenAnew = group.announcing.answered(node);
    if (isSeenAnew) turn.urgent = true;
    group.claiming?.answered({ address, node, mac, probe: answer.probe, now: turn.now });
    return isSeenAnew || group.claiming !== undefined;
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

  private takeAnnouncement(turn: Turn, life: Life, input: AnnouncementInput): boolean {
    const { s } = life;
    const node = nodeOfMac(s, input.mac);
    const group = groupOf(life.groups, input.address);
    if (node === s.me || group === undefined) return false;
    if (input.probe) {
      if (node !== undefined) group.claiming?.probedBy(node, turn.now);
      else if (group.claiming !== undefined && !this.isStranger(turn, life, input)) {
        const { address, mac } = input;
        group.claiming.answered({ address, node: "an unknown machine", mac, probe: "arp", now: turn.now });
      }
      return group.claiming !== undefined;
    }
    this.vipAnswered(turn, life, { ...input, node, probe: "arp", sentAt: turn.now });
    if (group.role === "starting" && node !== undefined) group.yieldTo(turn, node, "it announced the address first");
    if (group.role !== "holding") return true;
    const peer = node === undefined ? undefined : s.roster.peers.get(node);
    if (peer !== undefined && !peer.alive && this.givesWay(life, peer, input.link)) {
      group.yieldTo(turn, peer.name, "it announced the same address and its frames cannot be read");
    } else if (this.alarm(turn, `again ${group.config.name}`, 1_000)) {
      group.announcing.begin(turn.now);
    }
    return true;
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
    if (what === "works" && s.gateBroken) turn.event("GATE_WORKS", about);
    if (what === "broken" || what === "works") s.gateBroken = what === "broken";
    if (what === "late") group?.lapse(turn);
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
      (group) => group.role === "starting" || (group.role === "holding" && group.leaseUntil() <= turn.now),
    );
    for (const group of over) group.lapse(turn);
    if (over.length === 0) return;
    for (const segment of s.segments) segment.forget();
    turn.event("NODE_PAUSED", { severity: "alert", node: s.me, facts: { gapMs: Math.round(input.gapMs) } });
  }

  /** May this alarm be given now? Remembers that it was. */
  private alarm(turn: Turn, key: string, everyMs = ALARM_EVERY_MS): boolean {
    if (turn.now - (this.alarms.get(key) ?? LONG_AGO) < everyMs) return false;
    if (this.alarms.size > 1_000) this.alarms.clear();
    this.alarms.set(key, turn.now);
    return true;
  }
}

/** The group of a VIP. */
function groupOf(groups: ReadonlyMap<string, Group>, address: string): Group | undefined {
  for (const group of groups.values()) if (group.vips.some((vip) => vip.address === address)) return group;
  return undefined;
}
