/**
 * A stage for one real node: a clock, a network of segments with gateways, pretended peers, a kernel's gate and
 * services, and a transcript of everything that the node decides. Tests drive it step by step; time passes only
 * when they say so.
 */

import { instant, NEVER, type Instant } from "../base/time.ts";
import type { ClusterConfig, VipConfig } from "../config/cluster.ts";
import type { Frame } from "../membership/frame.ts";
import type { AskEffect, Effect, RunEffect } from "./effects.ts";
import type { Handover, Input, Verb } from "./inputs.ts";
import { Node } from "./node.ts";
import { PretendedPeer } from "./pretended-peer.ts";
import { explain } from "./reasons.ts";

/** One way through the network. */
const TRANSIT_MS = 1;
const COMMAND_MS = 10;
/** The same announcement within so long is one repetition and not told again. */
const TELL_ANNOUNCEMENT_EVERY_MS = 6_000;

export const CONFIG_HASH = "0123456789abcdef";

/** What a service's action does on this stage. */
export type Mood = "works" | "fails" | "hangs";

/** Without the clock, which the stage adds. */
type Untimed<T> = T extends Input ? Omit<T, "now"> : never;

/** Address of a node (counted from 0) on a link. */
export function nodeAddress(link: number, index: number): string {
  return `10.${link}.0.${11 + index}`;
}

export function gatewayAddress(link: number): string {
  return `10.${link}.0.1`;
}

/** Hardware address of a node's port; the gateway's has index -1. */
export function macOf(link: number, index: number): string {
  return `02:00:00:00:0${link}:${(16 + index).toString(16).padStart(2, "0")}`;
}

export class Stage {
  now: Instant = instant(0);
  readonly node: Node;
  readonly me: string;
  readonly config: ClusterConfig;
  readonly peers: ReadonlyMap<string, PretendedPeer>;
  readonly vips: readonly VipConfig[];
  /** Links on which nothing arrives, and per peer the links on which nothing of it arrives. */
  readonly cutLinks = new Set<number>();
  readonly cutPeers = new Set<string>();
  readonly gatewaysGone = new Set<number>();
  /** Links on which no gateway is known. */
  readonly noGateways = new Set<number>();
  /** Hardware address that answers ARP for every VIP of a link. */
  readonly fabric = new Map<number, string>();
  readonly moods: Record<RunEffect["action"], Mood> = { start: "works", stop: "works", status: "works" };
  readonly sent: Frame[] = [];
  transcript: string[] = [];
  handover: Handover | undefined;
  #queue: { at: number; order: number; run: () => void }[] = [];
  #order = 0;
  readonly #incarnation: string;
  #wakeAt: Instant = NEVER;
  #isPaused = false;
  #inbox: Untimed<Input>[] = [];
  readonly #gate = new Map<string, number>();
  readonly #placed = new Set<string>();
  readonly #told = new Map<string, string>();
  readonly #announcedAt = new Map<string, number>();

