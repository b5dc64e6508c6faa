/**
 * A few real nodes on perfect segments with gateways: every frame goes through bytes, every question is answered by
 * whoever has the address. A node can be killed, or paused after any number of steps.
 */

import { instant, type Instant } from "../base/time.ts";
import type { ClusterConfig, GroupConfig } from "../config/cluster.ts";
import { FrameCodec } from "../membership/frame-codec.ts";
import type { Frame } from "../membership/frame.ts";
import type { AskEffect, Effect } from "./effects.ts";
import type { Input } from "./inputs.ts";
import { Node } from "./node.ts";

const HASH = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/** One real node with its codec. */
export interface Member {
  readonly name: string;
  readonly index: number;
  readonly node: Node;
  readonly codec: FrameCodec;
  readonly open: Map<string, Instant>;
  readonly reported: Map<string, Instant>;
  isUp: boolean;
  wakeAt: Instant;
  /** Steps taken so far. */
  steps: number;
  /** After so many steps it does not run for so long; then it is told, and reads what has come meanwhile. */
  pause: { readonly afterSteps: number; readonly forMs: number } | undefined;
  isPaused: boolean;
  readonly inbox: (() => void)[];
}

/** Size of a cluster; every group has one VIP on link 0. */
export interface Shape {
  readonly nodes: number;
  readonly links: number;
  readonly groups: number;
  readonly nameLength: number;
}

/** The nodes, their network and time. */
export class PretendedCluster {
  readonly config: ClusterConfig;
  readonly members: Member[];
  now: Instant = instant(0);
  largest = 0;
  tooLarge = 0;
  #queue: { at: number; order: number; run: () => void }[] = [];
  #order = 0;

  constructor(shape: Shape) {
    this.config = configOf(shape);
    const nodes = this.config.nodes.map(({ name, addresses }) => ({ name, links: addresses.length }));
    // Whoever seals with it is believed: signatures are not the matter here.
    const seal = { keyId: 1, sign: () => new Uint8Array(32), verify: () => true };
    this.members = this.config.nodes.map(({ name }, index) => ({
      name,
      index,
      node: new Node({ config: this.config, configHash: HASH, node: name }),
      codec: new FrameCodec({ cluster: "many", node: name, incarnation: incarnation(index), nodes, seal }),
      open: new Map(),
      reported: new Map(),
      isUp: true,
      wakeAt: instant(0),
      steps: 0,
      pause: undefined,
      isPaused: false,
      inbox: [],
    }));
    for (const member of this.members) this.#start(member, shape.links);
  }

