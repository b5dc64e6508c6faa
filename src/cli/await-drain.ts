/**
 * Waits until drained members have nothing left to do. Finished is: every node's engine knows of the drain, none has a
 * session or a waiting request, and for a while none got a new one. A while, because a sticky visitor who reads a page
 * has no session at that moment and is still sent there with the next click.
 */

import type { PoolsAnswer } from "../api/balancer.ts";
import type { ClusterStatus, Problem } from "../api/types.ts";
import { formatDuration } from "../core/config/duration.ts";
import { DaemonError } from "./daemon-client.ts";
import type { DaemonClient } from "./daemon-client.ts";
import { foldPools, silentNodes } from "./fold-pools.ts";
import type { FoldedMember } from "./fold-pools.ts";
import { count, list } from "./show-balancer.ts";
import { harmless } from "./terminal.ts";

/** Without anything for so long, a member is done, unless told otherwise. */
export const QUIET_MS = 5_000;
/** Longest wait, unless told otherwise. */
export const TIMEOUT_MS = 600_000;
const POLL_MS = 500;
/** Between two questions we rest so many times as long as the answer took. */
const REST = 4;
/** Where a line cannot be drawn over, one is written so often. */
const LINE_MS = 5_000;

/** What is left to do at one moment. */
export interface Remaining {
  /** Sessions and waiting requests of all engines. */
  readonly sessions: number;
  /** The same by node, without those that have none. */
  readonly byNode: readonly { readonly node: string; readonly sessions: number }[];
  /** Nodes whose engine does not know of the drain yet. */
  readonly unaware: readonly string[];
  /** Nodes that might have sessions and do not answer. */
  readonly silent: readonly string[];
  /** Requests that came since the first look: visitors who belong there come back. */
  readonly came: number;
  /** Nothing was left and nothing new came for so long. */
  readonly quietMs: number;
}

/** Watches members over time. Pure: whoever calls it has the clock. */
export class DrainWatch {
  #requests = new Map<string, number>();
  #came = 0;
  #busyAt: number;

  constructor(nowMs: number) {
    this.#busyAt = nowMs;
  }

  /** `silent`: nodes that do not answer and may be alive. */
  look(members: readonly FoldedMember[], silent: readonly string[], nowMs: number): Remaining {
    const byNode = new Map<string, number>();
    const unaware = new Set<string>();
    const cameBefore = this.#came;
    for (const { pool, member, opinions } of members) {
      for (const { node, view } of opinions) {
        const sessions = view.sessions + view.queued;
        if (sessions > 0) byNode.set(node, (byNode.get(node) ?? 0) + sessions);
        if (view.drain === undefined) unaware.add(node);
        this.#came += this.#newRequests(`${node} ${pool}/${member}`, view.requests);
      }
    }
    const isBusy = byNode.size > 0 || this.#came > cameBefore;
    if (isBusy || unaware.size > 0 || silent.length > 0) this.#busyAt = nowMs;
    return {
      sessions: [...byNode.values()].reduce((sum, one) => sum + one, 0),
      byNode: [...byNode].map(([node, sessions]) => ({ node, sessions })),
      unaware: [...unaware],
      silent,
      came: this.#came,
      quietMs: nowMs - this.#busyAt,
    };
  }

  /** Engines count anew after a reload: a smaller number is what came since then. */
  #newRequests(key: string, requests: number): number {
    const before = this.#requests.get(key) ?? requests;
    this.#requests.set(key, requests);
    return requests >= before ? requests - before : requests;
  }
}

/** One line for people; with the time that must be quiet, also how long it already is. */
export function remainingText(remaining: Remaining, quietMs?: number): string {
  const { sessions, byNode, unaware, silent, came } = remaining;
  const where = byNode.map(({ node, sessions: number }) => `${harmless(node)} ${number}`).join(", ");
  const notes = [
    ...(unaware.length > 0 ? [`${list(unaware)} ${have(unaware)} not heard of the drain yet`] : []),
    ...(silent.length > 0 ? [`${list(silent)} ${silent.length === 1 ? "does" : "do"} not answer`] : []),
    ...(came > 0 ? [`${count(came, "request")} of its visitors came meanwhile`] : []),
  ];
  const quiet = formatTenths(remaining.quietMs);
  const left =
    sessions > 0
      ? `${count(sessions, "session")} ${sessions === 1 ? "remains" : "remain"}${byNode.length > 1 ? ` (${where})` : ""}`
      : `no session remains${quietMs === undefined ? "" : `, quiet for ${quiet} of ${formatDuration(quietMs)}`}`;
  return [left, ...notes].join("; ");
}

function formatTenths(ms: number): string {
  return `${(ms / 1_000).toFixed(1)}s`;
}

function have(words: readonly string[]): string {
  return words.length === 1 ? "has" : "have";
}

export interface WaitOptions {
  readonly client: DaemonClient;
  /** For sentences: `apache/srv1`. */
  readonly names: string;
  /** Picks the members; none any more: they are gone from the config, which is finished too. */
  readonly pick: (answer: PoolsAnswer) => readonly FoldedMember[];
  readonly timeoutMs: number;
  readonly quietMs: number;
  /** Told now and then, for a person. */
  readonly tell: (line: string) => void;
}

