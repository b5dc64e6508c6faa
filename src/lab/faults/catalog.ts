/**
 * The faults by name, for people: the command line, the terminal view and the tour use the same ones. Every
 * fault hits one node; healing a node puts everything on it right, whatever was done to it.
 */

import type { Lab } from "../lab.ts";
import type { LabNode } from "../lab-node.ts";

export interface Fault {
  /** What happens, in a few words. */
  readonly summary: string;
  /** Returns when it began (CLOCK_MONOTONIC milliseconds). */
  readonly inflict: (node: LabNode) => Promise<number>;
  /** Only a lab with a balancer, or only one without, has what it hits. */
  readonly in?: "plain" | "balanced";
}

export const FAULTS = {
  "power-off": { summary: "power off: all cables dead, then everything is killed", inflict: (node) => node.powerOff() },
  freeze: { summary: "the daemon is frozen (SIGSTOP)", inflict: (node) => node.freeze() },
  kill: { summary: "the daemon is killed (SIGKILL)", inflict: (node) => node.killDaemon() },
  block: { summary: "the daemon's main thread hangs for 10 s", inflict: (node) => node.blockMainThread() },
  "stop-daemon": { summary: "the daemon is told to leave (SIGTERM)", inflict: (node) => node.stopDaemon() },
  unplug: { summary: "all cables unplugged, carrier lost", inflict: (node) => node.cut({ carrier: true }) },
  silence: { summary: "all cables dead, carrier stays", inflict: (node) => node.cut({ carrier: false }) },
  "unplug-public": {
    summary: "public cable unplugged, carrier lost",
    inflict: (node) => node.cut({ link: "public", carrier: true }),
  },
  "unplug-private": {
    summary: "private cable unplugged, carrier lost",
    inflict: (node) => node.cut({ link: "private", carrier: true }),
  },
  "silence-public": {
    summary: "public cable dead, carrier stays",
    inflict: (node) => node.cut({ link: "public", carrier: false }),
  },
  "silence-private": {
    summary: "private cable dead, carrier stays",
    inflict: (node) => node.cut({ link: "private", carrier: false }),
  },
  deaf: {
    summary: "hears nothing, is heard by all",
    inflict: (node) => node.cut({ carrier: false, direction: "to-node" }),
  },
  mute: {
    summary: "hears all, is heard by nobody",
    inflict: (node) => node.cut({ carrier: false, direction: "from-node" }),
  },
  "lose-30": {
    summary: "30 % of all packets are lost, each way, on all cables",
    inflict: (node) => node.lose({ loss: { kind: "share", percent: 30 } }),
  },
  "block-694": {
    summary: "a firewall drops port 694, both ways, on all cables",
    inflict: (node) => node.lose({ loss: { kind: "cluster-port" } }),
  },
  nginx: { summary: "nginx is killed", inflict: (node) => node.stopNginx(), in: "plain" },
  web: { summary: "the web server behind the balancer is killed", inflict: (node) => node.killWeb(), in: "balanced" },
  engine: { summary: "the balancer's engine is killed", inflict: (node) => node.killEngine(), in: "balanced" },
} as const satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;

export function isFaultName(name: string): name is FaultName {
  return Object.hasOwn(FAULTS, name);
}

/** Why a lab cannot have this fault; undefined: it can. */
export function misfit(name: FaultName, plan: { readonly isBalanced: boolean }): string | undefined {
  const { in: where }: Fault = FAULTS[name];
  if (where === undefined || (where === "balanced") === plan.isBalanced) return undefined;
  return plan.isBalanced
    ? `this lab has a balancer, so there is no such nginx: kill \`web\` or \`engine\``
    : `this lab has no balancer: \`understudy lab up --balancer haproxy\` has one`;
}

/** Puts everything right on these nodes (default all): power, cables, nginx, daemon. Does not wait for calm. */
export async function heal(lab: Lab, nodes: readonly LabNode[] = lab.nodes): Promise<void> {
  await Promise.all(nodes.map((node) => healNode(lab, node)));
}

async function healNode(lab: Lab, node: LabNode): Promise<void> {
  const before = (await lab.state()).members.find((one) => one.name === node.name);
  if (before?.isOn !== true) {
    await node.powerOn();
    await node.healCables();
    return;
  }
  await node.healCables();
  for (const program of node.plan.programs) {
    if ((before.programs[program.name] ?? 0) === 0) await lab.call("start", { node: node.name, program: program.name });
    else if (program.name === "daemon") await node.thaw();
  }
}
