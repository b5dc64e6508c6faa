/**
 * Two real cores that hear each other perfectly until one dies, one of them with the heart's recording: what the
 * tests of recordings record. Virtual time, no machine.
 */

import { instant, type Instant } from "../core/base/time.ts";
import type { ClusterConfig } from "../core/config/cluster.ts";
import { checkpointsOf, stateShape } from "../core/node/checkpoint.ts";
import type { Effect } from "../core/node/effects.ts";
import type { Input } from "../core/node/inputs.ts";
import { Node } from "../core/node/node.ts";
import { HeartRecording, type TapePart } from "./heart-recording.ts";
import { recordedConfig, type SegmentHeader } from "./segment-header.ts";

const vip = {
  kind: "vip",
  id: "www/192.0.2.10",
  address: "192.0.2.10",
  family: 4,
  prefixLength: 24,
  link: 0,
  device: undefined,
  gateways: [],
} as const;

/** As long as a real one, which looks like key material. */
const HASH = "0123456789abcdef".repeat(4);

export const PAIR: ClusterConfig = {
  cluster: "pair",
  keyFile: "/etc/understudy/pair.key",
  nodes: [
    { name: "srv1", addresses: ["192.0.2.11"] },
    { name: "srv2", addresses: ["192.0.2.12"] },
  ],
  heartbeat: { intervalMs: 100, initialWaitMs: 2_000, port: 694 },
  lease: { evidenceMs: 120, marginMs: 30 },
  arbiter: { kind: "segment" },
  gateways: ["192.0.2.1"],
  groups: [{ name: "www", prefer: ["srv1", "srv2"], failback: { kind: "never" }, requires: [], resources: [vip] }],
  everywhere: [],
  monitors: [],
};

/** When srv1 dies, and when the clock stops. */
export interface PairScript {
  readonly diesAt: number;
  readonly endsAt: number;
  /** Times at which a new segment is asked for. */
  readonly beginsAt?: readonly number[];
  /** Told to srv2 at these times; the time is filled in. */
  readonly told?: readonly { readonly at: number; readonly input: object }[];
}

/** Header of a segment of srv2. */
export function pairHeader(part: Extract<TapePart, { kind: "begin" }>): SegmentHeader {
  const { incarnation, shape, checkpoint, wall } = part;
  const begins = checkpoint === undefined ? "start" : "checkpoint";
  const known = { software: "1.0.0", shape, node: "srv2", configHash: HASH };
  return { ...known, config: recordedConfig(PAIR), incarnation, begins, wall };
}

/** Runs the two; answers what srv2's heart hands over to be recorded. */
export function recordPair({ diesAt, endsAt, beginsAt = [], told = [] }: PairScript): readonly TapePart[] {
  const parts: TapePart[] = [];
  let now = 1_000;
  const make = (node: string) => new Node({ config: PAIR, configHash: HASH, node });
  const nodes = { srv1: make("srv1"), srv2: make("srv2") };
  const recording = new HeartRecording({
    incarnation: "2".repeat(16),
    checkpoints: { shape: stateShape(), take: checkpointsOf(nodes.srv2, PAIR) },
    post: (part) => {
      parts.push(part);
    },
    wall: () => 1_700_000_000_000 + now,
  });
  const wakes = { srv1: 0, srv2: 0 };
  const queue: { at: number; to: "srv1" | "srv2"; input: object }[] = [];
  const at = (when: number, to: "srv1" | "srv2", input: object): void => void queue.push({ at: when, to, input });
  const step = (name: "srv1" | "srv2", what: object): void => {
    if (name === "srv1" && now >= diesAt) return;
    const input = { ...what, now: instant(now) } as Input;
    const { effects, wakeAt } = nodes[name].step(input);
    wakes[name] = wakeAt;
    if (name === "srv2") recording.stepped(input, effects);
    for (const effect of effects) perform(name, effect);
  };
  const perform = (name: "srv1" | "srv2", effect: Effect): void => {
    const soon = Math.round((now + 0.25) * 1_000) / 1_000;
    if (effect.kind === "send") at(soon, effect.to as "srv1", { kind: "frame", frame: effect.frame });
    if (effect.kind === "ask" && effect.address === "192.0.2.1") {
      const { link, probe, address } = effect;
      at(soon, name, { kind: "answer", link, probe, address, mac: "02:00:00:00:00:01", sentAt: instant(now) });
    }
  };
  for (const [name, digit] of [
    ["srv1", "1"],
    ["srv2", "2"],
  ] as const) {
    const known = { epochs: {}, wishes: [], gateways: [["192.0.2.1"]], handover: undefined };
    step(name, { kind: "start", incarnation: digit.repeat(16), ...known });
    step(name, { kind: "interface", link: 0, up: true, device: "eth0", mac: `02:00:00:00:01:0${digit}` });
  }
  for (const { at: when, input } of told) at(when, "srv2", input);
  const asks = [...beginsAt];
  for (let turns = 0; now < endsAt; turns++) {
    if (turns > 1_000_000) throw new Error("the pair never ends");
    queue.sort((a, b) => a.at - b.at);
    const next = queue[0];
    const wake = Math.min(wakes.srv1 <= now ? now + 0.05 : wakes.srv1, wakes.srv2 <= now ? now + 0.05 : wakes.srv2);
    if (next !== undefined && next.at <= wake) {
      queue.shift();
      now = Math.max(now, next.at);
      step(next.to, next.input);
    } else {
      now = Math.ceil(wake * 1_000) / 1_000;
      for (const name of ["srv1", "srv2"] as const) if (wakes[name] <= now) step(name, { kind: "tick" });
      if (now >= diesAt) wakes.srv1 = Number.POSITIVE_INFINITY;
    }
    recording.fed();
    if (asks[0] !== undefined && now >= asks[0]) {
      asks.shift();
      recording.askedToBegin();
    }
  }
  recording.cut(now as Instant);
  return parts;
}
