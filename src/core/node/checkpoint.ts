/**
 * The whole state of a node as plain data, at any moment between two steps, and a node that goes on from there
 * exactly as the first would have. With the inputs since, it is what a replay needs: the record of inputs is
 * bounded, so it begins in the middle of a life.
 *
 * It is one walk over everything (see base/snapshot.ts) and no `save` and `restore` in every class: those would be
 * right only as long as nobody adds a field.
 */

import { LONG_AGO } from "../base/time.ts";
import { assert } from "../base/assert.ts";
import { describeShape, partsOf, restoreSnapshot, takeSnapshot, type Snapshot } from "../base/snapshot.ts";
import type { ClusterConfig } from "../config/cluster.ts";
import { Link } from "../membership/link.ts";
import { Newcomer } from "../membership/newcomer.ts";
import { Peer, Roster } from "../membership/roster.ts";
import { Grants } from "../ownership/claims.ts";
import { SegmentEvidence } from "../ownership/evidence.ts";
import { VipProbe } from "../ownership/vip-probe.ts";
import { Lifecycle } from "../resources/lifecycle.ts";
import { Announcing } from "./announcing.ts";
import { Asking } from "./asking.ts";
import { Beats } from "./beats.ts";
import { Claiming } from "./claiming.ts";
import { Group } from "./group.ts";
import { Node, type NodeOptions } from "./node.ts";
import { Requests } from "./requests.ts";
import { Settling } from "./settling.ts";
import { Standing } from "./standing.ts";
import { Wishes } from "./wishes.ts";

/** A node's state between two steps. */
export type Checkpoint = Snapshot;

/** Every class whose objects a node's state consists of. */
const CLASSES = {
  Announcing,
  Asking,
  Beats,
  Claiming,
  Grants,
  Group,
  Lifecycle,
  Link,
  Newcomer,
  Node,
  Peer,
  Requests,
  Roster,
  SegmentEvidence,
  Settling,
  Standing,
  VipProbe,
  Wishes,
};

/** Takes checkpoints of one node; knows the parts of its config, which is no state. */
export function checkpointsOf(node: Node, config: ClusterConfig): () => Checkpoint {
  const outside = partsOf(config);
  return () => takeSnapshot(node, { classes: CLASSES, outside });
}

/** The node that a checkpoint was taken of; the options must be equal to that node's. */
export function restoreNode(options: NodeOptions, checkpoint: Checkpoint): Node {
  const node = restoreSnapshot(checkpoint, { classes: CLASSES, outside: partsOf(options.config) });
  assert(node instanceof Node, "a checkpoint is one of a node");
  return node;
}

/** The shape of this program's state: checkpoints can be exchanged between programs that answer the same. */
export function stateShape(): string {
  const vip = {
    kind: "vip",
    id: "g/v",
    address: "v",
    family: 4,
    prefixLength: 32,
    link: 0,
    device: undefined,
  } as const;
  const group = { name: "g", prefer: ["a"], failback: { kind: "never" }, requires: [] } as const;
  const config: ClusterConfig = {
    cluster: "shape",
    keyFile: "",
    nodes: [
      { name: "a", addresses: ["1"] },
      { name: "b", addresses: ["2"] },
    ],
    heartbeat: { intervalMs: 100, initialWaitMs: 0, port: 694 },
    lease: { evidenceMs: 130, marginMs: 20 },
    arbiter: { kind: "segment" },
    gateways: [],
    groups: [{ ...group, resources: [{ ...vip, gateways: [] }] }],
    everywhere: [],
    monitors: [],
  };
  const node = new Node({ config, configHash: "", node: "a" });
  const now = LONG_AGO;
  node.step({ kind: "start", now, incarnation: "", epochs: {}, wishes: [], gateways: [], handover: undefined });
  const claiming = new Claiming({ group: "g", vips: [{ ...vip, gateways: [] }], epoch: 0, now });
  return describeShape(takeSnapshot([node, claiming], { classes: CLASSES, outside: partsOf(config) }));
}