  #start(member: Member, links: number): void {
    const gateways = Array.from({ length: links }, (_, link) => [`10.${link}.0.1`]);
    const start = { kind: "start", incarnation: incarnation(member.index), epochs: {}, wishes: [] } as const;
    this.input(member, { ...start, now: this.now, gateways, handover: undefined });
    for (let link = 0; link < links; link++) {
      const mac = macOf(link, member.index);
      this.input(member, { kind: "interface", now: this.now, link, up: true, device: `eth${link}`, mac });
    }
  }

  input(member: Member, input: Input): void {
    if (!member.isUp) return;
    if (member.isPaused) {
      member.inbox.push(() => this.input(member, { ...input, now: this.now }));
      return;
    }
    member.steps++;
    const { effects, wakeAt } = member.node.step(input);
    member.wakeAt = wakeAt;
    for (const effect of effects) this.#perform(member, effect);
    if (member.steps === member.pause?.afterSteps) this.#pause(member, member.pause.forMs);
  }

  #pause(member: Member, gapMs: number): void {
    member.isPaused = true;
    this.#after(gapMs, () => {
      member.isPaused = false;
      this.input(member, { kind: "paused", now: this.now, gapMs });
      for (const read of member.inbox.splice(0)) read();
    });
  }

  /** Time passes; `look` is called after everything that happens. */
  pass(ms: number, look?: () => void): void {
    const end = this.now + ms;
    for (;;) {
      const next = this.#queue[0]?.at ?? Number.POSITIVE_INFINITY;
      const waking = this.members.filter((member) => member.isUp && !member.isPaused);
      const wake = Math.max(this.now, Math.min(...waking.map((member) => member.wakeAt)));
      const at = Math.min(next, wake);
      if (at > end) break;
      this.now = instant(at);
      if (next <= at) this.#queue.shift()?.run();
      else for (const member of waking) if (member.wakeAt <= at) this.input(member, { kind: "tick", now: this.now });
      look?.();
    }
    this.now = instant(end);
  }

  /** Members that serve the group's address. */
  serving(group: GroupConfig): string[] {
    const id = group.resources[0]?.id ?? "";
    return this.members
      .filter((member) => member.isUp && (member.open.get(id) ?? 0) > this.now)
      .map(({ name }) => name);
  }

  #after(ms: number, run: () => void): void {
    const entry = { at: this.now + ms, order: this.#order++, run };
    const index = this.#queue.findIndex((other) => other.at > entry.at);
    if (index < 0) this.#queue.push(entry);
    else this.#queue.splice(index, 0, entry);
  }

  #perform(member: Member, effect: Effect): void {
    if (effect.kind === "send") this.#send(member, effect.to, effect.frame);
    if (effect.kind === "open") for (const vip of effect.vips) member.open.set(vip.id, effect.until);
    if (effect.kind === "close") for (const vip of effect.vips) member.open.delete(vip.id);
    if (effect.kind === "ask") this.#ask(member, effect);
  }

  #send(member: Member, to: string, frame: Frame): void {
    for (const group of frame.groups) member.reported.set(group.name, this.now);
    const bytes = member.codec.encode(frame, to);
    if (bytes === undefined) {
      this.tooLarge++;
      return;
    }
    this.largest = Math.max(this.largest, bytes.length);
    const other = this.members.find(({ name }) => name === to);
    this.#after(0.5, () => {
      if (other === undefined || !other.isUp) return;
      const decoded = other.codec.decode(bytes, frame.link);
      if (!decoded.ok) throw new Error(`a frame was refused: ${decoded.why}`);
      this.input(other, { kind: "frame", now: this.now, frame: decoded.frame });
    });
  }

  #ask(member: Member, { link, probe, address }: AskEffect): void {
    const sentAt = this.now;
    const isVip = this.config.groups.some(({ resources }) => resources.some(({ id }) => id.endsWith(`/${address}`)));
    const answer = (mac: string) => {
      this.#after(0.5, () => this.input(member, { kind: "answer", now: this.now, link, probe, address, mac, sentAt }));
    };
    if (address === `10.${link}.0.1`) answer(macOf(link, 200));
    for (const other of this.members) {
      if (other === member || !other.isUp) continue;
      const mac = macOf(link, member.index);
      if (isVip && probe === "arp") {
        this.#after(0.5, () =>
          this.input(other, { kind: "announcement", now: this.now, link, address, mac, probe: true }),
        );
      }
      const serves = [...other.open].some(([id, until]) => id.endsWith(`/${address}`) && until > this.now);
      if (serves || this.config.nodes[other.index]?.addresses[link] === address) answer(macOf(link, other.index));
    }
  }
}

function incarnation(index: number): string {
  return index.toString(16).padStart(16, "0");
}

function macOf(link: number, index: number): string {
  return `02:00:00:00:0${link}:${index.toString(16).padStart(2, "0")}`;
}

function named(word: string, number: number, length: number): string {
  return `${word}${number}`.padEnd(length, "-x");
}

function configOf({ nodes, links, groups, nameLength }: Shape): ClusterConfig {
  const names = Array.from({ length: nodes }, (_, index) => named("node", index, nameLength));
  return {
    cluster: "many",
    keyFile: "/etc/understudy/cluster.key",
    nodes: names.map((name, index) => ({
      name,
      addresses: Array.from({ length: links }, (_, link) => `10.${link}.0.${11 + index}`),
    })),
    heartbeat: { intervalMs: 100, initialWaitMs: 1_000, port: 694 },
    lease: { evidenceMs: 120, marginMs: 30 },
    arbiter: { kind: "segment" },
    gateways: [],
    groups: Array.from({ length: groups }, (_, index) => groupOf(named("group", index, nameLength), names, index)),
    everywhere: [],
    monitors: [],
  };
}

function groupOf(name: string, names: readonly string[], index: number): GroupConfig {
  const address = `10.0.1.${index + 1}`;
  const vip = {
    kind: "vip" as const,
    id: `${name}/${address}`,
    address,
    family: 4 as const,
    prefixLength: 16,
    link: 0,
  };
  const turned = [...names.slice(index % names.length), ...names.slice(0, index % names.length)];
  const resources = [{ ...vip, device: undefined, gateways: [] }];
  return { name, prefer: turned, failback: { kind: "never" }, requires: [], resources };
}
