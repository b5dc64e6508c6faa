/** Two nodes of which one runs an older program, with real bytes between them. */

import { expect, test } from "vitest";
import { instant } from "../base/time.ts";
import type { ClusterConfig } from "../config/cluster.ts";
import { FrameCodec, type FrameSeal } from "../membership/frame-codec.ts";
import type { Effect } from "./effects.ts";
import type { Input, Verb } from "./inputs.ts";
import { Node } from "./node.ts";

/** How many there are, and the only one that carries anything. */
const LINKS = [1, 2, 3, 4].flatMap((links) => Array.from({ length: links }, (_, carrying) => ({ links, carrying })));

const configOf = (links: number): ClusterConfig => ({
  cluster: "example",
  keyFile: "/etc/understudy/cluster.key",
  nodes: [11, 12].map((host, index) => ({
    name: `srv${index + 1}`,
    addresses: Array.from({ length: links }, (_, link) => `10.0.${link}.${host}`),
  })),
  heartbeat: { intervalMs: 100, initialWaitMs: 1_000, port: 694 },
  lease: { evidenceMs: 120, marginMs: 30 },
  arbiter: { kind: "segment" },
  gateways: [],
  groups: [],
  everywhere: [],
  monitors: [],
});

/** Whoever seals with it is believed: only the versions matter here. */
const SEAL: FrameSeal = { keyId: 1, sign: () => new Uint8Array(32), verify: () => true };

/** A node with its codec; what it sends arrives at its peer at once. */
class Machine {
  readonly name: string;
  peer: Machine | undefined;
  replies: Effect[] = [];
  readonly #carrying: number;
  readonly #node: Node;
  readonly #codec: FrameCodec;

  constructor(
    name: string,
    options: { at: number; incarnation: string; speaks?: number; links?: number; carrying?: number },
  ) {
    const { at, incarnation, speaks, links = 1, carrying = 0 } = options;
    this.name = name;
    this.#carrying = carrying;
    const config = configOf(links);
    this.#node = new Node({ config, configHash: "c0ffee", node: name });
    const nodes = config.nodes.map((node) => ({ name: node.name, links }));
    this.#codec = new FrameCodec({ cluster: config.cluster, node: name, incarnation, nodes, seal: SEAL, speaks });
    const now = instant(at);
    const gateways = config.nodes[0]?.addresses.map(() => []) ?? [];
    this.give({ kind: "start", now, incarnation, epochs: {}, wishes: [], gateways, handover: undefined });
    for (let link = 0; link < links; link++) {
      this.give({
        kind: "interface",
        now,
        link,
        up: true,
        device: `eth${link}`,
        mac: `02:00:00:00:0${link}:0${name.at(-1)}`,
      });
    }
  }

  give(input: Input): void {
    for (const effect of this.#node.step(input).effects) {
      if (effect.kind === "reply") this.replies.push(effect);
      if (effect.kind !== "send" || effect.frame.link !== this.#carrying) continue;
      const bytes = this.#codec.encode(effect.frame, effect.to);
      if (bytes !== undefined) this.peer?.hear(bytes, input.now);
    }
  }

  hear(bytes: Uint8Array, now: Input["now"]): void {
    const decoded = this.#codec.decode(bytes, this.#carrying);
    if (decoded.ok) this.give({ kind: "frame", now, frame: decoded.frame });
    else this.give({ kind: "frame-rejected", now, why: decoded.why, source: "10.0.0.1" });
  }

  sees(at: number): string | undefined {
    return this.#node.view(instant(at)).peers[0]?.state;
  }
}

function join(a: Machine, b: Machine): void {
  a.peer = b;
  b.peer = a;
}

/** Time passes for both. */
function pass(machines: readonly Machine[], fromMs: number, toMs: number): void {
  for (let at = fromMs; at < toMs; at += 10) {
    for (const machine of machines) machine.give({ kind: "tick", now: instant(at) });
  }
}

function ask(machine: Machine, at: number, request: Verb): Effect | undefined {
  machine.give({ kind: "request", now: instant(at), id: 1, request });
  return machine.replies.at(-1);
}

const NEW = "00000000000000a1";
const OLD = "00000000000000b2";
const NEXT = "00000000000000c3";

test.each(LINKS)(
  "nodes of two versions find each other on link $carrying of $links, whoever was there first",
  (each) => {
    const newer = new Machine("srv1", { at: 0, incarnation: NEW, ...each });
    pass([newer], 0, 500);
    const older = new Machine("srv2", { at: 500, incarnation: OLD, speaks: 1, ...each });
    join(newer, older);
    pass([newer, older], 500, 1_500);
    expect([newer.sees(1_500), older.sees(1_500)]).toEqual(["up", "up"]);
  },
);

test("a node that comes back as an older program is heard again, and so is one that comes back as a newer", () => {
  const stays = new Machine("srv1", { at: 0, incarnation: NEW });
  const first = new Machine("srv2", { at: 0, incarnation: OLD });
  join(stays, first);
  pass([stays, first], 0, 1_000);
  for (const [index, speaks] of [1, 2].entries()) {
    const at = 2_000 + index * 2_000;
    stays.peer = undefined;
    pass([stays], at - 1_000, at);
    expect(stays.sees(at)).toBe("dead");
    const again = new Machine("srv2", { at, incarnation: `${NEXT.slice(0, -1)}${index}`, speaks });
    join(stays, again);
    pass([stays, again], at, at + 1_000);
    expect([stays.sees(at + 1_000), again.sees(at + 1_000)]).toEqual(["up", "up"]);
  }
});

test("no lease is stretched for a restart while a peer reads no frame that could tell of it", () => {
  const newer = new Machine("srv1", { at: 0, incarnation: NEW });
  const older = new Machine("srv2", { at: 0, incarnation: OLD, speaks: 1 });
  join(newer, older);
  pass([newer, older], 0, 1_500);
  const reply = ask(newer, 1_500, { verb: "restart" });
  expect(reply).toMatchObject({ outcome: { kind: "refused", problem: { code: "RESTART_NOT_AGREED" } } });
});