export interface Waited {
  readonly finished: boolean;
  readonly waitedMs: number;
  readonly remaining: Remaining;
  /** Why it did not finish. */
  readonly problems: readonly Problem[];
}

/** Polls until it is finished, the time is over, or the drain does not count any more. */
export async function awaitDrain(options: WaitOptions): Promise<Waited> {
  const { client, quietMs, timeoutMs } = options;
  const startedMs = performance.now();
  const watch = new DrainWatch(startedMs);
  let wasKnown = false;
  for (;;) {
    const askedMs = performance.now();
    const answer = await askPools(client);
    const tookMs = performance.now() - askedMs;
    const members = options.pick(answer);
    const remaining = watch.look(members, await livingOf(client, answer), performance.now());
    const waitedMs = Math.round(performance.now() - startedMs);
    const opinions = members.flatMap((member) => member.opinions);
    const drained = opinions.filter(({ view }) => view.drain !== undefined).length;
    if (drained === opinions.length && drained > 0) wasKnown = true;
    const end = (problems: readonly Problem[]): Waited => ({
      finished: problems.length === 0,
      waitedMs,
      remaining,
      problems,
    });
    if (wasKnown && drained === 0 && opinions.length > 0) return end([drainEnded(options.names)]);
    if (remaining.quietMs >= quietMs) return end([]);
    if (waitedMs >= timeoutMs) return end([notFinished(options, remaining)]);
    options.tell(`${options.names}: ${remainingText(remaining, quietMs)}`);
    // Thousands of members take a while to be told: asking must not become the node's main work.
    const pauseMs = Math.max(Math.min(POLL_MS, quietMs, timeoutMs), REST * tookMs);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** The members of these names, drained or not. */
export function picker(keys: readonly { readonly pool: string; readonly member: string }[]): WaitOptions["pick"] {
  const wanted = new Set(keys.map(({ pool, member }) => `${pool}/${member}`));
  return (answer) =>
    foldPools(answer).flatMap(({ members }) => members.filter(({ pool, member }) => wanted.has(`${pool}/${member}`)));
}

/** A daemon that restarts does not answer for a moment: the wait goes on, and nothing counts as finished. */
async function askPools(client: DaemonClient): Promise<PoolsAnswer> {
  try {
    return await client.get<PoolsAnswer>("/v1/pools");
  } catch (error) {
    if (!(error instanceof DaemonError) || !error.problems.every(({ code }) => RESTARTING.has(code))) throw error;
    return { answeredBy: "", nodes: [{ node: THIS_DAEMON, view: undefined }], problems: error.problems };
  }
}

const RESTARTING: ReadonlySet<string> = new Set(["NO_DAEMON", "DAEMON_SILENT"]);
const THIS_DAEMON = "the daemon here";

/** Of nodes that do not answer, those that are not known to be dead: a dead one has no sessions. */
async function livingOf(client: DaemonClient, answer: PoolsAnswer): Promise<readonly string[]> {
  const silent = silentNodes(answer);
  if (silent.length === 0 || silent.includes(THIS_DAEMON)) return silent;
  const status = await client.get<ClusterStatus>("/v1/status").catch((error: unknown) => {
    if (error instanceof DaemonError) return undefined;
    throw error;
  });
  if (status === undefined) return silent;
  const gone = (name: string): boolean => {
    const states = status.nodes.flatMap(
      ({ view }) => view?.peers.filter(({ node }) => node === name).map(({ state }) => state) ?? [],
    );
    return states.length > 0 && states.every((state) => state === "dead" || state === "left");
  };
  return silent.filter((name) => !gone(name));
}

function notFinished({ names, timeoutMs, quietMs }: WaitOptions, remaining: Remaining): Problem {
  const left = remainingText(remaining, quietMs);
  return {
    code: "DRAIN_NOT_FINISHED",
    severity: "error",
    message: `after ${formatDuration(timeoutMs)}: ${left}; ${names} stays drained`,
    next: "wait again with the same command; `understudy pools` shows who uses it; `understudy undrain` ends it",
  };
}

function drainEnded(names: string): Problem {
  return {
    code: "DRAIN_ENDED",
    severity: "error",
    message: `${names} gets new visitors again: somebody ended the drain, or nobody else of the pool is up`,
    next: "`understudy events` tells which; drain it again, or bring the others back",
  };
}

/** Writes progress: over the same line on a terminal, else a line every few seconds; `end` finishes the line. */
export function progressWriter(stream: NodeJS.WriteStream): { tell(line: string): void; end(): void } {
  let lastAt = Number.NEGATIVE_INFINITY;
  let isOpen = false;
  return {
    tell(line) {
      if (stream.isTTY) {
        stream.write(`\r${line.slice(0, Math.max(20, (stream.columns || 80) - 1))}\u001b[K`);
        isOpen = true;
      } else if (performance.now() - lastAt >= LINE_MS) {
        stream.write(`${line}\n`);
        lastAt = performance.now();
      }
    },
    end() {
      if (isOpen) stream.write("\r\u001b[K");
      isOpen = false;
    },
  };
}
