/**
 * In which windows a visitor may have felt something, worked out from what was inflicted and who served. The rules:
 *
 * 1. A fault on the node that serves may be felt for its kind's bound from its beginning; when something else was wrong
 *    meanwhile, for `OVERLAP_MS`.
 * 2. A rough fault (lost packets, a starved processor) on the node that serves may be felt for as long as it lasts.
 * 3. While no node can be counted on, nobody can be served, and for `OVERLAP_MS` after the first one can be again. A node
 *    that neither the gateway nor another sound node answers has no evidence, and does not count.
 * 4. In maintenance nothing moves: what hits the node that serves may be felt until maintenance is over.
 *
 * A fault elsewhere explains nothing. This is the lab's model of what the cluster promises; it must never become wider
 * just because a run failed.
 */

import type { Allowance, Span } from "../../promises/explained-failures.ts";
import { kindOf } from "./kinds.ts";
import type { KindName } from "./kinds.ts";
import { holderWithin } from "./spells.ts";
import type { HolderSince, Spell } from "./spells.ts";

/** How long the site may be away after a fault while something else is wrong as well. */
export const OVERLAP_MS = 5_000;
/** Connections that stand break when the address moves, and the visitor hears of it with its next request. */
const STANDING_MS = 2_000;
/** An order takes so long. */
const SHORTLY_MS = 1_000;
export const NOBODY = "nobody could serve";

/** A window with the fault that opened it; several may overlap. */
export interface Window extends Allowance {
  /** Number of the planned fault; undefined when no single one is to blame. */
  readonly spell: number | undefined;
  readonly name: KindName | undefined;
}

export interface Situation {
  readonly nodes: readonly string[];
  readonly spells: readonly Spell[];
  readonly holders: readonly HolderSince[];
}

/** Windows for requests on connections of their own. */
export function drawWindows(situation: Situation): Window[] {
  return [...situation.spells.flatMap((spell) => windowOf(spell, situation) ?? []), ...nobodyCould(situation)];
}

/** Windows for requests on connections that stand: the same, and planned moves. */
export function drawStandingWindows(situation: Situation): Window[] {
  const { spells, holders } = situation;
  const windows = drawWindows(situation);
  // Whatever moved the address, connections to where it was are gone.
  const afterwards = windows.map((one) => ({ ...one, toMs: one.toMs + STANDING_MS }));
  const planned = spells
    .filter(({ name }) => kindOf(name).breaksStanding)
    .filter((spell) => spell.name === "switch" || meets(holders, spell) !== undefined)
    .map(({ id, name, fromMs }) => ({ spell: id, name, cause: name, fromMs, toMs: fromMs + STANDING_MS }));
  // A group also goes where an operator wished it once that node is well again. Whether a move was needed is not asked
  // here: what stood with the former holder is gone.
  const moves = holders.slice(1).map(({ sinceMs }) => ({
    spell: undefined,
    name: undefined,
    cause: "the address moved",
    fromMs: sinceMs - SHORTLY_MS,
    toMs: sinceMs + STANDING_MS,
  }));
  return [...afterwards, ...planned, ...moves];
}

/** When a fault met the node that serves; undefined when it never did. */
function meets(holders: readonly HolderSince[], { node, fromMs, toMs }: Spell): number | undefined {
  return node === undefined ? fromMs : holderWithin(holders, node, { fromMs, toMs });
}

function windowOf(spell: Spell, situation: Situation): Window | undefined {
  const kind = kindOf(spell.name);
  const isOrder = kind.breaksStanding || spell.name === "restart";
  // Where a switch goes is another node than the one that serves; both have a part in it.
  const metMs = spell.name === "switch" ? spell.fromMs : meets(situation.holders, spell);
  if (metMs === undefined) return undefined;
  const isDisturbed = situation.spells.some((other) => other !== spell && disturbs(other, metMs, kind.feltMs));
  const canBeFelt = kind.feltMs > 0 || (isOrder && isDisturbed);
  if (!canBeFelt) return undefined;
  const boundMs = isDisturbed ? OVERLAP_MS : kind.feltMs;
  // Inflicting takes a moment, too; the bound counts from when it was done.
  const endMs = boundMs + (kind.isRough ? spell.toMs : Math.max(metMs, spell.doneMs));
  const toMs = Math.max(endMs, endOfHoldUps(spell, situation.spells, { fromMs: metMs, toMs: endMs }));
  return { spell: spell.id, name: spell.name, cause: spell.name, fromMs: metMs, toMs };
}

/** Is this fault at work, or its trace, at that moment or before all should be well again? */
function disturbs(other: Spell, atMs: number, feltMs: number): boolean {
  const { disturbs: does, weakMs = 0 } = kindOf(other.name);
  if (!does) return false;
  return other.fromMs <= atMs + Math.max(feltMs, SHORTLY_MS) && Math.min(other.toMs + weakMs, other.restMs) >= atMs;
}

/** When what held the cluster up within a span is over, and it may act again; the span's end if nothing did. */
function endOfHoldUps(spell: Spell, spells: readonly Spell[], span: Span): number {
  return spells
    .filter((one) => one !== spell && kindOf(one.name).holdsUp)
    .filter(({ fromMs, toMs }) => fromMs <= span.toMs && toMs >= span.fromMs)
    .reduce((latest, { toMs }) => Math.max(latest, toMs + OVERLAP_MS), span.toMs);
}

/** Times in which a node cannot be counted on. */
function weakTimes(spells: readonly Spell[], node: string): Span[] {
  return spells.flatMap(({ name, node: hit, fromMs, toMs, restMs }) => {
    const { weakMs } = kindOf(name);
    if (weakMs === undefined || hit !== node) return [];
    return [{ fromMs, toMs: Math.max(toMs, Math.min(toMs + weakMs, restMs)) }];
  });
}

/** Rule 3: from edge to edge of what is known, is there a node that can be counted on? */
function nobodyCould({ nodes, spells }: Situation): Window[] {
  const weak = nodes.map((node) => weakTimes(spells, node));
  const dark = spells.filter(({ name }) => name === "gateway");
  const edges = [...new Set([...weak.flat(), ...dark].flatMap(({ fromMs, toMs }) => [fromMs, toMs]))].sort(
    (a, b) => a - b,
  );
  const windows: Window[] = [];
  for (const [index, fromMs] of edges.entries()) {
    const toMs = edges[index + 1];
    if (toMs === undefined) break;
    const middleMs = (fromMs + toMs) / 2;
    const isIn = (span: Span): boolean => span.fromMs <= middleMs && middleMs <= span.toMs;
    const sound = weak.filter((times) => !times.some(isIn)).length;
    const needed = dark.some(isIn) ? 2 : 1;
    if (sound >= needed) continue;
    const last = windows.at(-1);
    // A pause shorter than what follows a window is part of it.
    if (last !== undefined && last.toMs >= fromMs) windows[windows.length - 1] = { ...last, toMs: toMs + OVERLAP_MS };
    else windows.push({ spell: undefined, name: undefined, cause: NOBODY, fromMs, toMs: toMs + OVERLAP_MS });
  }
  return windows;
}
