/**
 * Pools and their members on one screen, all nodes' engines together. A row begins with the very name that `drain` and
 * `weight` take. What is not as it should be stands out, and where the nodes' engines disagree, it is told who says what.
 */

import type { MemberView, PoolsAnswer } from "../api/balancer.ts";
import { list, showEngines, suspicionLine } from "./show-balancer.ts";
import { foldPools, silentNodes } from "./fold-pools.ts";
import type { FoldedMember, FoldedPool } from "./fold-pools.ts";
import { showProblems } from "./print-problems.ts";
import { duration, harmless, heading, paint, table } from "./terminal.ts";

/** Problems that the table itself shows. */
const SHOWN: ReadonlySet<string> = new Set(["MEMBER_DOWN", "MEMBERS_DOWN", "POOL_SUSPECTED"]);

/** The whole `pools`, or one pool of it, ready to print. */
export function showPools(answer: PoolsAnswer, only?: string): string {
  const pools = foldPools(answer).filter(({ pool }) => only === undefined || pool === only);
  const parts = [showEngines(answer.nodes), ...pools.flatMap(suspicion), showMembers(pools, engineCounts(answer))];
  const silent = silentNodes(answer);
  if (silent.length > 0)
    parts.push(paint("yellow", `without ${list(silent)}: no answer from there, so the sums lack its sessions`));
  const problems = answer.problems.filter(({ code }) => !SHOWN.has(code));
  if (problems.length > 0) parts.push(showProblems(problems));
  return parts.filter((part) => part !== "").join("\n\n");
}

/** A member's state in one word. */
export type MemberState = "up" | "backup" | "draining" | "down" | "unknown";

/** What one engine makes of a member: what is down is told as down, drained or not. */
export function stateOf(view: Pick<MemberView, "drain" | "health" | "backup">): MemberState {
  if (view.health === "down") return "down";
  if (view.drain !== undefined) return "draining";
  if (view.health === "unknown") return "unknown";
  return view.backup ? "backup" : "up";
}

const STATE_STYLE = { up: "green", backup: "cyan", draining: "yellow", down: "red", unknown: "dim" } as const;

/** Some members in a sentence: not more of them than anybody reads. */
export function memberNames(ids: readonly string[]): string {
  return ids.length <= MOST_NAMES
    ? list(ids)
    : `${ids
        .slice(0, MOST_NAMES - 1)
        .map(harmless)
        .join(", ")} and ${ids.length - MOST_NAMES + 1} more`;
}

const MOST_NAMES = 4;

function suspicion({ pool, suspectedOn }: FoldedPool): string[] {
  return suspectedOn.length === 0 ? [] : [suspicionLine(pool, suspectedOn)];
}

/** nginx keeps no figures of single members, and has no queue: columns of zeros would say otherwise. */
function engineCounts({ nodes }: PoolsAnswer): boolean {
  return nodes.some(({ view }) => view?.engine === "haproxy");
}

const TITLES = ["MEMBER", "ADDRESS", "STATE", "WEIGHT", "SESSIONS"];
const COUNTED = ["QUEUED", "REQUESTS", "LAST USED"];

function showMembers(pools: readonly FoldedPool[], counts: boolean): string {
  const rows = pools.flatMap((pool) => pool.members.map((member) => memberRow(member, pool, counts)));
  const titles = [...TITLES, ...(counts ? COUNTED : [])];
  const notes = rows.some((row) => row.length > titles.length) ? ["NOTES"] : [];
  return table([heading(...titles, ...notes), ...rows]);
}

function memberRow(folded: FoldedMember, { suspectedOn }: FoldedPool, counts: boolean): string[] {
  const { opinions } = folded;
  const states = distinct(opinions.map(({ view }) => stateOf(view)));
  const weights = distinct(opinions.map(({ view }) => view.weight));
  const addresses = distinct(opinions.map(({ view }) => addressText(view)));
  const notes = [
    ...(suspectedOn.length > 0 && states.includes("down") ? ["serves all the same"] : []),
    ...notesOn(folded, states, weights),
  ].join("; ");
  return [
    harmless(`${folded.pool}/${folded.member}`),
    harmless(addresses.join("/")),
    states.map((state) => paint(STATE_STYLE[state], state)).join(paint("yellow", "/")),
    weights.length > 1 ? paint("yellow", weights.join("/")) : weights.join(""),
    String(folded.sessions),
    ...(counts ? countedCells(folded) : []),
    ...(notes === "" ? [] : [notes]),
  ];
}

function countedCells({ queued, requests, idleSeconds }: FoldedMember): string[] {
  return [queued > 0 ? paint("yellow", String(queued)) : "0", String(requests), lastUsed(idleSeconds)];
}

/** Address and port as the cluster file writes them. */
export function addressText({ address, port }: { readonly address: string; readonly port: number }): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function lastUsed(idleSeconds: number | undefined): string {
  if (idleSeconds === undefined) return paint("dim", "never");
  return idleSeconds < 1 ? "now" : `${duration(idleSeconds * 1_000).replace(/\.0 s$/, " s")} ago`;
}

/** What the words of the row leave open: who drained it, why it is down, and who sees it otherwise. */
function notesOn(folded: FoldedMember, states: readonly MemberState[], weights: readonly number[]): string[] {
  const { opinions, sessions, queued } = folded;
  const notes: string[] = [];
  if (states.length > 1) {
    notes.push(opinions.map(({ node, view }) => `${harmless(node)} ${stateOf(view)}${because(view)}`).join(" · "));
  } else {
    const reasons = distinct(opinions.map(({ view }) => because(view)));
    notes.push(...reasons.filter((reason) => reason !== "").map((reason) => reason.replace(/^: /, "")));
  }
  const [drain] = distinct(opinions.flatMap(({ view }) => (view.drain === undefined ? [] : [view.drain])));
  if (drain !== undefined) {
    const node = opinions.find(({ view }) => view.node !== undefined)?.view.node;
    notes.push(drain === "operator" ? "drained by an operator" : `${harmless(node ?? "its node")} is in standby`);
    if (sessions + queued === 0) notes.push("nothing remains");
  }
  if (weights.length > 1)
    notes.push(`weight ${opinions.map(({ node, view }) => `${view.weight} on ${harmless(node)}`).join(", ")}`);
  const [fileWeight] = opinions.flatMap(({ view }) => view.fileWeight ?? []);
  if (fileWeight !== undefined) notes.push(`weight by an operator, ${fileWeight} in the cluster file`);
  if (weights.length === 1 && weights[0] === 0 && drain === undefined) notes.push("weight 0: no new visitors");
  return notes;
}

function because(view: MemberView): string {
  return view.health === "down" && view.detail !== "" ? `: ${harmless(view.detail)}` : "";
}

function distinct<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}
