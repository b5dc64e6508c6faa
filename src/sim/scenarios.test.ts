/**
 * Faults that operators know by name, on the smallest cluster: two nodes, two links, one address. Each is run
 * with several seeds, because the phase of the beats is luck. "Never two holders" and "served in the end" are
 * the checkers' business; here stand the moves that each fault may and may not cause.
 */

import { expect, test, vi } from "vitest";
import type { ClusterConfig } from "../core/config/cluster.ts";
import { Node } from "../core/node/node.ts";
import type { Fault, FaultAction, Target } from "./faults/fault.ts";
import { type Look, runOnce, type RunReport } from "./run.ts";
import type { World } from "./world.ts";

// Virtual time costs real time; a busy machine gives little of it.
vi.setConfig({ testTimeout: 120_000 });

const SEEDS = 8;
const BOTH_LINKS = [0, 1];

/** One group with one address that stays where it is, preferring srv1. */
function plain(config: ClusterConfig): ClusterConfig {
  const [group] = config.groups;
  if (group === undefined) throw new Error("a drawn cluster has a group");
  const vips = group.resources
    .filter((resource) => resource.kind === "vip")
    .slice(0, 1)
    .map((vip) => ({ ...vip, link: 0 }));
  const prefer = config.nodes.map((node) => node.name);
  return { ...config, groups: [{ ...group, prefer, requires: [], failback: { kind: "never" }, resources: vips }] };
}

function at(ms: number, forMs: number, action: FaultAction): Fault {
  return { at: ms, forMs, action };
}

function cut(node: Target, links: readonly number[], carrier: boolean): FaultAction {
  return { kind: "cut", node, links, way: "both", carrier };
}

function play(
  faults: readonly Fault[],
  seconds: number,
  nodes = 2,
  further: (config: ClusterConfig) => ClusterConfig = (config) => config,
  looks: readonly Look[] = [],
): RunReport[] {
  return Array.from({ length: SEEDS }, (_, index) => {
    const shift = index * 17;
    const shifted = faults.map((fault) => ({ ...fault, at: fault.at + shift }));
    const makeCore = (options: ConstructorParameters<typeof Node>[0]) => new Node(options);
    const adapt = (config: ClusterConfig) => further(plain(config));
    const report = runOnce({
      seed: index + 1,
      makeCore,
      nodes,
      links: 2,
      seconds,
      mix: "chaos",
      faults: shifted,
      adapt,
      looks,
    });
    expect(report.violations, `seed ${index + 1}`).toEqual([]);
    return report;
  });
}

/** Complains about addresses that nobody serves. */
function unserved(world: World): string | undefined {
  const vip = world.vips.find((one) => world.serving(one).length === 0);
  return vip === undefined ? undefined : `nobody serves ${vip.id}`;
}

const moves = (reports: readonly RunReport[]) => reports.map((report) => report.moves);
const none = Array.from({ length: SEEDS }, () => 0);
const one = Array.from({ length: SEEDS }, () => 1);

for (const carrier of [true, false]) {
  for (const forMs of [50, 200, 450, 5_000]) {
    test(`the holder is cut off for ${forMs} ms ${carrier ? "with" : "without"} carrier loss: exactly one serves afterwards`, () => {
      const reports = play([at(3_000, forMs, cut("holder", BOTH_LINKS, carrier))], 10);
      if (forMs === 50 && !carrier) expect(moves(reports)).toEqual(none);
      if (forMs >= 450) expect(moves(reports)).toEqual(one);
    });
  }
}

test("the holder's public cable is cut while the private link lives: the group moves once", () => {
  expect(moves(play([at(3_000, 3_000, cut("holder", [0], false))], 8))).toEqual(one);
});

test("only the private link is cut, or only the standby's public cable: nothing moves and nothing closes", () => {
  for (const fault of [at(3_000, 3_000, cut("holder", [1], false)), at(3_000, 3_000, cut(1, [0], false))]) {
    const reports = play([fault], 8);
    expect(moves(reports)).toEqual(none);
    expect(reports.map((report) => report.gaps)).toEqual(none);
  }
});

test("the gateway dies for all: nothing moves and nothing closes", () => {
  const reports = play([at(3_000, 3_000, { kind: "gateway", link: 0 })], 8);
  expect(moves(reports)).toEqual(none);
  expect(reports.map((report) => report.gaps)).toEqual(none);
});

test("frames are filtered both ways, then the standby is rebooted: nothing moves", () => {
  const reports = play(
    [at(3_000, 8_000, { kind: "udp", links: BOTH_LINKS }), at(5_000, 500, { kind: "power", node: 1 })],
    12,
  );
  expect(moves(reports)).toEqual(none);
});

test("one-way loss from the holder to its peer on one of two links: nothing moves and nothing closes", () => {
  for (const link of BOTH_LINKS) {
    const reports = play([at(3_000, 4_000, { kind: "pair-cut", from: 0, to: 1, link, bothWays: false })], 8);
    expect(moves(reports)).toEqual(none);
    expect(reports.map((report) => report.gaps)).toEqual(none);
  }
});

