/**
 * How each fault of a chaos run is inflicted on a lab, and undone alone, without touching another fault that goes on
 * meanwhile. What cannot be undone now (a daemon to be thawed on a node without power) is left to the end of the phase,
 * when everything is put right.
 */

import { rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { RequestAnswer, Verb } from "../../api/types.ts";
import { labProgram } from "../child-observer.ts";
import { pause } from "../clock.ts";
import { heal } from "../faults/catalog.ts";
import { dropCables } from "../faults/wire.ts";
import type { Lab } from "../lab.ts";
import type { LabNode } from "../lab-node.ts";
import { brokenFile } from "../nginx-config.ts";
import { CLIENT, GATEWAY, PUBLIC_VIP } from "../plan.ts";
import type { KindName } from "./kinds.ts";
import type { PlannedFault } from "./schedule.ts";

/** A fault whose time has come. */
export interface Strike {
  readonly lab: Lab;
  readonly fault: PlannedFault;
  /** Whom it hits; for a fault that hits everybody, the one who is asked first. */
  readonly node: LabNode;
}

interface Deed {
  readonly inflict: (strike: Strike) => Promise<unknown>;
  readonly undo?: (strike: Strike) => Promise<unknown>;
}

/** An operator does not wait longer for an answer than this. */
const ASK_LIMIT_MS = 3_000;
const GROUP = "www";
const CLUSTER_PORT = 694;
const CLOCK_STEP_MS = 3_600_000;
const ADDED_FOR_S = 3;
const NOISE_DATAGRAMS = 100;

/** Preloaded into the daemons, steps the wall clock that they see; the file holds milliseconds. */
export const STEPPED_CLOCK = {
  preload: pathToFileURL(labProgram(new URL("../fixtures/stepped-clock.ts", import.meta.url))).href,
  file: "/run/clock-step",
} as const;

function clockFile(node: LabNode): string {
  return join(node.paths.directory, "run/clock-step");
}

/** Name by which the wire faults of one strike are ended alone. */
function causeOf({ fault }: Strike): string {
  return `chaos-${fault.id}`;
}

function endWire(strike: Strike): Promise<unknown> {
  return strike.lab.call("clearWireFaults", { cause: causeOf(strike) });
}

/** The cable carries on, also when the carrier of another fault was lost meanwhile. */
function plugIn({ lab, node }: Strike): Promise<unknown> {
  return lab.call("setCarrier", { node: node.name, links: node.plan.cables.map(({ link }) => link), up: true });
}

/** Asks nodes one after the other until one answers; a refusal is an answer. */
async function order(lab: Lab, verb: Verb, first: string): Promise<RequestAnswer> {
  const names = [first, ...lab.nodes.map(({ name }) => name).filter((name) => name !== first)];
  let late: Error | undefined;
  let last: Error | undefined;
  for (const name of names) {
    try {
      return (await lab.ask(name, "POST", "/v1/requests", verb, { timeoutMs: ASK_LIMIT_MS })) as RequestAnswer;
    } catch (error) {
      last = error as Error;
      if (isLate(last)) late = last;
      // Whoever did not answer in time may have followed the order, and a refusal now may be about just that.
      else if (/: 409 /.test(last.message)) throw late ?? last;
    }
  }
  throw late ?? last ?? new Error("there is nobody to be asked");
}

/** Nobody answered in time; what was asked for may yet be done. */
export function isLate(error: Error): boolean {
  return /did not answer/.test(error.message);
}

/** Runs a command in a member; throws with its words when it fails. */
async function must(lab: Lab, member: string, ...argv: readonly string[]): Promise<void> {
  const { code, stderr } = await lab.run(member, argv, { timeoutMs: 10_000 });
  if (code !== 0) throw new Error(`${argv.join(" ")}: ${stderr.trim()}`);
}

/** On the one member that never loses its power; it is the machine that suffers. Ends by its own time limit. */
function hog({ lab, fault }: Strike): Promise<void> {
  const seconds = String(fault.durationMs / 1_000);
  for (let processor = 0; processor < availableParallelism(); processor += 1) {
    // Ended with the member at the latest; how it ended tells nothing.
    void lab.run(CLIENT, ["timeout", "-s", "KILL", seconds, "sh", "-c", "while :; do :; done"]).catch(() => {});
  }
  return Promise.resolve();
}

async function beLate(strike: Strike): Promise<void> {
  const { lab } = strike;
  const options = { port: CLUSTER_PORT, delayMs: [1, 40] as const, duplicatePercent: 50, duplicateAfterMs: 30 };
  await lab.call("relay", { options });
  const loss = { kind: "heartbeats" } as const;
  const cables = lab.plan.nodes.flatMap((node) => node.cables);
  await lab.call("addWireFaults", {
    faults: dropCables(cables, { loss, direction: "from-node", cause: causeOf(strike) }),
  });
}

function silenceGateway({ lab }: Strike): Promise<unknown> {
  const rules = `table arp chaos { chain output { type filter hook output priority 0; arp saddr ip ${GATEWAY} drop; }; }`;
  return must(lab, CLIENT, "nft", rules);
}

function makeNoise({ lab, node }: Strike): Promise<unknown> {
  const address = node.plan.cables[0]?.addresses[0]?.split("/")[0] ?? "";
  return lab.makeNoise(CLIENT, { address, port: CLUSTER_PORT, count: NOISE_DATAGRAMS, bytes: 300 });
}

async function flush({ lab, node }: Strike): Promise<void> {
  await must(lab, node.name, "nft", "flush", "ruleset");
  // Without our guard there is no such discipline, and nothing to delete.
  await lab.run(node.name, ["tc", "qdisc", "del", "dev", "eth0", "clsact"]);
}

const DEEDS: Readonly<Record<KindName, Deed>> = {
  "power-off": { inflict: ({ node }) => node.powerOff(), undo: ({ node }) => node.powerOn() },
  kill: { inflict: ({ node }) => node.killDaemon(), undo: ({ node }) => node.startDaemon() },
  freeze: { inflict: ({ node }) => node.freeze(), undo: ({ node }) => node.thaw() },
  block: { inflict: ({ node }) => node.blockMainThread() },
  "stop-daemon": { inflict: ({ node }) => node.stopDaemon(), undo: ({ node }) => node.startDaemon() },
  unplug: { inflict: ({ node }) => node.cut({ carrier: true }), undo: plugIn },
  "unplug-public": { inflict: ({ node }) => node.cut({ carrier: true, link: "public" }), undo: plugIn },
  "unplug-private": { inflict: ({ node }) => node.cut({ carrier: true, link: "private" }), undo: plugIn },
  silence: { inflict: (strike) => strike.node.cut({ carrier: false, cause: causeOf(strike) }), undo: endWire },
  "silence-public": {
    inflict: (strike) => strike.node.cut({ carrier: false, link: "public", cause: causeOf(strike) }),
    undo: endWire,
  },
  "silence-private": {
    inflict: (strike) => strike.node.cut({ carrier: false, link: "private", cause: causeOf(strike) }),
    undo: endWire,
  },
  deaf: {
    inflict: (strike) => strike.node.cut({ carrier: false, direction: "to-node", cause: causeOf(strike) }),
    undo: endWire,
  },
  mute: {
    inflict: (strike) => strike.node.cut({ carrier: false, direction: "from-node", cause: causeOf(strike) }),
    undo: endWire,
  },
  "lose-30": {
    inflict: (strike) => strike.node.lose({ loss: { kind: "share", percent: 30 }, cause: causeOf(strike) }),
    undo: endWire,
  },
  "block-694": {
    inflict: (strike) => strike.node.lose({ loss: { kind: "cluster-port" }, cause: causeOf(strike) }),
    undo: endWire,
  },
  late: {
    inflict: beLate,
    undo: async (strike) => {
      await endWire(strike);
      await strike.lab.call("relay", {});
    },
  },
  replay: {
    inflict: ({ lab }) => lab.call("record", { port: CLUSTER_PORT }),
    undo: ({ lab }) => lab.call("replay", { times: 2 }),
  },
  noise: { inflict: makeNoise },
  gateway: {
    inflict: silenceGateway,
    undo: ({ lab }) => must(lab, CLIENT, "nft", "delete table arp chaos"),
  },
  nginx: { inflict: ({ node }) => node.stopNginx(), undo: ({ node }) => node.startNginx() },
  "nginx-hangs": {
    inflict: ({ lab, node }) => lab.call("signal", { node: node.name, program: "nginx", signal: "SIGSTOP" }),
    undo: ({ lab, node }) => lab.call("signal", { node: node.name, program: "nginx", signal: "SIGCONT" }),
  },
  "nginx-500": {
    inflict: async ({ node }) => writeFileSync(brokenFile(node.paths.nginxDirectory), ""),
    undo: async ({ node }) => rmSync(brokenFile(node.paths.nginxDirectory), { force: true }),
  },
  "disk-full": {
    inflict: ({ lab, node }) => lab.call("fillDisk", { node: node.name }),
    undo: ({ lab, node }) => lab.call("emptyDisk", { node: node.name }),
  },
  "clock-step": {
    inflict: async ({ node, fault }) =>
      writeFileSync(clockFile(node), String(fault.id % 2 === 0 ? CLOCK_STEP_MS : -CLOCK_STEP_MS)),
    undo: async ({ node }) => rmSync(clockFile(node), { force: true }),
  },
  switch: {
    inflict: ({ lab, node, fault }) => order(lab, { verb: "switch", group: GROUP, to: fault.other }, node.name),
  },
  standby: {
    inflict: ({ lab, node, fault }) => order(lab, { verb: "standby", node: node.name }, fault.other),
    undo: ({ lab, node, fault }) => order(lab, { verb: "online", node: node.name }, fault.other),
  },
  maintenance: {
    inflict: ({ lab, fault }) => order(lab, { verb: "maintenance", on: true }, fault.other),
    undo: ({ lab, fault }) => order(lab, { verb: "maintenance", on: false }, fault.other),
  },
  restart: {
    // No other node may be asked instead: who is asked restarts.
    inflict: ({ lab, node }) =>
      lab.ask(node.name, "POST", "/v1/requests", { verb: "restart" }, { timeoutMs: ASK_LIMIT_MS }),
  },
  clear: { inflict: ({ lab, node }) => order(lab, { verb: "clear", group: GROUP }, node.name) },
  flush: { inflict: flush },
  "drop-address": {
    inflict: ({ lab, node }) => must(lab, node.name, "ip", "address", "del", `${PUBLIC_VIP}/32`, "dev", "eth0"),
  },
  "add-address": {
    inflict: ({ lab, node }) => {
      const lifetime = ["valid_lft", String(ADDED_FOR_S), "preferred_lft", String(ADDED_FOR_S)];
      return must(lab, node.name, "ip", "address", "add", `${PUBLIC_VIP}/32`, "dev", "eth0", ...lifetime);
    },
  },
  "new-device": { inflict: ({ node }) => node.replaceDevice("public") },
  hogs: { inflict: hog },
};

/** Inflicts it. Throws with the reason when it is not possible now. */
export async function inflict(strike: Strike): Promise<void> {
  await DEEDS[strike.fault.name].inflict(strike);
}

/** Undoes it. Throws when it cannot be undone now; `putRight` will. */
export async function undo(strike: Strike): Promise<void> {
  await DEEDS[strike.fault.name].undo?.(strike);
}

/** What operators did that lasts until they undo it. */
export interface Wishes {
  readonly standby: ReadonlySet<string>;
  readonly maintenance: boolean;
}

const WISH_LIMIT_MS = 15_000;
const WISH_EVERY_MS = 250;

/** Puts everything right, whatever was done and left undone. Does not wait for calm. */
export async function putRight(lab: Lab, wishes: Wishes): Promise<void> {
  await lab.call("relay", {});
  // Nothing to delete when the gateway was not silenced.
  await lab.run(CLIENT, ["nft", "delete table arp chaos"]);
  await Promise.all(lab.nodes.map((node) => putNodeRight(lab, node)));
  await heal(lab);
  if (wishes.maintenance) await insist(lab, { verb: "maintenance", on: false });
  for (const node of wishes.standby) await insist(lab, { verb: "online", node });
  await insist(lab, { verb: "clear", group: GROUP }).catch(() => {}); // nothing may be there to be cleared
}

async function putNodeRight(lab: Lab, node: LabNode): Promise<void> {
  rmSync(brokenFile(node.paths.nginxDirectory), { force: true });
  rmSync(clockFile(node), { force: true });
  await lab.call("emptyDisk", { node: node.name });
  // A node without power has no nginx to be thawed; it boots with a fresh one.
  await lab.call("signal", { node: node.name, program: "nginx", signal: "SIGCONT" }).catch(() => {});
}

/** Repeats an order until some daemon takes it: they are just starting. */
async function insist(lab: Lab, verb: Verb): Promise<void> {
  const endMs = lab.now() + WISH_LIMIT_MS;
  for (;;) {
    try {
      await order(lab, verb, lab.nodes[0]?.name ?? "");
      return;
    } catch (error) {
      if (lab.now() > endMs) throw error;
      await pause(WISH_EVERY_MS);
    }
  }
}
