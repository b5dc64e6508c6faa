/**
 * Schedules written for mutants that chance finds too rarely: the few faults that take away every other rule which
 * covers for the broken one, at instants that the seed shifts. The unbroken core passes them with every seed that a
 * mutant may use; the campaign checks that.
 */

import type { ClusterConfig, FailbackConfig, ServiceConfig } from "../../core/config/cluster.ts";
import type { Verb } from "../../core/node/inputs.ts";
import type { Fault, FaultAction, Target } from "../faults/fault.ts";
import { APP } from "../fixtures/app.ts";
import { plainLayout } from "../layout.ts";
import { GOOD_QUALITY } from "../network.ts";
import type { Look, RunOptions } from "../run.ts";

type Drawn = Omit<RunOptions, "makeCore">;

const BOTH = [0, 1];

/** One group with one address that stays where it is, preferring srv1; what else a trial needs is added. */
function plain(config: ClusterConfig, extra: Extra): ClusterConfig {
  const [group] = config.groups;
  if (group === undefined) throw new Error("a drawn cluster has a group");
  const vip = group.resources.find((resource) => resource.kind === "vip");
  if (vip === undefined) throw new Error("a drawn group has an address");
  const resources = [{ ...vip, link: 0 }, ...(extra.service === undefined ? [] : [extra.service])];
  const prefer = config.nodes.map((node) => node.name);
  const { failback = { kind: "never" }, requires = [] } = extra;
  return { ...config, groups: [{ ...group, prefer, requires, failback, resources }] };
}

interface Extra {
  readonly failback?: FailbackConfig;
  readonly requires?: readonly string[];
  readonly service?: ServiceConfig;
}

interface Trial extends Extra {
  readonly nodes: number;
  readonly seconds: number;
  /** `shift` milliseconds, 0 to 100, are added to every time. */
  readonly faults: readonly Fault[] | ((seed: number) => readonly Fault[]);
  readonly looks?: readonly Look[];
  /** Routers of each link; otherwise the seed decides. */
  readonly gateways?: readonly (readonly string[])[];
}

function at(ms: number, forMs: number, action: FaultAction): Fault {
  return { at: ms, forMs, action };
}

function cut(node: Target, links: readonly number[]): FaultAction {
  return { kind: "cut", node, links, way: "both", carrier: false };
}

function ask(node: Target, verb: Verb): FaultAction {
  return { kind: "request", node, verb };
}

/** Who must, or must not, serve at an instant; `nobody` and `somebody` are meant so. */
function expectServer(ms: number, expected: { by?: string; notBy?: string }, because: string): Look {
  return {
    at: ms,
    see: (world) => {
      const [vip] = world.vips;
      const servers = vip === undefined ? [] : world.serving(vip).map((machine) => machine.name);
      const { by, notBy } = expected;
      const isRight =
        (by === undefined ||
          (by === "somebody" ? servers.length > 0 : by === "nobody" ? servers.length === 0 : servers.includes(by))) &&
        (notBy === undefined || !servers.includes(notBy));
      return isRight ? undefined : `${servers.join(" and ") || "nobody"} serves, but ${because}`;
    },
  };
}

/** Every client must send what is for the address to who serves it. */
function expectClients(ms: number): Look {
  return {
    at: ms,
    see: (world) => {
      const [vip] = world.vips;
      if (vip === undefined) return "there is no address";
      const clients = world.observers.on(0).filter(({ isRouter }) => !isRouter);
      const lost = clients.filter((client) => world.observers.answerer(client, vip) === undefined);
      return lost.length === 0 ? undefined : `${lost.map(({ name }) => name).join(", ")} cannot find ${vip.id}`;
    },
  };
}

const FILTERED: FaultAction = { kind: "udp", links: BOTH };