test("a holder that hears nobody is replaced although it is heard", () => {
  const deaf: FaultAction = { kind: "cut", node: "holder", links: BOTH_LINKS, way: "in", carrier: false };
  expect(moves(play([at(3_000, 4_000, deaf)], 9))).toEqual(one);
});

test("a bystander that hears nobody does not hinder the takeover of a dead holder", () => {
  const deaf: FaultAction = { kind: "cut", node: 2, links: BOTH_LINKS, way: "in", carrier: false };
  // The dead holder comes back only after the end: were the group to wait for the bystander's word, nothing would move.
  const faults = [at(3_000, 9_000, deaf), at(4_000, 8_000, { kind: "power", node: "holder" })];
  const looks = [{ at: 5_000, see: unserved }];
  expect(moves(play(faults, 9, 3, (config) => config, looks))).toEqual(one);
});

test("the holder's daemon is killed or frozen for 10 s: the peer takes over once", () => {
  expect(moves(play([at(3_000, 10_000, { kind: "kill", node: "holder" })], 14))).toEqual(one);
  expect(moves(play([at(3_000, 10_000, { kind: "freeze", node: "holder", effects: undefined })], 14))).toEqual(one);
});

test("the holder's main thread hangs: the group moves once", () => {
  expect(moves(play([at(3_000, 5_000, { kind: "stall", node: "holder" })], 10))).toEqual(one);
});

test("a daemon restarts while it holds: nothing moves and nothing closes", () => {
  const reports = play([at(3_000, 100, { kind: "request", node: "holder", verb: { verb: "restart" } })], 6);
  expect(moves(reports)).toEqual(none);
  expect(reports.map((report) => report.gaps)).toEqual(none);
});

test("the holder is moved to another host while its clock stands still: the group moves once, and the old lease is cut short", () => {
  for (const nodes of [2, 3]) {
    for (const forMs of [400, 1_000, 5_000]) {
      const reports = play([at(3_000, forMs, { kind: "migrate", node: "holder", room: 4 })], 10, nodes);
      expect(moves(reports)).toEqual(one);
      const overlaps = reports.flatMap((report) => report.overlapsMs);
      // Without being told at once, it would go on for up to a whole interval.
      expect(Math.max(0, ...overlaps)).toBeLessThan(25);
    }
  }
});

test("the holder is suspended while its clock counts on: the group moves once and is never served twice", () => {
  const reports = play([at(3_000, 2_000, { kind: "suspend", node: "holder", room: 4 })], 8);
  expect(moves(reports)).toEqual(one);
  expect(reports.flatMap((report) => report.overlapsMs)).toEqual([]);
});

test("wall clocks are set by seconds and years: every node does the same as without", () => {
  const steps = [1_500, -86_400_000, 3e11, -1e11].map((stepMs, index) =>
    at(2_500 + index * 500, 100, { kind: "clock", node: index % 2, stepMs }),
  );
  const kill = at(5_000, 1_000, { kind: "kill", node: "holder" });
  const [still, stepped] = [play([kill], 8), play([...steps, kill], 8)];
  const facts = (reports: readonly RunReport[]) =>
    reports.map(({ steps: taken, moves: moved, requests }) => ({ taken, moved, requests }));
  expect(facts(stepped)).toEqual(facts(still));
});

test("a disk is full, and daemons restart with nobody to tell them: epochs grow all the same", () => {
  const alone = at(1_600, 12_000, { kind: "power", node: 1 });
  const full = at(1_600, 12_000, { kind: "disk", node: 0, state: "full" });
  // Each lapse raises the epoch, and each kill forgets what is only in the process.
  const lapses = [4_000, 5_500, 9_500].map((ms) => at(ms, 500, cut(0, BOTH_LINKS, false)));
  const kills = [7_000, 11_000].map((ms) => at(ms, 200, { kind: "kill", node: 0 }));
  play([alone, full, ...lapses, ...kills], 14);
});

test("a new cluster file is put on one node after another, and the old one back: nobody serves twice, all agree in the end", () => {
  for (const change of ["prefer", "failback", "address", "group"] as const) {
    for (const how of ["restart", "kill"] as const) {
      play([at(3_000, 4_000, { kind: "reload", node: 0, change, how })], 12, 3);
    }
  }
});

test("operators contradict each other in haste: somebody serves, and never two", () => {
  const standby = (node: string) => ({ verb: "standby", node }) as const;
  const online = (node: string) => ({ verb: "online", node }) as const;
  const commands = [
    { afterMs: 0, node: 0, verb: standby("srv1") },
    { afterMs: 1, node: 1, verb: standby("srv2") },
    { afterMs: 2, node: 0, verb: online("srv1") },
    { afterMs: 3, node: 1, verb: { verb: "maintenance", on: true } as const },
    { afterMs: 4, node: 0, verb: { verb: "restart" } as const },
    { afterMs: 4, node: 0, verb: { verb: "restart" } as const },
    { afterMs: 300, node: 1, verb: { verb: "maintenance", on: false } as const },
    { afterMs: 301, node: 1, verb: online("srv2") },
  ];
  play([at(3_000, 1_000, { kind: "commands", node: 0, commands })], 8);
});

