/**
 * What travels over the daemon's sockets: JSON over HTTP/1.1 on the Unix socket `RUNTIME_DIR/understudy.sock`
 * (everything), and on the nodes' control channel (the closed list marked "peer").
 *
 *   GET  /v1/status                 ClusterStatus       the whole cluster as this node sees it
 *   GET  /v1/view                   NodeView            this node alone                                (peer)
 *   GET  /v1/why/GROUP              WhyAnswer                                                          (peer)
 *   GET  /v1/events?after=N         EventRecord[]       all known events, oldest first
 *   GET  /v1/events?follow=1        NDJSON stream of EventRecord
 *   GET  /v1/own-events?after=N     NDJSON stream of what this node itself recorded                    (peer)
 *   POST /v1/requests               Verb → RequestAnswer                                               (peer)
 *
 * Every error is `{ problems: Problem[] }` with a 4xx or 5xx status.
 */

import type { Problem } from "../core/base/report.ts";
import type { BalancerSummary } from "./balancer.ts";
import type { NodeView } from "../core/node/view.ts";
import type { DecisionEvent } from "../core/node/effects.ts";

export type { NodeView } from "../core/node/view.ts";
export type { Verb } from "../core/node/inputs.ts";
export type { Problem } from "../core/base/report.ts";

/** A decision as it is stored: on every node, whoever made it. */
export interface EventRecord extends Omit<DecisionEvent, "at"> {
  /** `NODE:INCARNATION:COUNTER`; unique. */
  readonly id: string;
  /** Node that recorded it. */
  readonly by: string;
  /** Milliseconds since 1970 on that node's clock. */
  readonly time: number;
  /** The sentence. */
  readonly text: string;
}

export interface NodeStatus {
  readonly node: string;
  /** `here`: this daemon; `reached`: answered over the control channel; `unreachable`: did not. */
  readonly contact: "here" | "reached" | "unreachable";
  readonly view: NodeView | undefined;
  readonly pid: number | undefined;
  readonly version: string | undefined;
  /** Its balancer's engine; absent without a balancer, or when the node did not tell. */
  readonly balancer?: BalancerSummary | undefined;
}

export interface ClusterStatus {
  readonly cluster: string;
  readonly answeredBy: string;
  readonly time: number;
  readonly nodes: readonly NodeStatus[];
  /** Things an operator should know, the worst first. */
  readonly problems: readonly Problem[];
}

export interface WhyAnswer {
  readonly group: string;
  readonly holder: string | undefined;
  readonly epoch: number;
  /** One entry per node that answered. */
  readonly nodes: readonly { readonly node: string; readonly view: NodeView }[];
  /** The latest events about the group, oldest first. */
  readonly events: readonly EventRecord[];
}

export type RequestAnswer =
  | { readonly ok: true; readonly node: string; readonly detail: string }
  | { readonly ok: false; readonly problems: readonly Problem[] };
