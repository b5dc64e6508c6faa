/**
 * Feeds two promises from what the wire and the daemons' own records showed: every change of holder has a decision of
 * the new holder with a known word and all its facts, and no group moves without a cause. A node that died right after
 * it took over may have taken its record with it, so what was open of it then is dropped.
 */

import { REASONS } from "../../core/node/reasons.ts";
import { Flapping } from "../../promises/flapping.ts";
import { Reasons } from "../../promises/reasons.ts";
import type { Evidence } from "./evidence.ts";
import type { CheckerRuns, Violation } from "./judge.ts";
import type { KindName } from "./kinds.ts";
import type { HolderSince, Spell } from "./spells.ts";

const GROUP = "www";
/** Reasons by which a node begins to serve a group. */
const BEGINNINGS = ["GROUP_TAKEN", "NODE_RESUMED"];
/** A record is heard of a little after it was made, and later when the listener has to connect again. */
const WITHIN_MS = 5_000;
/** A takeover, and a way home: more than that no single thing may cause. */
const MOVES_PER_CAUSE = 2;
const MOVE_EVERY_MS = 2_000;
/** A boot, its initial wait of 5 s, and retries. */
const REACTION_MS = 13_000;
/** After these a node's last record may never be heard. */
const SILENCING: readonly KindName[] = ["power-off", "kill", "stop-daemon", "restart"];
/** While these last a node's records wait. */
const HOLDING_UP: readonly KindName[] = ["freeze", "block"];

interface Judged {
  readonly violations: Violation[];
  readonly checker: CheckerRuns;
}

/** One thing after the other, in the order of time. */
interface Step {
  readonly atMs: number;
  readonly feed: () => string | undefined;
}

export function checkDecisions({ decisions, spells, endedMs }: Evidence, holders: readonly HolderSince[]): Judged {
  const promise = new Reasons({ sentences: REASONS, withinMs: WITHIN_MS });
  const steps: Step[] = [];
  for (const { heardMs, record } of decisions) {
    const { by, reason, group, node, link, facts } = record;
    const event = { at: heardMs, node: by, reason, group, facts: { node, group, link, ...facts } };
    steps.push({ atMs: heardMs, feed: () => promise.event(event) });
  }
  for (const { node, sinceMs } of holders.slice(1)) {
    const change = { at: sinceMs, node, group: GROUP, what: "began to serve", reasons: BEGINNINGS };
    const feed = (): undefined => promise.changed(change) as undefined;
    steps.push({ atMs: sinceMs, feed });
  }
  for (const { name, node, fromMs } of spells) {
    if (node === undefined || !SILENCING.includes(name)) continue;
    steps.push({ atMs: fromMs, feed: () => promise.gone(node) as undefined });
  }
  const held = spells.filter(({ name }) => HOLDING_UP.includes(name));
  const runs = (node: string, atMs: number): boolean => !held.some((spell) => isOn(spell, node, atMs));
  const violations: Violation[] = [];
  const tell = (atMs: number, text: string | undefined): void => {
    if (text !== undefined) violations.push({ promise: promise.name, atMs, text });
  };
  for (const { atMs, feed } of steps.toSorted((a, b) => a.atMs - b.atMs)) {
    for (const text of promise.advance(atMs, (node) => runs(node, atMs))) tell(atMs, text);
    tell(atMs, feed());
  }
  for (const text of promise.advance(endedMs, (node) => runs(node, endedMs))) tell(endedMs, text);
  return { violations, checker: { promise: promise.name, runs: promise.runs } };
}

function isOn({ node: hit, fromMs, toMs }: Spell, node: string, atMs: number): boolean {
  return hit === node && fromMs <= atMs && toMs >= atMs;
}

export function checkFlapping({ spells, phases }: Evidence, holders: readonly HolderSince[]): Judged {
  const promise = new Flapping({ perCause: MOVES_PER_CAUSE, everyMs: MOVE_EVERY_MS, reactionMs: REACTION_MS });
  const steps: Step[] = [];
  for (const spell of spells) {
    steps.push({ atMs: spell.fromMs, feed: () => promise.began(spell.fromMs, spell) as undefined });
    steps.push({ atMs: spell.toMs, feed: () => promise.ended(spell.toMs, spell) as undefined });
  }
  for (const { healedMs } of phases) steps.push({ atMs: healedMs, feed: () => promise.cause(healedMs) as undefined });
  for (const [index, { node: to, sinceMs: at }] of holders.entries()) {
    const from = holders[index - 1]?.node;
    if (from !== undefined) steps.push({ atMs: at, feed: () => promise.moved({ at, group: GROUP, from, to }) });
  }
  const violations = steps
    .toSorted((a, b) => a.atMs - b.atMs)
    .flatMap(({ atMs, feed }): Violation[] => {
      const text = feed();
      return text === undefined ? [] : [{ promise: promise.name, atMs, text }];
    });
  // Whoever served without ever moving was looked at, too.
  return { violations, checker: { promise: promise.name, runs: promise.runs + Math.min(1, holders.length) } };
}
