/**
 * A machine without a kernel and a core without brains, for tests and measurements of the heart alone: the
 * core sends a beat to its peer on every link, renews its gate at every frame and decides nothing else.
 */

import { type Instant, instant } from "../../core/base/time.ts";
import type { ClusterConfig, VipConfig } from "../../core/config/cluster.ts";
import { FRAME_VERSION, type Frame } from "../../core/membership/frame.ts";
import type { Effect } from "../../core/node/effects.ts";
import type { Input } from "../../core/node/inputs.ts";
import type { StepResult } from "../../core/node/node.ts";
import type { NodeView } from "../../core/node/view.ts";
import type { Device } from "../../host/ports.ts";
import type { ChoreMachine } from "./chores.ts";
import type { HeartSurroundings } from "./run.ts";

/** Two nodes that talk to each other over two addresses of the loopback device. */
export function loopbackConfig(port: number): ClusterConfig {
  const vip: VipConfig = {
    kind: "vip",
    id: "www/127.1.0.10",
    address: "127.1.0.10",
    family: 4,
    prefixLength: 8,
    link: 0,
    device: undefined,
    gateways: [],
  };
  return {
    cluster: "pretended",
    keyFile: "/nowhere",
    nodes: [
      { name: "srv1", addresses: ["127.1.0.11", "127.2.0.11"] },
      { name: "srv2", addresses: ["127.1.0.12", "127.2.0.12"] },
    ],
    heartbeat: { intervalMs: 100, initialWaitMs: 5_000, port },
    lease: { evidenceMs: 120, marginMs: 30 },
    arbiter: { kind: "segment" },
    gateways: [],
    groups: [{ name: "www", prefer: ["srv1", "srv2"], failback: { kind: "never" }, requires: [], resources: [vip] }],
    everywhere: [],
    monitors: [],
  };
}

/** Notes every operation in `did`; its clock is the process's own. */
export function pretendedMachine(
  addresses: readonly string[],
  did: (line: string) => void,
): HeartSurroundings["machine"] & ChoreMachine {
  const device: Device = {
    index: 1,
    name: "lo",
    up: true,
    carrier: true,
    mac: undefined,
    addresses: addresses.map((address) => ({ address, prefixLength: 8 })),
  };
  return {
    clock: { now: () => instant(performance.now()) },
    interfaces: {
      list: () => [device],
      gateways: () => [],
      watch: () => () => {},
      close: () => did("interfaces.close"),
    },
    gate: {
      prepare: (_, options) => did(`gate.prepare keep=${options?.keep}`),
      open: () => did("gate.open"),
      close: () => did("gate.close"),
      watch: () => () => {},
      remove: () => did("gate.remove"),
    },
    addresses: { put: () => did("addresses.put"), remove: () => did("addresses.remove") },
    neighbours: {
      listen: () => {},
      unlisten: () => {},
      follow: () => {},
      ask: () => {},
      echo: () => {},
      announce: () => {},
      announceTo: () => {},
      table: () => [],
      close: () => did("neighbours.close"),
    },
    arrivals: { collect: () => {}, handOn: () => {}, close: () => {} },
    sysctls: { protect: () => ({ ok: true }), restore: () => did("sysctls.restore") },
  };
}

/** Beats every interval on every link; with `holds` it also renews its gate at every frame. */
export class PretendedNode {
  readonly inputs: Input[] = [];
  /** Makes views fail. */
  isBlind = false;
  readonly #config: ClusterConfig;
  readonly #node: string;
  readonly #holds: boolean;
  readonly #remembers: boolean;
  #incarnation = "";
  #sequence = 0;
  #beatAt = instant(0);

  constructor(options: {
    readonly config: ClusterConfig;
    readonly node: string;
    readonly holds: boolean;
    readonly remembers: boolean;
  }) {
    this.#config = options.config;
    this.#node = options.node;
    this.#holds = options.holds;
    this.#remembers = options.remembers;
  }

  step(input: Input): StepResult {
    if (this.#remembers) this.inputs.push(input);
    if (input.kind === "start") {
      this.#incarnation = input.incarnation;
      this.#beatAt = input.now;
    }
    if (input.kind === "monitor") throw new Error("a defect in the core");
    const effects: Effect[] = [];
    if (input.kind === "request")
      effects.push({ kind: "reply", id: input.id, outcome: { kind: "done", detail: input.request.verb } });
    if (input.kind === "frame" && this.#holds)
      effects.push({ kind: "open", vips: this.#vips(), until: instant(input.now + 130) });
    if (input.now >= this.#beatAt) {
      this.#beatAt = instant(this.#beatAt + this.#config.heartbeat.intervalMs);
      this.#sequence += 1;
      for (const peer of this.#config.nodes) {
        if (peer.name === this.#node) continue;
        for (const link of peer.addresses.keys())
          effects.push({ kind: "send", to: peer.name, frame: this.#frame(link) });
      }
    }
    return { effects, wakeAt: this.#beatAt };
  }

  view(now: Instant): NodeView {
    if (this.isBlind) throw new Error("a defect in the view");
    return { node: this.#node, cluster: `seen at ${now}` } as NodeView;
  }

  #vips(): readonly VipConfig[] {
    return this.#config.groups.flatMap((g) => g.resources.filter((r) => r.kind === "vip"));
  }

  #frame(link: number): Frame {
    return {
      version: FRAME_VERSION,
      speaks: FRAME_VERSION,
      kind: "beat",
      node: this.#node,
      incarnation: this.#incarnation,
      sequence: this.#sequence,
      link,
      config: "0123456789abcdef",
      mode: "online",
      restartMs: 0,
      heard: [0, 1].map((l) => ({ link: l, incarnation: this.#incarnation, sequence: this.#sequence, ageMs: 12.3 })),
      groups: this.#config.groups.map((g) => {
        const role = this.#holds ? ("holding" as const) : ("idle" as const);
        return {
          name: g.name,
          epoch: 3,
          granted: 3,
          holder: "srv1",
          role,
          leaseMs: 130,
          eligible: true,
          reason: "",
          soft: false,
          to: undefined,
          seen: undefined,
        };
      }),
      reach: [2, 1],
      claims: [],
      claimAnswers: [],
      wishes: [],
    };
  }
}
