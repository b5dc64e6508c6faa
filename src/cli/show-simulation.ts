/** What a cluster would do, as people read it: a timeline with folded quiet times, where everything is at the end, and a summary. */

import type { ClusterConfig } from "../core/config/cluster.ts";
import type { GatewaysOnLink } from "../sim/what-if/gateways.ts";
import type { Runs } from "../sim/what-if/runs.ts";
import type { Entry, Gap, GroupState, Move, Simulation } from "../sim/what-if/simulation.ts";
import type { Wire } from "../sim/wires.ts";
import { harmless, paint, table } from "./terminal.ts";

/** A pause in the timeline that is longer than this is said in words. */
const FOLD_MS = 1_000;
/** On a bad wire these come and go all the time. */
const RESTLESS: ReadonlySet<string> = new Set([
  "LINK_UP",
  "LINK_DOWN",
  "PEER_LATE",
  "PEER_SUSPECT",
  "GATEWAY_LOST",
  "GATEWAY_BACK",
]);
/** Whatever is decided again and again is told so often. */
const MOST_REPEATED = 2;
/** Moves of one group that a summary names. */
const MOST_MOVES = 4;
/** Width of the lines that list who is on a link. */
const LIST_WIDTH = 100;
/** Two sides that differ by less in all saw the same. */
const ALIKE_MS = 5;

/** What stands above every answer. */
export interface Heading {
  readonly config: ClusterConfig;
  readonly wires: readonly Wire[];
  readonly gateways: readonly GatewaysOnLink[];
  readonly seed: number;
}

/** The cluster as it was built, so that nobody must guess what a link's name means. */
export function showHeading({ config, wires, gateways, seed }: Heading, runs: number): string {
  const rows = wires.flatMap(({ link, device, addresses }) => {
    const hosts = config.nodes.map(({ name }, index) => `${name} ${addresses[index] ?? "?"}`);
    const { addresses: routers = [], isAssumed = false } = gateways[link] ?? {};
    for (const router of routers) hosts.push(`gateway ${router}${isAssumed ? " (assumed: the file names none)" : ""}`);
    return wrapped(hosts).map((line, index) =>
      index === 0 ? [paint("dim", `link ${link}`), harmless(device), harmless(line)] : ["", "", harmless(line)],
    );
  });
  const seeds = runs === 1 ? `seed ${seed}` : `seeds ${seed} to ${seed + runs - 1}`;
  return `cluster ${paint("bold", harmless(config.cluster))}, simulated with ${seeds}\n${table(rows, "  ")}`;
}

/** A list in lines that are not too long. */
function wrapped(words: readonly string[]): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length > LIST_WIDTH) lines.push(word);
    else lines[lines.length - 1] = `${last} · ${word}`;
  }
  return lines;
}

