/**
 * The cluster file after parsing: normalised, defaults filled in, cross-references checked. Everything that
 * decides or acts reads these types; only `parse.ts` knows the file's own shape.
 */

import type { BalancerConfig } from "./balancer.ts";

/** A whole cluster, the same value on every node. */
export interface ClusterConfig {
  readonly cluster: string;
  /** Path of the shared key file. */
  readonly keyFile: string;
  /** In the file's order, which is also the order of nodes in every tie. */
  readonly nodes: readonly NodeConfig[];
  readonly heartbeat: HeartbeatConfig;
  readonly lease: LeaseConfig;
  readonly arbiter: ArbiterConfig;
  /** Gateways named in the file; empty means "find them from the routes". */
  readonly gateways: readonly string[];
  readonly groups: readonly GroupConfig[];
  /** Services that run on all nodes all the time. */
  readonly everywhere: readonly ServiceConfig[];
  readonly monitors: readonly MonitorConfig[];
  /** Absent when the file has none. */
  readonly balancer?: BalancerConfig;
}

/** A server of the cluster. */
export interface NodeConfig {
  readonly name: string;
  /** `address` first, then `links`; the index is the link's number, the same on all nodes. */
  readonly addresses: readonly string[];
}

export interface HeartbeatConfig {
  readonly intervalMs: number;
  readonly initialWaitMs: number;
  /** UDP for heartbeats, TCP for the control channel. */
  readonly port: number;
}

export interface LeaseConfig {
  /** E: how long one piece of evidence keeps a gate open. */
  readonly evidenceMs: number;
  /** Slack in a taker's wait for timers and transit. */
  readonly marginMs: number;
}

/** Who grants leases. */
export type ArbiterConfig = { readonly kind: "segment" };

/** Resources that run together in exactly one place. */
export interface GroupConfig {
  readonly name: string;
  /** Possible nodes, the preferred first. */
  readonly prefer: readonly string[];
  readonly failback: FailbackConfig;
  /** Monitors that make a node eligible. */
  readonly requires: readonly string[];
  /** Start order; stopped in reverse. */
  readonly resources: readonly ResourceConfig[];
}

export type FailbackConfig =
  | { readonly kind: "never" }
  | { readonly kind: "auto" }
  | { readonly kind: "after"; readonly ms: number };

export type ResourceConfig = VipConfig | ServiceConfig;

/** A virtual address. */
export interface VipConfig {
  readonly kind: "vip";
  /** Unique in the cluster: `www/192.0.2.10`. */
  readonly id: string;
  readonly address: string;
  readonly family: 4 | 6;
  /** The network that the VIP belongs to, as written; the address itself is added as /32 or /128. */
  readonly prefixLength: number;
  /** Number of the link whose network holds the VIP; undefined when only `device` says where it goes. */
  readonly link: number | undefined;
  /** Device to put the address on; undefined means the device of that link. */
  readonly device: string | undefined;
  /** Gateways on the VIP's segment, from the file; may be empty. */
  readonly gateways: readonly string[];
}

/** A program that is started, stopped and asked for its status. */
export interface ServiceConfig {
  readonly kind: "service";
  /** Unique in the cluster: `www/app`, or `everywhere/nginx`. */
  readonly id: string;
  readonly name: string;
  readonly start: CommandConfig;
  readonly stop: CommandConfig;
  readonly status: CommandConfig | undefined;
  /** How often the status is asked while it should run. */
  readonly everyMs: number;
  /** Attempts to start before the group moves on. */
  readonly attempts: number;
}

/** An argument list and its time limit; never a shell. */
export interface CommandConfig {
  readonly argv: readonly string[];
  readonly timeoutMs: number;
}

/** A periodic check, run by every node about itself; `{node}` stands for the node's name, `{address}` for its address. */
export interface MonitorConfig {
  readonly name: string;
  readonly check:
    | { readonly kind: "http"; readonly url: string }
    | { readonly kind: "command"; readonly argv: readonly string[] }
    /** The node's own engine; its keeper tells the verdict, nothing is asked. */
    | { readonly kind: "balancer" };
  readonly everyMs: number;
  readonly timeoutMs: number;
  /** Failures in a row until the verdict is `down`. */
  readonly fall: number;
  /** Successes in a row until the verdict is `up`. */
  readonly rise: number;
}