const TRIALS: Readonly<Record<string, Trial>> = {
  /** Survivors that cannot ask each other over the public segment, slow on the other, and both find it their turn. */
  "isolated survivors": {
    nodes: 3,
    seconds: 5,
    requires: ["web"],
    faults: (seed) => [
      at(2_500, 3_500, { kind: "pair-cut", from: 1, to: 2, link: 0, bothWays: true }),
      at(2_500, 3_500, { kind: "quality", link: 1, quality: { ...GOOD_QUALITY, delayMin: 50, delayMax: 70 } }),
      at(2_500, 620 + ((seed * 7) % 150), { kind: "monitor", node: 1 }),
      at(3_000, 2_500, { kind: "power", node: 0 }),
    ],
  },
  /** Two survivors that hear each other on no link, and a third that hears both: its grants decide. */
  "third hears both": {
    nodes: 4,
    seconds: 5,
    faults: [
      ...BOTH.map((link) => at(2_500, 3_500, { kind: "pair-cut", from: 1, to: 2, link, bothWays: true })),
      at(3_000, 2_500, { kind: "power", node: 0 }),
    ],
  },
  /** Frames are filtered while ARP passes: only the wire tells who serves. */
  filtered: {
    nodes: 2,
    seconds: 5,
    faults: [at(2_500, 3_000, FILTERED)],
  },
  /** Two switches lose each other: the holder and a peer on one side, the gateway on the other. */
  "split off holder": {
    nodes: 3,
    seconds: 5,
    faults: [at(3_000, 1_200, { kind: "split", links: BOTH, parts: [[], [0, 1]], way: "both" })],
  },
  /** Two halves of a segment that has no gateway. */
  "halves without a gateway": {
    nodes: 4,
    seconds: 5,
    gateways: [[], []],
    faults: [at(3_000, 1_200, { kind: "split", links: BOTH, parts: [[], [2, 3]], way: "both" })],
  },
  /** The same, and the holder's daemon stands still for less than its gate is open: answers wait in its sockets. */
  "filtered and frozen": {
    nodes: 2,
    seconds: 6,
    faults: (seed) => [
      at(2_500, 4_000, FILTERED),
      ...[3_000, 3_800, 4_600, 5_400].map((ms, index) =>
        at(ms, 60 + ((seed * 13 + index * 29) % 130), { kind: "freeze", node: "holder", effects: undefined }),
      ),
    ],
  },
  /** A daemon restarts with a stated end, and is cut off meanwhile. */
  "restart and cut": {
    nodes: 3,
    seconds: 5,
    faults: [at(3_000, 10, ask(0, { verb: "restart" })), at(3_100, 700, cut(0, BOTH))],
  },
  /** The standby is cut off for a while: it hears neither the holder nor its answers. */
  "cut standby": {
    nodes: 2,
    seconds: 5,
    faults: (seed) => [at(3_000, 300 + ((seed * 37) % 400), cut(1, BOTH))],
  },
  /** A daemon is to restart while its peer cannot be heard, and is then cut off. */
  "restart unheard": {
    nodes: 2,
    seconds: 5,
    faults: [at(3_000, 10, ask(0, { verb: "restart" })), at(2_999, 2_500, FILTERED), at(3_100, 1_200, cut(0, BOTH))],
  },
  /** The holder's main thread hangs, and nothing can stop its service. */
  "stall with a service": {
    nodes: 2,
    seconds: 6,
    service: APP,
    faults: [at(3_000, 4_000, { kind: "stall", node: 0 })],
    looks: [expectServer(5_500, { by: "srv2" }, "the main thread of srv1 has hung for two seconds")],
  },
  /** The network answers ARP for the dead holder. */
  fabric: {
    nodes: 2,
    seconds: 6,
    faults: [at(2_500, 4_500, { kind: "fabric", link: 0 }), at(3_500, 3_000, { kind: "power", node: 0 })],
    looks: [expectServer(5_000, { by: "srv2" }, "a fabric that answers for the dead must not silence the site")],
  },
  /** The holder's public cable is cut: the other one is better connected. */
  "public cable": {
    nodes: 2,
    seconds: 6,
    faults: [at(3_000, 3_000, cut(0, [0]))],
    looks: [expectServer(4_500, { by: "srv2" }, "srv1 is cut off from the public network")],
  },
  standby: {
    nodes: 2,
    seconds: 5,
    faults: [at(3_000, 10, ask(0, { verb: "standby", node: "srv1" }))],
    looks: [expectServer(4_500, { by: "srv2" }, "srv1 was told to stand by")],
  },
  "old standby": {
    nodes: 2,
    seconds: 5,
    faults: [
      at(2_700, 10, ask(0, { verb: "standby", node: "srv1" })),
      at(3_000, 10, ask(1, { verb: "online", node: "srv1" })),
      at(3_300, 10, ask(1, { verb: "standby", node: "srv2" })),
    ],
    looks: [expectServer(4_800, { by: "srv1" }, "srv1 is online again and srv2 stands by")],
  },
  maintenance: {
    nodes: 2,
    seconds: 6,
    faults: [at(2_800, 10, ask(0, { verb: "maintenance", on: true })), at(3_200, 3_000, { kind: "power", node: 0 })],
    looks: [expectServer(5_000, { by: "nobody" }, "nothing moves during maintenance")],
  },
  /** A group's service cannot be started on its first node. */
  barred: {
    nodes: 2,
    seconds: 8,
    service: APP,
    failback: { kind: "auto" },
    faults: [
      at(1_500, 9_000, { kind: "service", node: 0, mood: "fails-to-start" }),
      at(2_600, 300, { kind: "services-die", node: 0 }),
    ],
    looks: [4_800, 5_500, 6_200, 6_900, 7_600].map((ms) =>
      expectServer(ms, { by: "srv2" }, "its service cannot be started on srv1"),
    ),
  },
  "failback never": {
    nodes: 2,
    seconds: 8,
    faults: [at(3_000, 300, { kind: "power", node: 0 })],
    looks: [expectServer(8_000, { by: "srv2" }, "failback is never")],
  },
  "failback waits": {
    nodes: 2,
    seconds: 8,
    failback: { kind: "after", ms: 4_000 },
    faults: [at(3_000, 300, { kind: "power", node: 0 })],
    looks: [expectServer(7_000, { by: "srv2" }, "home must be well for four seconds first")],
  },
  /** A required monitor fails on every node. */
  "all sick": {
    nodes: 2,
    seconds: 6,
    requires: ["web"],
    faults: [0, 1].map((node) => at(3_200 - 200 * node, 3_000, { kind: "monitor", node })),
    looks: [expectServer(4_500, { by: "srv1" }, "a monitor that fails everywhere moves nothing")],
  },
  "holder sick": {
    nodes: 2,
    seconds: 6,
    requires: ["web"],
    faults: [at(3_000, 3_000, { kind: "monitor", node: 0 })],
    looks: [expectServer(4_500, { by: "srv2" }, "a required monitor fails on srv1")],
  },
  /** The holder's monitor fails, and the other node runs another cluster file. */
  "other file": {
    nodes: 2,
    seconds: 8,
    requires: ["web"],
    faults: [at(2_800, 5_000, { kind: "config", node: 1 }), at(5_000, 2_000, { kind: "monitor", node: 0 })],
    looks: [expectServer(6_500, { by: "srv1" }, "srv2 runs another cluster file: no planned move goes there")],
  },
  /** A group moves to and fro until the reserved epochs are used up, and both daemons die. */
  "many moves": {
    nodes: 2,
    seconds: 150,
    requires: ["web"],
    failback: { kind: "auto" },
    faults: [
      ...Array.from({ length: 140 }, (_, index) => at(2_500 + index * 1_000, 400, { kind: "monitor", node: 0 })),
      at(146_000, 200, { kind: "kill", node: 0 }),
      at(146_050, 200, { kind: "kill", node: 1 }),
    ],
  },
  /** The holder dies for good while its daemon's next self has taken its lease over. */
  "restart and power": {
    nodes: 2,
    seconds: 4,
    faults: [at(3_000, 10, ask(0, { verb: "restart" })), at(4_150, 2_000, { kind: "power", node: 0 })],
    looks: [expectServer(4_700, { by: "srv2" }, "srv1 lost its power, and its gates depended on its own evidence")],
  },
  /** The holder dies; everybody on the segment must learn where its address is now. */
  takeover: {
    nodes: 2,
    seconds: 4,
    faults: [at(3_000, 2_500, { kind: "power", node: 0 })],
    looks: [expectClients(3_800)],
  },
  /** A group that could not be started on its first node goes home when an operator clears it. */
  cleared: {
    nodes: 2,
    seconds: 9,
    service: APP,
    failback: { kind: "auto" },
    faults: [
      at(1_500, 3_500, { kind: "service", node: 0, mood: "fails-to-start" }),
      at(2_600, 300, { kind: "services-die", node: 0 }),
      at(6_500, 10, ask(1, { verb: "clear", group: "www" })),
    ],
    looks: [
      expectServer(6_400, { by: "srv2" }, "srv1 is barred"),
      expectServer(8_500, { by: "srv1" }, "srv1 was cleared"),
    ],
  },
  /** Somebody sends what he captured, while nodes start anew and the holder dies. */
  replay: {
    nodes: 2,
    seconds: 8,
    faults: [
      at(2_200, 100, { kind: "kill", node: 1 }),
      at(2_600, 6_000, { kind: "noise", everyMs: 3 }),
      at(3_200, 600, { kind: "power", node: 0 }),
      at(6_000, 3_000, { kind: "power", node: 1 }),
    ],
    looks: [
      expectServer(3_700, { by: "srv2" }, "srv1, which held it, lost its power"),
      expectServer(6_700, { by: "srv1" }, "srv2, which held it, lost its power"),
    ],
  },
  /** A service of the holder died and cannot be started; between two attempts the daemon is frozen. */
  "frozen retry": {
    nodes: 2,
    seconds: 6,
    service: APP,
    faults: (seed) => [
      at(2_900, 3_000, { kind: "service", node: 0, mood: "fails-to-start" }),
      at(3_000, 10, { kind: "services-die", node: 0 }),
      at(3_100 + ((seed * 53) % 1_500), 1_100, { kind: "freeze", node: 0, effects: undefined }),
    ],
  },
  /** The holder dies, and somebody who hears nobody is heard: nobody waits for his word. */
  "deaf bystander": {
    nodes: 3,
    seconds: 6,
    faults: [
      at(3_000, 5_000, { kind: "cut", node: 2, links: BOTH, way: "in", carrier: false }),
      at(4_000, 4_000, { kind: "power", node: 0 }),
    ],
    looks: [expectServer(5_000, { by: "srv2" }, "srv1 lost its power, and srv3 cannot answer")],
  },
  /** Nodes that do not hear each other are told of maintenance: one that it ends, the other that it begins. */
  "wishes that cross": {
    nodes: 2,
    seconds: 7,
    faults: [
      at(2_500, 10, ask(0, { verb: "maintenance", on: true })),
      at(2_900, 800, FILTERED),
      at(3_300, 10, ask(0, { verb: "maintenance", on: false })),
      at(3_300, 10, ask(1, { verb: "maintenance", on: true })),
      at(4_500, 3_000, { kind: "power", node: 0 }),
    ],
    looks: [expectServer(6_000, { by: "srv2" }, "maintenance was ended, and srv1 lost its power")],
  },
  /** The holder's clock stands still while the group moves: when it runs again, the other tells it at once. */
  migrated: {
    nodes: 2,
    seconds: 6,
    faults: [at(3_000, 1_000, { kind: "migrate", node: 0, room: 0 })],
    looks: [expectServer(4_030, { by: "srv2", notBy: "srv1" }, "srv1 was to hear at once that it was replaced")],
  },
  /** Packets are lost while and after the group moves: one announcement is not enough. */
  "lossy takeover": {
    nodes: 2,
    seconds: 4,
    faults: [
      at(2_900, 600, { kind: "quality", link: 0, quality: { ...GOOD_QUALITY, loss: 0.6 } }),
      at(3_000, 2_500, { kind: "power", node: 0 }),
    ],
    looks: [expectClients(4_900)],
  },
};

/** Names of the trials. */
export const TRIAL_NAMES: readonly string[] = Object.keys(TRIALS);

/** What to run for a seed: what the seed draws, or the trial of that name. */
export function optionsOf(name: string | undefined, seed: number): Drawn {
  if (name === undefined) return { seed };
  const trial = TRIALS[name];
  if (trial === undefined) throw new Error(`there is no trial "${name}"`);
  const { nodes, seconds, looks = [] } = trial;
  const shift = (seed * 17) % 101;
  const shifted = <T extends { at: number }>(list: readonly T[]): T[] =>
    list.map((each) => ({ ...each, at: each.at + shift }));
  const faults = shifted(typeof trial.faults === "function" ? trial.faults(seed) : trial.faults);
  const layouts = [plainLayout(nodes), plainLayout(nodes)];
  const adapt = (config: ClusterConfig): ClusterConfig => plain(config, trial);
  const drawn: Drawn = { seed, nodes, links: 2, seconds, mix: "chaos", faults, looks: shifted(looks), layouts, adapt };
  return trial.gateways === undefined ? drawn : { ...drawn, gateways: trial.gateways };
}
