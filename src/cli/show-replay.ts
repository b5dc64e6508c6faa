/** A replay as people read it: the decisions with their reasons on a timeline, and the verdict. */

import { sentenceOf } from "../api/sentence.ts";
import type { DecisionEvent, Effect } from "../core/node/effects.ts";
import type { Input } from "../core/node/inputs.ts";
import type { Decision } from "../core/recording/decisions.ts";
import type { ReplaySummary } from "../recording/replay.ts";
import type { SegmentHeader } from "../recording/segment-header.ts";
import { clockTime, harmless, paint, severityWord } from "./terminal.ts";

const LONGEST_SEVERITY = "warning".length;

/** How inputs and effects are told in a few words. */
export interface Teller {
  input(input: Input): string;
  effect(effect: Effect, now: Input["now"]): string;
}

/** What the next lines come from. */
export function showSegment({ node, software, incarnation, begins, wall }: SegmentHeader): string {
  const how = begins === "start" ? "the daemon's start" : "a checkpoint";
  return `${paint("bold", harmless(node))}, recorded by version ${harmless(software)} (life ${harmless(incarnation).slice(0, 8)}), from ${how} at ${clockTime(wall)}`;
}

/** One decision, as `events` shows it. */
export function showEvent(event: DecisionEvent, wall: number): string {
  const facts = Object.entries(event.facts).filter(([name]) => !["group", "node", "link"].includes(name));
  const told = facts.map(([name, value]) => `${name}=${String(value)}`).join(" ");
  const sentence = harmless(sentenceOf(event));
  const word = `${severityWord(event.severity)}${" ".repeat(LONGEST_SEVERITY - event.severity.length)}`;
  const line = `  ${clockTime(wall)}  ${word}  ${sentence}  ${paint("dim", event.reason)}`;
  return told === "" ? line : `${line}  ${paint("dim", harmless(`[${told}]`))}`;
}

/** The verdict in a few lines; the last line is the answer. */
export function showSummary(summary: ReplaySummary, software: string, tell: Teller): string {
  const { segments, inputs, decisions, first, last, difference, otherVersions, hasOtherMessages } = summary;
  const lines: string[] = [];
  if (otherVersions.length > 0) {
    lines.push(`recorded by version ${harmless(otherVersions.join(", "))}, replayed by version ${software}`);
  }
  if (hasOtherMessages) lines.push("frames and questions differ, as they may between versions; the decisions count");
  const span = first === undefined || last === undefined ? "" : `, ${clockTime(first)} to ${clockTime(last)}`;
  const about = `${segments} ${segments === 1 ? "segment" : "segments"}, ${inputs} inputs${span}`;
  if (difference !== undefined) lines.push(showDifference(difference, tell));
  const plural = decisions === 1 ? "decision" : "decisions";
  const verdict =
    difference === undefined
      ? paint("green", `the same ${decisions} ${plural}`)
      : paint("red", `not the same: ${decisions} ${plural} up to the first difference`);
  lines.push(`${about}: ${verdict}`);
  return lines.join("\n");
}

function showDifference({ path, divergence, wall }: NonNullable<ReplaySummary["difference"]>, tell: Teller): string {
  const where = `first difference at ${clockTime(wall)}, in ${harmless(path)}`;
  if (divergence.kind !== "decisions") {
    const what =
      divergence.kind === "gates"
        ? "other gates are opened, or until another time"
        : "other frames or questions go out";
    return `${where}\n  in the second before: ${what}`;
  }
  const { input, effects, decisions, recorded } = divergence.step;
  return [
    where,
    `  input   ${harmless(tell.input(input))}`,
    ...listed("before", recorded.map(showDecision)),
    ...listed("now", decisions.map(showDecision)),
    ...listed(
      "does",
      effects.map((effect) => tell.effect(effect, input.now)),
    ),
  ].join("\n");
}

function listed(title: string, texts: readonly string[]): string[] {
  const shown = texts.length === 0 ? ["nothing"] : texts;
  return shown.map((text, index) => `  ${(index === 0 ? title : "").padEnd(6)}  ${harmless(text)}`);
}

/** A decision in one line. */
export function showDecision(decision: Decision): string {
  if (decision.kind !== "event") return JSON.stringify(decision);
  const event = decision["event"] as DecisionEvent;
  return `${event.reason}: ${sentenceOf(event)}`;
}