/** One run. */
export function showSimulation(simulation: Simulation): string {
  const parts = [
    `at the beginning: ${simulation.start.map(placeText).join("; ")}`,
    timeline(simulation),
    ending(simulation),
    summary(simulation),
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}

function timeline({ entries }: Simulation): string {
  const rows: string[][] = [];
  let before = 0;
  /** How often each decision was told since something else happened than decisions. */
  const told = new Map<string, number>();
  let repeated: Entry[] = [];
  const tellRepeated = () => {
    const last = repeated.at(-1);
    if (last === undefined) return;
    const times = repeated.length === 1 ? "once more" : `${repeated.length} times more`;
    rows.push(["", "", paint("dim", `… the like ${times}, until ${clock(last.at)}`)]);
    before = last.at;
    repeated = [];
  };
  for (const entry of entries) {
    const { kind, reason = "", by, nodes, links, group } = entry;
    const key = JSON.stringify([reason, by, nodes, links, group]);
    const times = told.get(key) ?? 0;
    if (kind === "decision" && times >= (RESTLESS.has(reason) ? 1 : MOST_REPEATED)) {
      repeated.push(entry);
      continue;
    }
    tellRepeated();
    if (kind !== "decision") told.clear();
    told.set(key, times + 1);
    const quietMs = entry.at - before;
    if (quietMs > FOLD_MS) rows.push(["", "", paint("dim", `… ${roughly(quietMs)} without news`)]);
    before = entry.at;
    rows.push(row(entry));
  }
  tellRepeated();
  return table(rows, "  ");
}

function row(entry: Entry): string[] {
  return [
    clock(entry.at).padStart(8),
    speaker(entry),
    entry.reason === undefined ? content(entry) : `${content(entry)}  ${paint("dim", entry.reason)}`,
  ];
}

function speaker({ kind, by }: Entry): string {
  switch (kind) {
    case "script":
    case "over":
    case "expect":
      return paint("bold", "script");
    case "clients":
      return paint("cyan", "clients");
    case "broken":
      return paint("red", "promise");
    default:
      return harmless(by.length > 3 ? `${by.slice(0, 2).join(", ")} +${by.length - 2}` : by.join(", "));
  }
}

function content({ kind, severity, text }: Entry): string {
  const safe = harmless(text);
  if (severity === "alert") return paint("red", safe);
  if (severity === "warning") return paint("yellow", safe);
  if (kind === "script") return paint("bold", safe);
  return kind === "clients" || kind === "expect" ? paint("green", safe) : safe;
}

function ending({ end, untilMs, isSettled }: Simulation): string {
  const state = isSettled ? "everything has settled" : paint("yellow", "something still changed in the last 5 s");
  const lines = end.map((group) => {
    const pending = Object.entries(group.pending).map(([name, ms]) => `${name} in ${roughly(ms)}, not waited for`);
    const epoch = group.epoch === undefined ? [] : [`epoch ${group.epoch}`];
    return `  ${[placeText(group), ...epoch, ...pending].join(", ")}`;
  });
  return [`at the end, after ${roughly(untilMs)}: ${state}`, ...lines].join("\n");
}

/** `www on srv2`. */
function placeText({ group, on, because }: GroupState): string {
  const name = paint("bold", harmless(group));
  if (on.length > 0) return `${name} on ${harmless(on.join(" and "))}`;
  return `${name} ${paint("red", "nowhere")}${because === undefined ? "" : harmless(` (${because})`)}`;
}

function summary(simulation: Simulation): string {
  const lines = simulation.end.map(({ group, on }) => {
    const moves = simulation.moves.filter((move) => move.group === group);
    const told = moves.slice(0, MOST_MOVES).map(moveText);
    if (moves.length > MOST_MOVES) told.push(`and ${moves.length - MOST_MOVES} times more`);
    if (on.length === 0) told.push("nowhere at the end");
    return `  ${paint("bold", harmless(group))}: ${[told.length === 0 ? "stayed" : told.join(", "), gapText(simulation, group)].join("; ")}`;
  });
  const broken = simulation.entries.filter(({ kind, severity }) => kind === "broken" && severity === "alert").length;
  if (broken > 0)
    lines.push(paint("red", `  a promise was broken ${broken === 1 ? "once" : `${broken} times`}: see the timeline`));
  const { expectations } = simulation;
  if (expectations.length > 0)
    lines.push(`  ${expectations.filter(({ isMet }) => isMet).length} of ${expectations.length} expectations met`);
  return ["summary", ...lines].join("\n");
}

function moveText({ from, to, afterMs }: Move): string {
  const way = from === to ? `taken up again by ${to}` : from === undefined ? `taken by ${to}` : `moved ${from} → ${to}`;
  return harmless(`${way} after ${seconds(afterMs)}`);
}

function gapText({ gaps, end }: Simulation, group: string): string {
  const own = gaps.filter((gap) => gap.group === group);
  if (own.length === 0) return "clients always got an answer";
  const vips = [...new Set(own.map(({ vip }) => vip))];
  const texts = vips.map((vip) => {
    const whose = vips.length > 1 || end.length > 1 ? ` of ${vip}` : "";
    return `clients${whose} without answer ${gapsOfVip(own.filter((gap) => gap.vip === vip))}`;
  });
  return harmless(texts.join("; "));
}

/** Users on the segment and behind the gateway mostly see the same; then it is said once. */
function gapsOfVip(gaps: readonly Gap[]): string {
  const [near, far] = (["segment", "gateway"] as const).map((side) => gaps.filter((gap) => gap.side === side));
  if (near === undefined || far === undefined) return "";
  const isAlike = near.length === far.length && Math.abs(totalMs(near) - totalMs(far)) < ALIKE_MS;
  if (far.length === 0 || isAlike) return gapsOfSide(near);
  if (near.length === 0) return `${gapsOfSide(far)} behind the gateway, never on the segment`;
  return `${gapsOfSide(near)} on the segment, ${gapsOfSide(far)} behind the gateway`;
}

function gapsOfSide(gaps: readonly Gap[]): string {
  const several =
    gaps.length > 1 ? ` in ${gaps.length} gaps, the longest ${seconds(Math.max(...gaps.map(({ ms }) => ms)))}` : "";
  const isOpen = gaps.some(({ to }) => to === undefined);
  return `${seconds(totalMs(gaps))}${several}${isOpen ? " and still at the end" : ""}`;
}

function totalMs(gaps: readonly Gap[]): number {
  return gaps.reduce((sum, { ms }) => sum + ms, 0);
}

/** Many runs: only what chance changes. */
export function showRuns(runs: Runs): string {
  const rows = runs.spread.map(({ vip, group, minMs, medianMs, maxMs, worstSeed }) => [
    paint("bold", harmless(group)),
    harmless(vip),
    seconds(minMs),
    seconds(medianMs),
    seconds(maxMs),
    paint("dim", maxMs > minMs ? `seed ${worstSeed}` : ""),
  ]);
  const titles = ["GROUP", "VIP", "SHORTEST", "MEDIAN", "LONGEST", ""].map((title) => paint("dim", title));
  const outcomes = runs.outcomes.map(
    ({ group, on, runs: count }) =>
      `  ${paint("bold", harmless(group))} ended ${on.length === 0 ? paint("red", "nowhere") : `on ${harmless(on.join(" and "))}`} in ${count} of ${runs.runs} runs`,
  );
  const expectations = runs.expectations.map(({ text, met }) => {
    const line = `  ${harmless(text)}: met in ${met} of ${runs.runs} runs`;
    return met < runs.runs ? paint("red", line) : line;
  });
  const worst = runs.spread.toSorted((a, b) => b.maxMs - a.maxMs)[0];
  const notes = [
    runs.unsettled > 0 ? paint("yellow", `  ${runs.unsettled} runs had not settled at the end`) : "",
    runs.broken > 0
      ? paint("red", `  a promise was broken in ${runs.broken} of ${runs.runs} runs: seed ${seedList(runs)}`)
      : "",
    worst !== undefined && worst.maxMs > worst.minMs
      ? paint("dim", `  \`--seed ${worst.worstSeed}\` without --runs shows the run with the longest gap`)
      : "",
  ].filter((note) => note !== "");
  const gaps =
    rows.length === 0 ? [] : ["the longest time without an answer in each run", table([titles, ...rows], "  "), ""];
  return [...gaps, "summary", ...outcomes, ...expectations, ...notes].join("\n");
}

/** The first of the runs in which a promise was broken. */
function seedList({ broken, brokenSeeds }: Runs): string {
  return `${brokenSeeds.join(", ")}${broken > brokenSeeds.length ? ", …" : ""}`;
}

/** Seconds since the script began. */
function clock(at: number): string {
  return (at / 1_000).toFixed(3);
}

/** `176 ms`, `1.31 s`. */
function seconds(ms: number): string {
  if (ms < 10) return `${Number(ms.toFixed(1))} ms`;
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(2)} s`;
}

/** `5.0 s`, for what nobody measures. */
function roughly(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
