/** The page `benchmarks/balancer.md`, which is also what the terminal shows. */

import { execFileSync } from "node:child_process";
import { cpus, release, totalmem } from "node:os";
import { median, megabytes, milliseconds } from "../figures.ts";
import { table } from "../report.ts";
import type { Changes } from "./changes.ts";
import type { ContenderName } from "./contenders.ts";
import type { Cost } from "./cost.ts";
import type { Seen } from "./load.ts";
import { PAIRS } from "./traffic.ts";
import type { Row } from "./traffic.ts";

export interface Results {
  readonly effort: { readonly rounds: number; readonly seconds: number };
  readonly rows: readonly Row[];
  readonly memory: ReadonlyMap<ContenderName, number>;
  readonly cost: readonly Cost[];
  readonly changes: readonly Changes[] | undefined;
  readonly tookMs: number;
}

const PROMISED_RATIO = 0.97;
const PROMISED_CHANGE_MS = 100;
const PROMISED_MEMBERS = 1_000;

export function renderPage(results: Results): string {
  const { rows, cost, changes, tookMs } = results;
  return [
    "# The balancer, measured",
    "",
    `Written by \`npm run bench:balancer\`, which took ${Math.ceil(tookMs / 60_000)} minutes. ${machine()}`,
    "",
    ...METHOD,
    "",
    "## Promises",
    "",
    ...table(["what", "promised", "measured", "met"], promises(results)),
    "",
    ...(rows.length === 0 ? [] : trafficSections(results)),
    ...(changes === undefined ? [] : changesSection(changes)),
    ...(cost.length === 0 ? [] : costSection(cost)),
  ].join("\n");
}

const METHOD = [
  "A client, a balancer and a web server in network namespaces, joined by a bridge; load and web server share one",
  "processor, the balancers have the other. The web server is an nginx that answers from memory under two addresses: the",
  "two members. Everybody stands ready all the time, each under an address of its own. *By hand* is what a good",
  "administrator would write for the same job, in `benchmarks/balancer/hand-written.ts`: two members, checks every 2 s, a",
  "cookie (HAProxy), the client's address handed on, TLS 1.2 and 1.3, an access log (HAProxy: syslog, nginx: a file), and for HAProxy that a GET which was",
  "sent to a dying member is repeated elsewhere, which costs it a copy of each request; *no repeats* is the same file",
  "without that, which loses such requests when a member dies. *By us* is the same job as a cluster",
  "file, through Understudy's own renderers and drivers. Load comes from wrk with 32 connections, which asks as fast as it",
  "is answered: latencies are those of a full machine. With *new connections* each request has one of its own. Everything",
  "that is compared is measured next to each other, in the order A B B A; a ratio is that of two neighbours, its spread that",
  "of all such pairs. *Processor* is what the balancer's own processes spend per request.",
];

function promises({ rows, cost }: Results): string[][] {
  const verdict = (what: string, promised: string, measured: string, isMet: boolean): string[] => [
    what,
    promised,
    measured,
    isMet ? "yes" : "**no**",
  ];
  const lines: string[][] = [];
  for (const { hand, ours } of rows.length === 0 ? [] : PAIRS) {
    const all = rows.flatMap(({ ratios }) => ratios.get(ours) ?? []);
    const ratio = median(all);
    lines.push(
      verdict(
        `requests per second, ${ours} against ${hand}, all cases`,
        `≥ ${PROMISED_RATIO}`,
        ratio.toFixed(3),
        ratio >= PROMISED_RATIO,
      ),
    );
    const cost = median(rows.flatMap(({ costs }) => costs.get(ours) ?? []));
    const dearest = 1 / PROMISED_RATIO;
    lines.push(
      verdict("the same, processor time per request", `≤ ${dearest.toFixed(2)}`, cost.toFixed(3), cost <= dearest),
    );
    const worst = rows
      .map(({ kase, ratios }) => ({ kase, ratio: median(ratios.get(ours) ?? []) }))
      .sort((a, b) => a.ratio - b.ratio)[0];
    if (worst === undefined) continue;
    lines.push(
      verdict(
        `the same, requests, worst case (${worst.kase.name})`,
        `≥ ${PROMISED_RATIO}`,
        worst.ratio.toFixed(3),
        worst.ratio >= PROMISED_RATIO,
      ),
    );
  }
  const runtime = cost.filter(
    ({ engine, members, sites }) => engine === "haproxy" && members === PROMISED_MEMBERS && sites === 1,
  );
  for (const { changesMs, changedBy } of runtime) {
    const most = Math.max(...changesMs);
    const isMet = most <= PROMISED_CHANGE_MS && changedBy.join() === "runtime";
    lines.push(
      verdict(
        `runtime change at ${PROMISED_MEMBERS} members, slowest`,
        `≤ ${PROMISED_CHANGE_MS} ms`,
        milliseconds(most),
        isMet,
      ),
    );
  }
  return lines;
}