  /** With `former`, the node is the next self of that stage's: peers, clock and open gates stay. */
  constructor(options: { config: ClusterConfig; node: string; former?: Stage }) {
    const { config, former } = options;
    this.config = config;
    this.me = options.node;
    this.#incarnation = former === undefined ? "00000000000000aa" : "00000000000000ab";
    this.node = new Node({ config, configHash: CONFIG_HASH, node: options.node });
    const groups = config.groups.map((group) => group.name);
    this.vips = config.groups.flatMap((group) => group.resources.filter((resource) => resource.kind === "vip"));
    if (former !== undefined) {
      this.now = former.now;
      for (const [vip, until] of former.#gate) this.#gate.set(vip, until);
      for (const vip of former.#placed) this.#placed.add(vip);
    }
    this.peers =
      former?.peers ??
      new Map(
        config.nodes.flatMap(({ name, addresses }, index) => {
          if (name === options.node) return [];
          return [[name, new PretendedPeer({ name, index, links: addresses.length, groups, config: CONFIG_HASH })]];
        }),
      );
    for (const peer of this.peers.values()) this.#beat(peer);
  }

  get links(): number {
    return this.config.nodes[0]?.addresses.length ?? 0;
  }

  peer(name: string): PretendedPeer {
    const peer = this.peers.get(name);
    if (peer === undefined) throw new Error(`there is no peer ${name}`);
    return peer;
  }

  /** The first input and the devices. */
  start(options: { epochs?: Record<string, number>; handover?: Handover | undefined } = {}): void {
    const gateways = Array.from({ length: this.links }, (_, link) =>
      this.noGateways.has(link) ? [] : [gatewayAddress(link)],
    );
    const { epochs = {}, handover } = options;
    this.input({ kind: "start", incarnation: this.#incarnation, epochs, wishes: [], gateways, handover });
    for (let link = 0; link < this.links; link++) this.carrier(link, true);
  }

  carrier(link: number, up: boolean): void {
    const index = this.config.nodes.findIndex((node) => node.name === this.me);
    this.input({ kind: "interface", link, up, device: `eth${link}`, mac: macOf(link, index) });
  }

  request(id: number, request: Verb): void {
    this.input({ kind: "request", id, request });
  }

  /** Gives the node an input now; while it is paused, the input waits. */
  input(input: Untimed<Input>): void {
    if (this.#isPaused) {
      this.#inbox.push(input);
      return;
    }
    const result = this.node.step({ ...input, now: this.now });
    for (const effect of result.effects) this.#perform(effect);
    this.#wakeAt = result.wakeAt;
  }

  /** Time passes. */
  pass(ms: number): void {
    const end = this.now + ms;
    for (let guard = 0; guard < 200_000; guard++) {
      const next = this.#queue[0];
      const wakeAt = this.#isPaused ? NEVER : Math.max(this.#wakeAt, this.now);
      const at = Math.min(next?.at ?? NEVER, wakeAt, this.#nextExpiry());
      if (at > end) break;
      this.now = instant(at);
      if (this.#expire()) continue;
      if (next !== undefined && next.at <= at) {
        this.#queue.shift();
        next.run();
      } else {
        this.input({ kind: "tick" });
      }
    }
    if (this.now < end && this.#wakeAt <= end && !this.#isPaused && this.#wakeAt < this.now)
      throw new Error("the node spins");
    this.now = instant(end);
  }

  /** The node's process does not run for so long; then it learns of that first, and of everything else after. */
  pause(ms: number): void {
    this.#isPaused = true;
    this.pass(ms);
    this.#isPaused = false;
    this.input({ kind: "paused", gapMs: ms });
    for (const input of this.#inbox.splice(0)) this.input(input);
  }

  /** Is the VIP's gate open in the kernel? */
  isOpen(vip: string): boolean {
    return (this.#gate.get(vip) ?? 0) > this.now;
  }

  tell(line: string): void {
    this.transcript.push(`${String(Math.round(this.now / 10) * 10).padStart(6)}  ${line}`);
  }

  #after(ms: number, run: () => void): void {
    const entry = { at: this.now + ms, order: this.#order++, run };
    const index = this.#queue.findIndex((other) => other.at > entry.at);
    if (index < 0) this.#queue.push(entry);
    else this.#queue.splice(index, 0, entry);
  }

  #nextExpiry(): number {
    return Math.min(...this.#gate.values());
  }

  /** The kernel closes what has not been renewed. */
  #expire(): boolean {
    let any = false;
    for (const [vip, until] of this.#gate) {
      if (until > this.now) continue;
      this.#gate.delete(vip);
      this.tell(`the kernel closes ${vip}`);
      any = true;
    }
    return any;
  }

  #beat(peer: PretendedPeer): void {
    if (peer.isUp) this.say(peer);
    this.#after(this.config.heartbeat.intervalMs, () => this.#beat(peer));
  }

  /** A pretended node sends a beat on all links now. */
  say(peer: PretendedPeer): void {
    for (let link = 0; link < this.links; link++) this.#carry(peer, link, () => peer.write("beat", link, this.now));
  }

  #carry(peer: PretendedPeer, link: number, write: () => Frame): void {
    const frame = write();
    this.#after(TRANSIT_MS, () => {
      if (this.#passes(peer, link)) this.input({ kind: "frame", frame });
    });
  }

  #passes(peer: PretendedPeer, link: number): boolean {
    return !this.cutLinks.has(link) && !this.cutPeers.has(`${peer.name}/${link}`);
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case "send":
        return this.#send(effect.to, effect.frame);
      case "ask":
        return this.#ask(effect);
      case "open":
        for (const vip of effect.vips) this.#open(vip.id, effect.until);
        return;
      case "close":
        for (const vip of effect.vips) this.#close(vip.id);
        return;
      case "place":
        for (const vip of effect.vips) this.#placed.add(vip.id);
        return this.tell(`places ${effect.vips.map((vip) => vip.id).join(" ")}, closed`);
      case "announce":
        for (const vip of effect.vips) this.#announce(vip.id);
        return;
      case "run":
        return this.#run(effect);
      case "event": {
        const { reason, severity, facts } = effect.event;
        return this.tell(`${severity === "info" ? "" : `${severity}: `}${reason}: ${explain(reason, facts)}`);
      }
      case "reply":
        if (effect.outcome.kind === "handover") this.handover = effect.outcome.handover;
        return this.tell(`replies ${effect.id}: ${describeOutcome(effect.outcome)}`);
      case "catch":
      case "hand-on":
      case "persist":
      case "watch":
        return;
    }
  }

  #send(to: string, frame: Frame): void {
    this.sent.push(frame);
    this.#tellChanges(frame);
    const peer = this.peer(to);
    this.#after(TRANSIT_MS, () => {
      if (!peer.isUp || !this.#passes(peer, frame.link)) return;
      peer.hear(frame, this.now);
      const asks = frame.kind === "probe" || (frame.kind === "beat" && frame.claims.length > 0);
      if (asks) this.#carry(peer, frame.link, () => peer.write("answer", frame.link, this.now));
    });
  }

  /** What is new in our own frames: that is what others learn of us. */
  #tellChanges(frame: Frame): void {
    const say = (key: string, text: string) => {
      if ((this.#told.get(key) ?? "") === text) return;
      this.#told.set(key, text);
      this.tell(`says ${text === "" ? `no more ${key}` : text}`);
    };
    say("mode", `mode ${frame.mode}`);
    for (const group of frame.groups) {
      const to = group.to === undefined ? "" : `, released to ${group.to}`;
      say(
        `group ${group.name}`,
        `${group.name} ${group.role} at epoch ${group.epoch} of ${group.holder ?? "nobody"}${to}`,
      );
    }
    say("claims", frame.claims.map(({ group, epoch }) => `claim ${group}@${epoch}`).join(" "));
    const answers = frame.claimAnswers.map(
      ({ group, epoch, granted, reason }) => `${group}@${epoch} ${granted ? "granted" : `refused: ${reason}`}`,
    );
    if (answers.length > 0) say("answers", answers.join(" "));
  }

  #ask(effect: AskEffect): void {
    const { link, address, probe } = effect;
    if (this.cutLinks.has(link)) return;
    const sentAt = this.now;
    const answer = (mac: string) => {
      if (effect.mac !== undefined && effect.mac !== mac) return;
      this.#after(2 * TRANSIT_MS, () => this.input({ kind: "answer", link, probe, address, mac, sentAt }));
    };
    if (address === gatewayAddress(link) && !this.gatewaysGone.has(link)) answer(macOf(link, -1));
    const vip = this.vips.find((each) => each.address === address);
    for (const peer of this.peers.values()) {
      if (!peer.isPowered || peer.isDeaf || !this.#passes(peer, link)) continue;
      const says = vip !== undefined && peer.isUp && peer.reports.get(groupOf(vip))?.role === "holding";
      const serves = peer.serving?.includes(address) ?? says;
      if (serves || address === nodeAddress(link, peer.index)) answer(macOf(link, peer.index));
    }
    const fabric = this.fabric.get(link);
    if (vip !== undefined && fabric !== undefined && probe === "arp") answer(fabric);
  }

  #open(vip: string, until: number): void {
    if (until <= this.now) throw new Error(`${vip} is opened until a time that is over`);
    if (!this.isOpen(vip)) this.tell(`opens ${vip}`);
    this.#gate.set(vip, until);
    this.#placed.add(vip);
  }

  #close(vip: string): void {
    if (this.isOpen(vip)) this.tell(`closes ${vip}`);
    else if (this.#placed.has(vip)) this.tell(`removes ${vip}`);
    this.#gate.delete(vip);
    this.#placed.delete(vip);
    this.#announcedAt.delete(vip);
  }

  #announce(vip: string): void {
    if (!this.isOpen(vip)) this.tell(`announces ${vip} ALTHOUGH ITS GATE IS CLOSED`);
    const before = this.#announcedAt.get(vip);
    if (before !== undefined && this.now - before < TELL_ANNOUNCEMENT_EVERY_MS) return;
    this.#announcedAt.set(vip, this.now);
    this.tell(`announces ${vip}`);
  }

  #run({ id, resource, action }: RunEffect): void {
    const mood = this.moods[action];
    if (action !== "status") this.tell(`runs ${action} of ${resource}`);
    if (mood === "hangs") return;
    const ok = mood === "works";
    this.#after(COMMAND_MS, () => this.input({ kind: "resource-result", id, ok, detail: ok ? "exit 0" : "exit 1" }));
  }
}

function groupOf(vip: VipConfig): string {
  return vip.id.slice(0, vip.id.indexOf("/"));
}

function describeOutcome(outcome: Extract<Effect, { kind: "reply" }>["outcome"]): string {
  if (outcome.kind === "done") return `done, ${outcome.detail}`;
  if (outcome.kind === "forward") return `ask ${outcome.to}`;
  if (outcome.kind === "refused") return `refused ${outcome.problem.code}, ${outcome.problem.message}`;
  const groups = outcome.handover.groups.map(({ name, epoch }) => `${name}@${epoch}`);
  return `handed over ${groups.join(" ") || "nothing"}`;
}
