/**
 * Makes one entry of what several nodes record about the same thing, or one node about several links or peers at
 * once: a boot in a cluster of sixteen is a handful of lines, not hundreds.
 */

import type { DecisionEvent } from "../../core/node/effects.ts";
import { explain } from "../../core/node/reasons.ts";
import type { Entry } from "./simulation.ts";

/** What is recorded within so long is one thing. */
const TOGETHER_MS = 150;

/** A decision as one node recorded it. */
export interface Recorded {
  readonly at: number;
  readonly by: string;
  readonly event: DecisionEvent;
}

interface Merged {
  readonly at: number;
  readonly by: string[];
  readonly nodes: string[];
  readonly links: number[];
  readonly event: DecisionEvent;
}

/** Decisions in order of time as entries. */
export function mergeDecisions(recorded: readonly Recorded[]): Entry[] {
  const single = recorded.map(({ at, by, event }): Merged => {
    const nodes = event.node === undefined ? [] : [event.node];
    const links = event.link === undefined ? [] : [event.link];
    return { at, by: [by], nodes, links, event };
  });
  const byRecorder = merge(single, "by", ({ nodes, links }) => [nodes, links]);
  const byLink = merge(byRecorder, "links", ({ by, nodes }) => [by, nodes]);
  const byNode = merge(byLink, "nodes", ({ by, links }) => [by, links]);
  return byNode.map(entryOf);
}

/** Joins neighbours in time that differ only in one list. */
function merge(
  entries: readonly Merged[],
  list: "by" | "links" | "nodes",
  sameness: (entry: Merged) => unknown,
): Merged[] {
  const merged: Merged[] = [];
  const recent = new Map<string, Merged>();
  for (const entry of entries) {
    const { reason, group, severity } = entry.event;
    const key = JSON.stringify([reason, group, severity, sameness(entry)]);
    const before = recent.get(key);
    const isNew = entry[list].some((one) => !(before?.[list] as unknown[] | undefined)?.includes(one));
    if (before !== undefined && isNew && entry.at - before.at <= TOGETHER_MS) {
      (before[list] as unknown[]).push(...entry[list]);
      continue;
    }
    const copy = { ...entry, by: [...entry.by], nodes: [...entry.nodes], links: [...entry.links] };
    merged.push(copy);
    recent.set(key, copy);
  }
  for (const { by, nodes, links } of merged) {
    by.sort(byName);
    nodes.sort(byName);
    links.sort((a, b) => a - b);
  }
  return merged;
}

/** `srv2` before `srv10`. */
function byName(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}

function entryOf({ at, by, nodes, links, event }: Merged): Entry {
  const { reason, severity, group } = event;
  // What an event is about stands among its facts, too; once is enough.
  const { node: _, group: __, link: ___, ...facts } = event.facts;
  const told = {
    ...event.facts,
    ...(nodes.length > 1 && { node: nodes.join(", ") }),
    ...(links.length > 1 && { link: links.join(", ") }),
  };
  return {
    at,
    kind: "decision",
    by,
    severity,
    reason,
    ...(group !== undefined && { group }),
    ...(nodes.length > 0 && { nodes }),
    ...(links.length > 0 && { links }),
    text: explain(reason, told),
    facts,
  };
}
