/** Why a group is where it is: the decision, what it rests on, what runs, and what would change it. */

import { sentenceOf } from "../api/sentence.ts";
import type { EventRecord, NodeView, WhyAnswer } from "../api/types.ts";
import { clockTime, duration, harmless, paint, severityWord, table } from "./terminal.ts";

type GroupView = NodeView["groups"][number];
interface Seen {
  readonly node: string;
  readonly group: GroupView;
}

/** Events shown below the explanation. */
const EVENTS_SHOWN = 12;
/** Monitors that are not up; a whole cluster may be ill. */
const MONITORS_SHOWN = 20;

/** The whole `why`, ready to print. */
export function showWhy(answer: WhyAnswer): string {
  const seen = answer.nodes.flatMap(({ node, view }) =>
    view.groups.filter(({ name }) => name === answer.group).map((group) => ({ node, group })),
  );
  const told = teller(seen);
  const parts = [headline(answer, seen)];
  if (told !== undefined) {
    parts.push(showDecision(told, answer));
    parts.push(section("timers", timers(told.group)));
    parts.push(section("who may hold it", candidates(told.group)));
    parts.push(
      section("what would change it", told.group.wouldChange.map((sentence) => `  ${harmless(sentence)}`).join("\n")),
    );
  }
  parts.push(
    section(
      "as each node sees it",
      table(
        seen.map(({ node, group }) => opinion(node, group)),
        "  ",
      ),
    ),
  );
  parts.push(section("monitors", monitors(answer)));
  parts.push(section("latest events", showEvents(answer.events.slice(-EVENTS_SHOWN))));
  return parts.filter((part) => part !== "").join("\n\n");
}

/** Whoever acts knows most; otherwise whoever knows the highest epoch. */
function teller(seen: readonly Seen[]): Seen | undefined {
  const ranked = seen.toSorted((a, b) => b.group.epoch - a.group.epoch);
  return (
    ranked.find(({ group }) => group.role !== "idle") ??
    ranked.find(({ group }) => group.decision !== undefined) ??
    ranked[0]
  );
}

function headline(answer: WhyAnswer, seen: readonly Seen[]): string {
  const name = paint("bold", harmless(answer.group));
  const serving = seen.filter(({ group }) => group.role === "holding");
  const epoch = `epoch ${answer.epoch}`;
  if (serving.length > 0) {
    const lease = serving[0]?.group.leaseMs;
    const end = lease === undefined ? "" : `; its lease ends in ${duration(lease)} unless it is renewed`;
    return `${name} is served by ${serving.map(({ node }) => harmless(node)).join(" and ")} (${epoch}${end})`;
  }
  const busy = seen.find(({ group }) => group.role !== "idle");
  if (busy !== undefined) return `${name} is ${paint("yellow", busy.group.role)} on ${harmless(busy.node)} (${epoch})`;
  const last = answer.holder === undefined ? "it was never held" : `last held by ${harmless(answer.holder)}`;
  return `${name} is ${paint("red", "not served")} by any node that answers (${epoch}; ${last})`;
}

function showDecision({ node, group }: Seen, answer: WhyAnswer): string {
  const { decision } = group;
  if (decision === undefined) return "no decision was taken since the daemon started";
  const record = answer.events.findLast(({ reason, by }) => reason === decision.reason && by === node);
  const when = record === undefined ? `on ${node}` : `at ${clockTime(record.time)} on ${node}`;
  const facts = Object.entries(decision.facts).map(([fact, value]) => [
    paint("dim", harmless(fact)),
    harmless(String(value)),
  ]);
  const lines = [`${paint("cyan", decision.reason)}  ${harmless(sentenceOf(decision))}  ${paint("dim", when)}`];
  if (facts.length > 0) lines.push(table(facts, "  "));
  return lines.join("\n");
}

function timers(group: GroupView): string {
  return table(
    Object.entries(group.timers).map(([name, ms]) => [harmless(name), `in ${duration(ms)}`]),
    "  ",
  );
}

function candidates(group: GroupView): string {
  return table(
    group.candidates.map(({ node, eligible, because }) => [
      harmless(node),
      eligible ? paint("green", "yes") : paint("red", "no"),
      harmless(because),
    ]),
    "  ",
  );
}

function opinion(node: string, group: GroupView): string[] {
  const holder = group.holder === undefined ? "nobody held it" : `holder ${harmless(group.holder)}`;
  return [harmless(node), holder, `epoch ${group.epoch}`, `its own role: ${group.role}`];
}

/** What is not up, and the balancer always: a node whose engine does not run may not hold what it balances. */
function monitors(answer: WhyAnswer): string {
  const all = answer.nodes.flatMap(({ node, view }) => view.monitors.map((monitor) => ({ node, ...monitor })));
  const told = all.filter(({ name, verdict }) => verdict !== "up" || name === "balancer");
  const rows = told
    .slice(0, MONITORS_SHOWN)
    .map(({ node, name, verdict, detail }) => [
      harmless(node),
      harmless(name),
      paint(verdict === "up" ? "green" : verdict === "down" ? "red" : "yellow", verdict),
      harmless(detail),
    ]);
  const rest = told.length - rows.length;
  return table(rows, "  ") + (rest > 0 ? `\n  and ${rest} more` : "");
}

function section(title: string, body: string): string {
  return body === "" ? "" : `${paint("dim", title)}\n${body}`;
}

/** Events, one line each. */
export function showEvents(events: readonly EventRecord[]): string {
  return table(
    events.map((event) => [
      clockTime(event.time),
      severityWord(event.severity),
      harmless(event.by),
      paint("dim", event.reason),
      harmless(event.text),
    ]),
    "  ",
  );
}
