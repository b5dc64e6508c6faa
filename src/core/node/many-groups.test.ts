/**
 * Many groups with long names on real nodes that talk through real frames: every frame fits into a datagram, every
 * group is claimed and served, and what is said about a group comes round for all of them.
 */

import { createHmac } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_FRAME_BYTES } from "../base/limits.ts";
import { instant, type Instant } from "../base/time.ts";
import type { ClusterConfig, GroupConfig } from "../config/cluster.ts";
import { FrameCodec } from "../membership/frame-codec.ts";
import type { Frame } from "../membership/frame.ts";
import type { Effect } from "./effects.ts";
import type { Input } from "./inputs.ts";
import { Node } from "./node.ts";

const HASH = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/** One real node with its codec. */
interface Member {
  readonly name: string;
  readonly index: number;
  readonly node: Node;
  readonly codec: FrameCodec;
  readonly open: Map<string, Instant>;
  readonly reported: Map<string, Instant>;
  isUp: boolean;
  wakeAt: Instant;
}

interface Shape {
  readonly nodes: number;
  readonly links: number;
  readonly groups: number;
  readonly nameLength: number;
}

/** Real nodes on perfect segments with gateways; every frame goes through bytes. */
class Cluster {
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
    const mac = (head: Uint8Array, body: Uint8Array) => createHmac("sha256", "k").update(head).update(body).digest();
    const seal = { keyId: 1, sign: mac, verify: () => true };
    this.members = this.config.nodes.map(({ name }, index) => ({
      name,
      index,
      node: new Node({ config: this.config, configHash: HASH, node: name }),
      codec: new FrameCodec({ cluster: "many", node: name, incarnation: incarnation(index), nodes, seal }),
      open: new Map(),
      reported: new Map(),
      isUp: true,
      wakeAt: instant(0),
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
    const { effects, wakeAt } = member.node.step(input);
    member.wakeAt = wakeAt;
    for (const effect of effects) this.#perform(member, effect);
  }

  pass(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const next = this.#queue[0]?.at ?? Number.POSITIVE_INFINITY;
      const waking = this.members.filter((member) => member.isUp);
      const wake = Math.max(this.now, Math.min(...waking.map((member) => member.wakeAt)));
      const at = Math.min(next, wake);
      if (at > end) break;
      this.now = instant(at);
      if (next <= at) this.#queue.shift()?.run();
      else for (const member of waking) if (member.wakeAt <= at) this.input(member, { kind: "tick", now: this.now });
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

  #ask(member: Member, { link, probe, address }: { link: number; probe: "arp" | "echo"; address: string }): void {
    const sentAt = this.now;
    const answer = (mac: string) => {
      this.#after(0.5, () => this.input(member, { kind: "answer", now: this.now, link, probe, address, mac, sentAt }));
    };
    if (address === `10.${link}.0.1`) answer(macOf(link, 200));
    for (const other of this.members) {
      if (other === member || !other.isUp) continue;
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
    lease: { evidenceMs: 130, marginMs: 20 },
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

function expectAllServed(cluster: Cluster): void {
  for (const group of cluster.config.groups) expect(cluster.serving(group), group.name).toHaveLength(1);
}

test("Twenty groups with the longest names are all served, before and after their nodes die", {
  timeout: 60_000,
}, () => {
  const cluster = new Cluster({ nodes: 3, links: 2, groups: 20, nameLength: 63 });
  cluster.pass(3_000);
  expectAllServed(cluster);
  (cluster.members[0] as Member).isUp = false;
  cluster.pass(3_000);
  expectAllServed(cluster);
  (cluster.members[1] as Member).isUp = false;
  cluster.pass(3_000);
  expectAllServed(cluster);
  expect(cluster.tooLarge).toBe(0);
  expect(cluster.largest).toBeLessThanOrEqual(MAX_FRAME_BYTES);
});

test("Every group is reported again and again, and every wish arrives, whatever the shape", { timeout: 60_000 }, () => {
  const shapes = fc.record({
    nodes: fc.integer({ min: 2, max: 4 }),
    links: fc.integer({ min: 1, max: 3 }),
    groups: fc.integer({ min: 1, max: 32 }),
    nameLength: fc.integer({ min: 8, max: 63 }),
  });
  fc.assert(
    fc.property(shapes, (shape) => {
      const cluster = new Cluster(shape);
      cluster.pass(3_000);
      const [first, second] = cluster.members as [Member, Member];
      for (const [id, { name }] of cluster.config.groups.entries()) {
        cluster.input(first, { kind: "request", now: cluster.now, id, request: { verb: "clear", group: name } });
      }
      const since = cluster.now;
      cluster.pass(5_000);
      expectAllServed(cluster);
      for (const { name } of cluster.config.groups) {
        for (const member of cluster.members) expect(member.reported.get(name)).toBeGreaterThan(since);
        expect(second.node.view(cluster.now).wishes.some(({ key }) => key === `cleared/${name}`)).toBe(true);
      }
      expect(cluster.tooLarge).toBe(0);
    }),
    { numRuns: 12 },
  );
});
