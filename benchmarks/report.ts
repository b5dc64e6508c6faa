/** Turns results into the page `benchmarks/failover.md`, which is also what the terminal shows. */

import { execFileSync } from "node:child_process";
import { cpus, release, totalmem } from "node:os";
import type { ContenderResult, FaultResult } from "./campaign.ts";
import { FAULTS } from "./faults.ts";
import type { BenchmarkFault } from "./faults.ts";
import { gapOrNone, holding, median, megabytes, milliseconds, percent, refused, seconds, worst } from "./figures.ts";
import { judge } from "./promises.ts";

/** The whole page. */
export function renderReport(results: readonly ContenderResult[], { tookMs }: { tookMs: number }): string {
  return [
    "# Failover, measured",
    "",
    `Written by \`npm run bench:failover\`, which took ${Math.ceil(tookMs / 60_000)} minutes. ${machine()}`,
    "",
    ...METHOD,
    "",
    "## Promises",
    "",
    ...table(
      ["what", "promised", "measured", "met"],
      judge(results).map(({ what, promised, measured, isMet }) => [what, promised, measured, isMet ? "yes" : "**no**"]),
    ),
    "",
    ...FAULTS.flatMap((fault) => faultSection(fault, results)),
    ...idleSection(results),
    ...anatomySection(results),
    ...disturbedSection(results),
    ...configSection(results),
  ].join("\n");
}

const METHOD = [
  "Two nodes and a client in network namespaces, joined by two bridges (a public and a private wire). Each node runs a",
  "real nginx, and the program under test decides which of them has the address. The client opens a new connection",
  "every 5 ms and gives each request 50 ms; in planned moves it has no limit, and a gap also counts the slowest request.",
  "A *gap* is the time between two pages that arrived one after the other. *Two holders* is judged from the wire: frames",
  "captured at the nodes' bridge ports while an observer asks for the address by ARP every millisecond. Before each",
  "fault both nodes are healthy, and a random wait of 0–200 ms makes the fault meet every phase of the heartbeats. Power",
  "off means that all ports of a node go down in one batch before any process dies. *Gap while healing* is the longest",
  "time without a page between the end of the fault and the next calm.",
  "A phase in which the observer, which comes before everything else on the machine, could not run for 50 ms is repeated:",
  "then the machine stood still, and not a program.",
];

function faultSection(fault: BenchmarkFault, results: readonly ContenderResult[]): string[] {
  const rows = results.flatMap(({ contender, faults }) => {
    const result = faults[fault.key];
    return result === undefined ? [] : [[contender.name, ...faultCells(fault, result)]];
  });
  if (rows.length === 0) return [];
  const planned = fault.isPlanned ? ["refused", "open connections broken, of 10"] : [];
  const heads = [
    "",
    "phases",
    "gap, median",
    "gap, worst",
    "failed, median",
    "two holders, median",
    "two holders, worst",
  ];
  const note = NOTES[fault.key];
  return [
    `## ${fault.title[0]?.toUpperCase()}${fault.title.slice(1)}`,
    "",
    ...(note === undefined ? [] : [note, ""]),
    ...table([...heads, ...planned, "gap while healing"], rows),
    "",
  ];
}

const LONGER = "in any case 5 s (or 0.5 s) longer than the other node needs to take over.";

const NOTES: Readonly<Partial<Record<BenchmarkFault["key"], string>>> = {
  kill: `The daemon stays dead for 10 s in five phases, for 1.5 s in the others, and ${LONGER} Whoever holds the address still when the other took over, holds it for as long as nobody comes: the number shows when we came.`,
  freeze: `The daemon stays frozen for 10 s in five phases, for 1.5 s in the others, and ${LONGER}`,
  unplug:
    "The public cable loses its carrier a millisecond before the private one, so a node that looks has time to hand over: then there is hardly a gap.",
  nginx:
    "Understudy asks nginx every 100 ms and believes the second failure; keepalived's shortest interval is a second; Heartbeat looks at nothing.",
  switchover:
    "Understudy: `understudy switch`; keepalived: its daemon is stopped, as before maintenance; Heartbeat: `hb_standby`.",
};