function trafficSections({ effort, rows, memory }: Results): string[] {
  const names = [...(rows[0]?.seen.keys() ?? [])];
  const figure = (row: Row, name: ContenderName, read: (seen: Seen) => number): number =>
    median((row.seen.get(name) ?? []).map(read));
  const rate = (value: number): string => Math.round(value).toLocaleString("en");
  return [
    "## Requests per second",
    "",
    `Medians of ${effort.rounds * 2} measurements of ${effort.seconds} s each (${effort.rounds} of 1 s of those that are in no pair).`,
    "",
    ...table(
      ["", ...names],
      rows.map((row) => [
        row.kase.name,
        ...names.map((name) => rate(figure(row, name, (one) => one.requestsPerSecond))),
      ]),
    ),
    "",
    "## Ours against the file by hand",
    "",
    "Median of the pairs, and the least and most of them; above 1 is faster for requests, dearer for processor time.",
    "",
    ...table(
      ["", ...PAIRS.flatMap(({ ours }) => [`${ours}: requests`, `${ours}: processor`])],
      rows.map((row) => [
        row.kase.name,
        ...PAIRS.flatMap(({ ours }) => [spread(row.ratios.get(ours) ?? []), spread(row.costs.get(ours) ?? [])]),
      ]),
    ),
    "",
    "## Latency, p50 and p99",
    "",
    ...table(
      ["", ...names],
      rows.map((row) => [
        row.kase.name,
        ...names.map((name) => {
          const [p50, p99] = [figure(row, name, (one) => one.p50Ms), figure(row, name, (one) => one.p99Ms)];
          return `${p50.toFixed(2)} / ${p99.toFixed(2)} ms`;
        }),
      ]),
    ),
    "",
    `Failed requests: ${names.map((name) => `${name} ${rows.reduce((sum, row) => sum + (row.seen.get(name) ?? []).reduce((all, { failed }) => all + failed, 0), 0)}`).join(", ")}.`,
    "",
    "## Processor time per request",
    "",
    ...table(
      ["", ...names.slice(1)],
      rows.map((row) => [
        row.kase.name,
        ...names.slice(1).map((name) => `${figure(row, name, (one) => one.processorUs).toFixed(1)} µs`),
      ]),
    ),
    "",
    "## Memory",
    "",
    "Of all processes of each after all that, shared pages counted once.",
    "",
    ...table([...memory.keys()], [[...memory.values()].map(megabytes)]),
    "",
  ];
}

function spread(values: readonly number[]): string {
  if (values.length === 0) return "–";
  return `${median(values).toFixed(3)} (${Math.min(...values).toFixed(2)}–${Math.max(...values).toFixed(2)})`;
}

function changesSection(changes: readonly Changes[]): string[] {
  return [
    "## From a changed cluster file to the first request that sees it",
    "",
    "A running daemon; the file is replaced, `understudy reload` is asked for over the daemon's socket, and a client asks on",
    "new connections all the time.",
    "",
    ...table(
      ["", "changes", "seen, median", "seen, slowest", "the daemon said so, median"],
      changes.map(({ engine, seenMs, answeredMs }) => [
        engine,
        String(seenMs.length),
        milliseconds(median(seenMs)),
        milliseconds(Math.max(...seenMs)),
        milliseconds(median(answeredMs)),
      ]),
    ),
    "",
  ];
}

function costSection(cost: readonly Cost[]): string[] {
  const ms = (value: number): string => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
  return [
    "## What large cluster files cost",
    "",
    "A change that needs a reload, step by step; *apply* writes, checks once more and reloads. A change of a member is its",
    "weight or its drain, one after the other.",
    "",
    ...table(
      [
        "engine",
        "members",
        "sites",
        "rendered",
        "parse",
        "render",
        "engine's check",
        "apply",
        "change of a member, median",
        "slowest",
        "by",
      ],
      cost.map(({ engine, members, sites, reload, changesMs, changedBy }) => [
        engine,
        String(members),
        String(sites),
        `${Math.ceil(reload.renderedBytes / 1_024)} kB`,
        ms(reload.parseMs),
        ms(reload.renderMs),
        ms(reload.checkMs),
        ms(reload.applyMs),
        ms(median(changesMs)),
        ms(Math.max(...changesMs)),
        changedBy.join(", "),
      ]),
    ),
    "",
  ];
}

function machine(): string {
  const memory = Math.round(totalmem() / 1024 ** 3);
  const versions = ["haproxy", "nginx", "wrk", "openssl"].flatMap((name) => {
    const version = debianVersion(name);
    return version === undefined ? [] : [`${name} ${version}`];
  });
  return `Machine: ${cpus().length} cores (${cpus()[0]?.model.trim() ?? "unknown"}), ${memory} GiB, Linux ${release()}, Node ${process.versions.node}; Debian's ${versions.join(", ")}.`;
}

function debianVersion(name: string): string | undefined {
  try {
    const argv = ["-W", "-f", "${Version}", name];
    return execFileSync("dpkg-query", argv, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return undefined;
  }
}