test("the holder of three goes to standby, or leaves: the group moves once", () => {
  expect(
    moves(play([at(3_000, 100, { kind: "request", node: 0, verb: { verb: "standby", node: "srv1" } })], 6, 3)),
  ).toEqual(one);
  expect(moves(play([at(3_000, 1_000, { kind: "leave", node: "holder" })], 6, 3))).toEqual(one);
});

test("an ARP responder that answers for everything does not keep the site down after power loss", () => {
  for (const kind of ["stranger", "fabric"] as const) {
    const reports = play([at(3_000, 5_000, { kind, link: 0 }), at(4_000, 4_500, { kind: "power", node: "holder" })], 9);
    expect(moves(reports)).toEqual(one);
  }
});

test("the holder is cut off, then the standby is brought online by hand: one of them serves, never both", () => {
  const standby: FaultAction = { kind: "request", node: 0, verb: { verb: "standby", node: "srv2" } };
  const online: FaultAction = { kind: "request", node: 1, verb: { verb: "online", node: "srv2" } };
  play([at(2_500, 10, standby), at(3_500, 2_000, cut(0, BOTH_LINKS, false)), at(4_500, 10, online)], 8);
});

test("a daemon restarts while it holds, and is cut off right after its return: never two holders", () => {
  const restart: FaultAction = { kind: "request", node: "holder", verb: { verb: "restart" } };
  for (const pauseMs of [950, 1_100, 1_400]) {
    play([at(3_000, 10, restart), at(3_000 + pauseMs, 400, cut("holder", BOTH_LINKS, false))], 7);
  }
});

test("a daemon asked to restart while its peers cannot be heard stretches no lease", () => {
  const restart: FaultAction = { kind: "request", node: "holder", verb: { verb: "restart" } };
  const filter: FaultAction = { kind: "udp", links: BOTH_LINKS };
  play([at(3_000, 3_000, filter), at(3_500, 10, restart), at(3_600, 800, cut("holder", BOTH_LINKS, false))], 7);
});

test("a daemon comes back from its restart while another holder is cut off: it takes nothing within that one's lease", () => {
  const restart: FaultAction = { kind: "request", node: 1, verb: { verb: "restart" } };
  for (let pauseMs = 100; pauseMs <= 1_000; pauseMs += 225) {
    const cutOff = at(3_000 + pauseMs, 220, cut(0, BOTH_LINKS, false));
    const reports = play([at(3_000, 10, restart), cutOff], 6, 2, withSecondGroup);
    expect(reports.map((report) => report.unreachableOverlaps)).toEqual(none);
  }
});

test("frames are filtered and a stranger answers for everything: never two holders", () => {
  const faults = [
    at(3_000, 4_000, { kind: "udp", links: BOTH_LINKS }),
    at(3_200, 3_500, { kind: "stranger", link: 0 }),
  ];
  play([...faults, at(4_000, 400, { kind: "freeze", node: "holder", effects: undefined })], 8, 3);
});

test("frames are filtered and daemons restart, so that hardware addresses are not known: never two holders", () => {
  const filter = at(3_000, 6_000, { kind: "udp", links: BOTH_LINKS });
  const reboot = at(3_500, 500, { kind: "power", node: 1 });
  play(
    [filter, reboot, at(3_600, 200, { kind: "kill", node: 2 }), at(6_500, 800, { kind: "power", node: "holder" })],
    9,
    3,
  );
});

test("a service starts between winning and opening while frames are filtered: never two holders", () => {
  const filter = at(3_000, 4_000, { kind: "udp", links: BOTH_LINKS });
  play([filter, at(4_000, 2_000, { kind: "stall", node: "holder" })], 8, 3, withService);
});

/** The same with a program that takes a while to start. */
function withService(config: ClusterConfig): ClusterConfig {
  const command = { argv: ["/usr/bin/app"], timeoutMs: 1_000 };
  const program = { start: command, stop: command, status: undefined, everyMs: 1_000, attempts: 3 };
  const groups = config.groups.map((group) => {
    const service = { kind: "service" as const, id: `${group.name}/app`, name: "app", ...program };
    return { ...group, resources: [...group.resources, service] };
  });
  return { ...config, groups };
}

/** A second group, at home on the second node. */
function withSecondGroup(config: ClusterConfig): ClusterConfig {
  const [group] = config.groups;
  const [vip] = group?.resources ?? [];
  if (group === undefined || vip?.kind !== "vip") throw new Error("the group has an address");
  const second = { ...vip, id: "second/10.0.0.200", address: "10.0.0.200" };
  return { ...config, groups: [group, { ...group, name: "second", prefer: ["srv2", "srv1"], resources: [second] }] };
}