function faultCells(fault: BenchmarkFault, { trials, troubles }: FaultResult): string[] {
  const pick = <T>(read: (trial: FaultResult["trials"][number]) => T): T[] => trials.map(read);
  const isOpen = trials.some((one) => one.isOpen);
  const isMostlyOpen = trials.filter((one) => one.isOpen).length * 2 > trials.length;
  const gaps = pick((one) => one.gapMs);
  const two = pick((one) => one.twoHoldersMs);
  return [
    troubles.length === 0 ? String(trials.length) : `${trials.length} (${troubles.length} failed: ${troubles[0]})`,
    isMostlyOpen ? "no end" : seconds(median(gaps)),
    isOpen ? `no end (> ${seconds(worst(gaps))})` : seconds(worst(gaps)),
    String(Math.round(median(pick((one) => one.failed)))),
    holding(median(two)),
    holding(worst(two)),
    ...(fault.isPlanned ? [String(worst(pick(refused))), String(worst(pick((one) => one.broken)))] : []),
    gapOrNone(worst(pick((one) => one.healingGapMs))),
  ];
}

function idleSection(results: readonly ContenderResult[]): string[] {
  const rows = results.flatMap(({ contender, idle }) => {
    if (idle === undefined) return [];
    const { memoryBytes, processorShare, measuredMs } = idle;
    return [[contender.name, megabytes(memoryBytes), percent(processorShare), seconds(measuredMs)]];
  });
  return [
    "## Idle",
    "",
    "Resident memory of all processes of the daemon on one node, and their share of one core, with the programs that",
    "they start to check nginx. The worse of the two nodes, without any client.",
    "",
    ...table(["", "memory", "processor", "watched for"], rows),
    "",
  ];
}

function anatomySection(results: readonly ContenderResult[]): string[] {
  const found = results.flatMap(({ faults }) => faults["power-off"]?.trials.flatMap((one) => one.anatomy ?? []) ?? []);
  if (found.length === 0) return [];
  const row = (what: string, values: readonly number[]): string[] => [
    what,
    milliseconds(Math.min(...values)),
    milliseconds(median(values)),
    milliseconds(worst(values)),
  ];
  return [
    "## Where Understudy's time goes after a power failure",
    "",
    `From the record of the node that took over, in ${found.length} phases. The gap is the silence less the age of the`,
    "last frame, plus what follows.",
    "",
    ...table(
      ["", "least", "median", "most"],
      [
        row(
          "age of the holder's last frame when the power went",
          found.map((one) => one.frameAgeMs),
        ),
        row(
          "last frame heard → holder called dead",
          found.map((one) => one.silenceMs),
        ),
        row(
          "dead → group taken, address opened and announced",
          found.map((one) => one.takingMs),
        ),
        row(
          "taken → first page at the client",
          found.map((one) => one.answerMs),
        ),
      ],
    ),
    "",
  ];
}

function disturbedSection(results: readonly ContenderResult[]): string[] {
  const counts = results.map(({ contender, faults }) => {
    const count = Object.values(faults).reduce((sum, one) => sum + one.disturbed, 0);
    return `${contender.name} ${count}`;
  });
  return ["## Repeated phases", "", `Because the machine stood still: ${counts.join(", ")}.`, ""];
}

function configSection(results: readonly ContenderResult[]): string[] {
  return [
    "## Settings",
    "",
    ...results.map(({ contender }) => `- ${contender.name}: ${contender.setting}.`),
    "",
    ...results.flatMap(({ contender }) =>
      contender
        .config()
        .flatMap(({ file, text }) => [`${contender.name}, \`${file}\` on srv1:`, "", "```", text.trimEnd(), "```", ""]),
    ),
  ];
}

function machine(): string {
  const versions = ["keepalived", "heartbeat", "nginx"].flatMap((name) => {
    const version = debianVersion(name);
    return version === undefined ? [] : [`${name} ${version}`];
  });
  const memory = Math.round(totalmem() / 1024 ** 3);
  return `Machine: ${cpus().length} cores (${cpus()[0]?.model.trim() ?? "unknown"}), ${memory} GiB, Linux ${release()}, Node ${process.versions.node}; Debian's ${versions.join(", ")}.`;
}

function debianVersion(name: string): string | undefined {
  try {
    return execFileSync("dpkg-query", ["-W", "-f", "${Version}", name], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  } catch {
    return undefined;
  }
}

/** A Markdown table whose columns stand under each other in a terminal as well. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = heads.map((head, column) => Math.max(3, head.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [line(heads), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...rows.map(line)];
}
