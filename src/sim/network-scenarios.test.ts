/**
 * Faults of the network by name, on small clusters: what moves, what may not, and that two gates are never open
 * together, not even where nobody could reach both.
 */

import { expect, test, vi } from "vitest";
import type { ClusterConfig } from "../core/config/cluster.ts";
import { Node } from "../core/node/node.ts";
import { gatewayAddress } from "./cluster.ts";
import type { Fault, FaultAction } from "./faults/fault.ts";
import { plainLayout, type SegmentLayout } from "./layout.ts";
import { GOOD_QUALITY } from "./network.ts";
import { runOnce, type RunReport } from "./run.ts";

// Virtual time costs real time; a busy machine gives little of it.
vi.setConfig({ testTimeout: 120_000 });

const SEEDS = 8;
const BOTH_LINKS = [0, 1];

interface Scenario {
  readonly nodes: number;
  readonly seconds: number;
  readonly faults: readonly Fault[];
  readonly layout?: SegmentLayout;
  readonly family?: 4 | 6;
}

function at(ms: number, forMs: number, action: FaultAction): Fault {
  return { at: ms, forMs, action };
}

/** One group with one address that stays where it is, preferring srv1. */
function adapted(config: ClusterConfig, family: 4 | 6): ClusterConfig {
  const [group] = config.groups;
  const [vip] = group?.resources ?? [];
  if (group === undefined || vip?.kind !== "vip") throw new Error("a drawn cluster has a group with an address");
  const address = family === 4 ? "10.0.0.100" : "fd00::100";
  const own = { ...vip, id: `www/${address}`, address, family, link: 0, prefixLength: family === 4 ? 24 : 64 };
  const prefer = config.nodes.map((node) => node.name);
  const plain = { ...group, prefer, requires: [], failback: { kind: "never" } as const };
  return { ...config, groups: [{ ...plain, resources: [{ ...own, gateways: [gatewayAddress(0, family)] }] }] };
}

function play({ nodes, seconds, faults, layout, family = 4 }: Scenario): RunReport[] {
  return Array.from({ length: SEEDS }, (_, index) => {
    const plain = layout ?? plainLayout(nodes);
    const report = runOnce({
      seed: index + 1,
      makeCore: (options) => new Node(options),
      nodes,
      links: 2,
      seconds,
      mix: "chaos",
      faults: faults.map((fault) => ({ ...fault, at: fault.at + index * 17 })),
      adapt: (config) => adapted(config, family),
      layouts: [plain, plainLayout(nodes)],
      gateways: [[gatewayAddress(0, family)], []],
    });
    expect(report.violations, `seed ${index + 1}`).toEqual([]);
    expect(report.unreachableOverlaps, `seed ${index + 1}`).toBe(0);
    return report;
  });
}

const all = (value: number) => Array.from({ length: SEEDS }, () => value);
const moves = (reports: readonly RunReport[]) => reports.map((report) => report.moves);
const gaps = (reports: readonly RunReport[]) => reports.map((report) => report.gaps);

test("heartbeats are filtered, then the holder's cable is cut too: the last answer on the wire counts, and never two gates are open", () => {
  for (const nodes of [2, 3]) {
    const filter = at(3_000, 5_000, { kind: "udp", links: BOTH_LINKS });
    const cut = at(4_500, 1_500, { kind: "cut", node: "holder", links: BOTH_LINKS, way: "both", carrier: false });
    expect(moves(play({ nodes, seconds: 9, faults: [filter, cut] }))).toEqual(all(1));
  }
});

test("heartbeats are filtered, then the holder's whole machine stands still for 60 ms: nothing moves", () => {
  const filter = at(3_000, 4_000, { kind: "udp", links: BOTH_LINKS });
  const still = at(4_500, 60, { kind: "suspend", node: "holder", room: 8 });
  expect(moves(play({ nodes: 2, seconds: 7, faults: [filter, still] }))).toEqual(all(0));
});

test("a planned move while the third node is filtered: it or the former holder serves, never two", () => {
  const filter = (node: number): Fault[] =>
    [0, 1, 2]
      .filter((other) => other !== node)
      .map((other) =>
        at(3_000, 3_000, { kind: "udp", links: BOTH_LINKS, pair: { from: node, to: other, bothWays: true } }),
      );
  for (const filtered of [1, 2]) {
    const move = at(3_001, 10, { kind: "request", node: 0, verb: { verb: "switch", group: "www", to: "srv2" } });
    play({ nodes: 3, seconds: 7, faults: [...filter(filtered), move] });
  }
});

test("the first of a pair of routers fails: its partner answers a third of a second later, and nothing moves or closes", () => {
  const layout: SegmentLayout = { ...plainLayout(3), routers: [0, 0], mode: "vrrp" };
  const reports = play({ nodes: 3, seconds: 7, layout, faults: [at(3_000, 3_000, { kind: "gateway", link: 0 })] });
  expect(moves(reports)).toEqual(all(0));
  expect(gaps(reports)).toEqual(all(0));
});

test("a trunk between the clients' switch and all others is cut and healed: nothing moves, and the clients are answered again", () => {
  const layout: SegmentLayout = { ...plainLayout(3), switches: 2, clients: [0, 1] };
  const reports = play({
    nodes: 3,
    seconds: 7,
    layout,
    faults: [at(3_000, 3_000, { kind: "trunk", links: [0], trunk: 0, way: "both" })],
  });
  expect(moves(reports)).toEqual(all(0));
});

test("nodes are isolated from each other while a second link is whole: nothing moves or closes", () => {
  const reports = play({ nodes: 3, seconds: 7, faults: [at(3_000, 3_000, { kind: "isolate", link: 0 })] });
  expect(moves(reports)).toEqual(all(0));
  expect(gaps(reports)).toEqual(all(0));
});

test("an IPv6 address moves after a power loss as an IPv4 one does, and IPv4 may be filtered meanwhile", () => {
  const death = at(3_500, 3_000, { kind: "power", node: "holder" });
  expect(moves(play({ nodes: 2, seconds: 7, family: 6, faults: [death] }))).toEqual(all(1));
  const filter = at(3_000, 4_000, { kind: "family", link: 0, family: 4 });
  expect(moves(play({ nodes: 2, seconds: 8, family: 6, faults: [filter, death] }))).toEqual(all(1));
});

test("a slow segment queues packets and drops some: nothing moves", () => {
  const slow = { packetMs: 1.5, queueMs: 20 };
  const reports = play({
    nodes: 3,
    seconds: 7,
    faults: [at(3_000, 3_000, { kind: "slow", link: 0, quality: { ...GOOD_QUALITY, slow } })],
  });
  expect(moves(reports)).toEqual(all(0));
});
