/**
 * What the API needs from the daemon: a read-only view and a way to submit requests. The daemon implements
 * it, tests pretend it; nothing in this folder reaches further.
 */

import type {
  BalancerSummary,
  BalancerView,
  DrainRequest,
  MemberWish,
  PoolsAnswer,
  ReloadAnswer,
  RunningAnswer,
  WeightRequest,
} from "./balancer.ts";
import type { ClusterStatus, EventRecord, NodeView, RequestAnswer, Verb, WhyAnswer } from "./types.ts";

/** Who asks. */
export type Caller =
  /** Somebody on this machine who may open the socket. */
  | { readonly kind: "operator" }
  /** Another node's daemon, authenticated. */
  | { readonly kind: "peer"; readonly node: string };

export interface Backend {
  readonly node: string;
  readonly pid: number;
  readonly version: string;
  /** The whole cluster as this node sees it; asks the other nodes, each for a limited time. */
  status(): Promise<ClusterStatus>;
  /** This node alone. */
  view(): Promise<NodeView>;
  /** Undefined when the cluster has no such group. Other nodes are asked for an operator only. */
  why(group: string, caller: Caller): Promise<WhyAnswer | undefined>;
  /** Known events of all nodes newer than this (milliseconds since 1970), oldest first. */
  events(afterTime: number): readonly EventRecord[];
  /** Calls back for every event that becomes known; returns a function that ends it. */
  followEvents(heard: (record: EventRecord) => void): () => void;
  /** Events that this node recorded itself with a counter above this, oldest first. */
  ownEvents(afterCounter: number): readonly EventRecord[];
  /** Performs or forwards a request; never rejects. */
  submit(request: Verb, caller: Caller): Promise<RequestAnswer>;
  /** Reads the cluster file again and puts into effect what changed; never rejects. */
  reload(): Promise<ReloadAnswer>;
  /** What this daemon runs. */
  running(): RunningAnswer;
  /** Undefined when the running config has no balancer. */
  readonly balancer: BalancerPort | undefined;
}

/** What the API needs from the balancer. */
export interface BalancerPort {
  /** This node's engine. */
  view(): Promise<BalancerView>;
  summary(): Promise<BalancerSummary>;
  /** All nodes' engines; each is asked for a limited time. */
  pools(): Promise<PoolsAnswer>;
  /** What operators wished about members, as this node knows it. */
  wishes(): Promise<readonly MemberWish[]>;
  /** The node `from` tells wishes, as they came; answers what is known better here about the same. */
  tell(wishes: readonly unknown[], from: string): Promise<readonly MemberWish[]>;
  drain(request: DrainRequest): Promise<RequestAnswer>;
  weight(request: WeightRequest): Promise<RequestAnswer>;
}
