/**
 * The daemon as the API sees it: answers about this node come from the heart, answers about the others are
 * gathered over the control channel, all at once and each for a limited time, so that a dead node delays a
 * `status` by half a second and no more.
 */

import type { Backend, BalancerPort, Caller } from "../api/backend.ts";
import type {
  ClusterStatus,
  EventRecord,
  NodeStatus,
  NodeView,
  Problem,
  RequestAnswer,
  Verb,
  WhyAnswer,
} from "../api/types.ts";
import type { ClusterConfig } from "../core/config/cluster.ts";
import { askSummary } from "./balancer/gather.ts";
import { clusterProblems } from "./balancer/problems.ts";
import type { PeerAnswer, Question } from "./control-client.ts";
import type { HeartPort } from "./heart-port.ts";
import { findProblems, worstFirst } from "./problems.ts";
import type { Recorder } from "./recorder.ts";
import { performRequest } from "./requests.ts";
import type { RequestOptions } from "./requests.ts";

/** For the view of another node. */
const VIEW_LIMIT_MS = 500;
/** Events about a group in a `why`. */
const WHY_EVENTS = 30;

export interface BackendOptions {
  readonly config: ClusterConfig;
  readonly node: string;
  readonly version: string;
  readonly heart: HeartPort;
  readonly recorder: Recorder;
  readonly ask: (node: string, question: Question) => Promise<PeerAnswer>;
  readonly handOver: RequestOptions["handOver"];
  readonly balancer: BalancerPort | undefined;
  readonly reload: Backend["reload"];
  readonly running: Backend["running"];
}

/** Wires the API's questions to the heart, the recorder and the other nodes. */
export function createBackend(options: BackendOptions): Backend {
  const { config, node, heart, recorder } = options;
  return {
    node,
    pid: process.pid,
    version: options.version,
    balancer: options.balancer,
    reload: options.reload,
    running: options.running,
    view: () => heart.view(),
    status: () => gatherStatus(options),
    why: (group, caller) => explainGroup(options, group, caller),
    events: (afterTime) => recorder.list(afterTime),
    followEvents: (heard) => recorder.follow(heard),
    ownEvents: (afterCounter) => recorder.own(afterCounter),
    submit: async (verb: Verb, caller: Caller): Promise<RequestAnswer> => {
      const unknown = unknownName(config, verb);
      return (
        unknown ?? (await performRequest({ node, heart, ask: options.ask, handOver: options.handOver }, verb, caller))
      );
    },
  };
}

async function gatherStatus(options: BackendOptions): Promise<ClusterStatus> {
  const nodes = await Promise.all(options.config.nodes.map(({ name }) => statusOf(options, name)));
  return {
    cluster: options.config.cluster,
    answeredBy: options.node,
    time: Date.now(),
    nodes,
    problems: problemsOf(options.config, nodes),
  };
}

/** An engine that does not run is told once, by the balancer, which knows more about it than its monitor. */
function problemsOf(config: ClusterConfig, nodes: readonly NodeStatus[]): readonly Problem[] {
  const engines = nodes.flatMap(({ balancer }) => balancer ?? []);
  const monitors = config.monitors.filter(({ check }) => check.kind === "balancer").map(({ name }) => name);
  const isTold = ({ code, message, subject }: Problem): boolean =>
    code === "MONITOR_NOT_UP" &&
    monitors.some((name) => message.startsWith(`monitor ${name} is down`)) &&
    engines.some(({ node, state }) => node === subject?.node && state === "down");
  const others = findProblems(nodes).filter((problem) => !isTold(problem));
  return [...others, ...clusterProblems(engines)].toSorted(worstFirst);
}

async function statusOf(options: BackendOptions, node: string): Promise<NodeStatus> {
  if (node === options.node) {
    // A heart that hangs must not hide what the other nodes know.
    const [view, balancer] = await Promise.all([
      options.heart.view().catch(() => undefined),
      options.balancer?.summary(),
    ]);
    return { node, contact: "here", view, pid: process.pid, version: options.version, balancer };
  }
  try {
    const [answer, balancer] = await Promise.all([
      options.ask(node, { method: "GET", path: "/v1/view", limitMs: VIEW_LIMIT_MS }),
      options.balancer === undefined ? undefined : askSummary(options, node),
    ]);
    const view = readView(answer, node);
    if (view !== undefined)
      return { node, contact: "reached", view, pid: answer.pid, version: answer.version, balancer };
  } catch {
    // Why it is silent is the membership's business, and stands in the views of those who answer.
  }
  return { node, contact: "unreachable", view: undefined, pid: undefined, version: undefined };
}

/** An authenticated node's view is believed; one that another version wrote differently is left out. */
function readView(answer: PeerAnswer, node: string): NodeView | undefined {
  const view = answer.body as Partial<NodeView> | null;
  const fits =
    answer.status === 200 &&
    view !== null &&
    view.node === node &&
    view.counters !== undefined &&
    [view.links, view.peers, view.groups, view.monitors, view.wishes].every(Array.isArray);
  return fits ? (view as NodeView) : undefined;
}

async function explainGroup(options: BackendOptions, group: string, caller: Caller): Promise<WhyAnswer | undefined> {
  if (!options.config.groups.some(({ name }) => name === group)) return undefined;
  const nodes =
    caller.kind === "operator"
      ? (await gatherStatus(options)).nodes.flatMap(({ node, view }) => (view === undefined ? [] : [{ node, view }]))
      : [{ node: options.node, view: await options.heart.view() }];
  const seen = nodes.flatMap(({ view }) => view.groups.filter(({ name }) => name === group));
  const newest = seen.reduce<(typeof seen)[number] | undefined>(
    (best, next) => (best === undefined || next.epoch > best.epoch ? next : best),
    undefined,
  );
  const events = options.recorder.list(0).filter((record) => record.group === group);
  return {
    group,
    holder: newest?.holder,
    epoch: newest?.epoch ?? 0,
    nodes,
    events: events.slice(-WHY_EVENTS) satisfies readonly EventRecord[],
  };
}

/** A name that the cluster does not know is refused here, with the names that it does. */
function unknownName(config: ClusterConfig, verb: Verb): RequestAnswer | undefined {
  const nodes = config.nodes.map(({ name }) => name);
  const groups = config.groups.map(({ name }) => name);
  if ("group" in verb && !groups.includes(verb.group))
    return unknown("GROUP_UNKNOWN", `the cluster has no group "${verb.group}"`, groups);
  const node = "node" in verb ? verb.node : "to" in verb ? verb.to : undefined;
  if (node !== undefined && !nodes.includes(node))
    return unknown("NODE_UNKNOWN", `the cluster has no node "${node}"`, nodes);
  return undefined;
}

function unknown(code: string, message: string, known: readonly string[]): RequestAnswer {
  const next = `choose one of: ${known.join(", ")}`;
  return { ok: false, problems: [{ code, severity: "error", message, next }] };
}
