/**
 * What travels about the balancer, on the Unix socket and (marked "peer") on the control channel:
 *
 *   GET  /v1/pools                  PoolsAnswer          all nodes' engines together
 *   GET  /v1/balancer               BalancerView         this node's engine                              (peer)
 *   GET  /v1/balancer/summary       BalancerSummary      the same in short                               (peer)
 *   GET  /v1/balancer/wishes        MemberWish[]         what operators wished about members             (peer)
 *   POST /v1/balancer/wishes        MemberWish[] → MemberWish[]  tells them; answered with those known better there (peer)
 *   POST /v1/balancer/drain         DrainRequest → RequestAnswer
 *   POST /v1/balancer/weight        WeightRequest → RequestAnswer
 *   POST /v1/reload                 {} → ReloadAnswer    reads the cluster file again
 *   GET  /v1/running                RunningAnswer        the config that this daemon runs, to be compared with a file
 *
 * Where the running config has no balancer, `/v1/pools`, `/v1/balancer…`, drain and weight answer 404 with the problem
 * `BALANCER_NONE`.
 */

import type { Problem } from "../core/base/report.ts";
import type { DrainCause, Wanted } from "../core/balancer/wanted.ts";
import type { EngineName, StickyConfig } from "../core/config/balancer.ts";
import type { ClusterConfig } from "../core/config/cluster.ts";

export type { MemberWish } from "../core/balancer/wishes.ts";

/** `member`: `POOL/MEMBER`, or a member's name alone for every pool that has it. */
export interface DrainRequest {
  readonly member: string;
  readonly on: boolean;
  /** Also when no member would take new visitors any more. */
  readonly force: boolean;
}

export interface WeightRequest {
  readonly member: string;
  /** 0 to 256; undefined: as the cluster file says. */
  readonly weight: number | undefined;
}

export type ReloadAnswer =
  /** `how` per part that changed, in words; empty when nothing did. */
  | {
      readonly ok: true;
      readonly node: string;
      readonly how: readonly string[];
      /** The daemon becomes its next self right after this answer, because more than the balancer changed. */
      readonly restarts: boolean;
      readonly problems: readonly Problem[];
    }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** What a daemon runs. */
export interface RunningAnswer {
  readonly node: string;
  /** Absolute path of the cluster file. */
  readonly file: string;
  /** SHA-256 of it as `check --json` tells it. */
  readonly hash: string;
  readonly config: ClusterConfig;
  /** What this node's engine should carry now; undefined without a balancer. */
  readonly wanted: Wanted | undefined;
  /** The engine's own directory, absolute. */
  readonly directory: string;
}

/** One node's engine. */
export interface BalancerView {
  readonly node: string;
  readonly engine: EngineName;
  readonly version: string | undefined;
  readonly state: "starting" | "running" | "down";
  /** SHA-256 of the balancer's part of the cluster file in use. */
  readonly configHash: string;
  readonly pid: number | undefined;
  readonly oldWorkers: number;
  readonly connections: number;
  readonly requestsPerSecond: number;
  readonly requests: number;
  readonly serverErrors: number;
  readonly reloads: number;
  readonly pools: readonly PoolView[];
  /** Why it does not run or what it refused, with the engine's own words. */
  readonly problems: readonly Problem[];
}

export interface PoolView {
  readonly pool: string;
  /** The checks are suspected: every member serves. */
  readonly servingAll: boolean;
  /** How a visitor comes back to the same member; undefined: not at all. */
  readonly sticky: StickyConfig["kind"] | undefined;
  readonly members: readonly MemberView[];
}

/** One node's engine in short, as `status` carries it. */
export interface BalancerSummary extends Omit<BalancerView, "pools"> {
  /** At most 20: those with something to tell first. */
  readonly pools: readonly PoolSummary[];
  /** How many pools there are. */
  readonly poolCount: number;
}

/** How many members of a pool are how, each counted once: a drained member that is down is down. */
export interface PoolSummary {
  readonly pool: string;
  readonly servingAll: boolean;
  readonly members: number;
  readonly up: number;
  readonly draining: number;
  readonly down: number;
  /** Of all members. */
  readonly sessions: number;
}

export interface MemberView {
  readonly member: string;
  /** The cluster's node that it runs on, when it is one. */
  readonly node: string | undefined;
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  /** The cluster file's, where an operator set another. */
  readonly fileWeight?: number;
  readonly backup: boolean;
  readonly drain: DrainCause | undefined;
  readonly health: "up" | "down" | "unknown";
  readonly detail: string;
  readonly sessions: number;
  readonly queued: number;
  readonly requests: number;
  readonly idleSeconds: number | undefined;
}

export interface PoolsAnswer {
  readonly answeredBy: string;
  /** Per node of the cluster in its order; undefined: it did not answer. */
  readonly nodes: readonly { readonly node: string; readonly view: BalancerView | undefined }[];
  readonly problems: readonly Problem[];
}
