/**
 * Runs the monitors of this node on their schedule and tells the heart every change of a verdict. First
 * checks are spread over a moment and no monitor overlaps itself; a slow machine gets fewer checks and never
 * a pile of them.
 */

import type { ClusterConfig, MonitorConfig } from "../core/config/cluster.ts";
import { observe, UNCHECKED } from "../core/monitors/verdict.ts";
import type { MonitorState } from "../core/monitors/verdict.ts";
import type { Commands } from "../host/ports.ts";
import { probeByCommand } from "../host/probes/command.ts";
import { probeByHttp } from "../host/probes/http.ts";
import type { ProbeResult } from "../host/probes/outcome.ts";
import type { HeartPort } from "./heart-port.ts";

/** Checks that run at the same time. */
const PARALLEL_LIMIT = 16;
/** A booting node waits for its required monitors, so their first checks begin within this. */
const FIRST_CHECK_WITHIN_MS = 250;

export interface MonitorsOptions {
  readonly config: ClusterConfig;
  readonly node: string;
  readonly commands: Commands;
  readonly heart: Pick<HeartPort, "post">;
  /** Between 0 and 1, for the spread of first checks. */
  readonly random: () => number;
}

/** Starts all monitors; returns a function that ends them. */
export function startMonitors(options: MonitorsOptions): () => void {
  const turns = new Turns(PARALLEL_LIMIT);
  const ends = options.config.monitors.map((monitor) => startOne(monitor, options, turns));
  return () => ends.forEach((end) => end());
}

function startOne(monitor: MonitorConfig, options: MonitorsOptions, turns: Turns): () => void {
  // The engine's keeper tells this verdict itself, the moment that it changes.
  if (monitor.check.kind === "balancer") return () => {};
  let state: MonitorState = UNCHECKED;
  let isEnded = false;
  let timer: NodeJS.Timeout;
  const check = makeCheck(monitor.check, monitor, options);

  const round = async (): Promise<void> => {
    const begunMs = performance.now();
    const { outcome, detail } = await turns.take(check);
    if (isEnded) return;
    const before = state;
    state = observe(state, outcome, monitor);
    if (state.verdict !== before.verdict || before === UNCHECKED) {
      options.heart.post({ kind: "monitor", monitor: monitor.name, verdict: state.verdict, detail });
    }
    const tookMs = performance.now() - begunMs;
    timer = setTimeout(() => void round(), Math.max(monitor.everyMs - tookMs, monitor.everyMs / 10));
  };

  timer = setTimeout(() => void round(), options.random() * Math.min(monitor.everyMs, FIRST_CHECK_WITHIN_MS));
  return () => {
    isEnded = true;
    clearTimeout(timer);
  };
}

function makeCheck(
  check: Exclude<MonitorConfig["check"], { readonly kind: "balancer" }>,
  monitor: MonitorConfig,
  options: MonitorsOptions,
): () => Promise<ProbeResult> {
  const { config, node, commands } = options;
  const { timeoutMs } = monitor;
  const address = config.nodes.find(({ name }) => name === node)?.addresses[0] ?? "127.0.0.1";
  if (check.kind === "http") {
    const hosts = Object.fromEntries(
      config.nodes.flatMap(({ name, addresses }) => (addresses[0] === undefined ? [] : [[name, addresses[0]]])),
    );
    const url = fill(check.url, { node, address: address.includes(":") ? `[${address}]` : address });
    return () => probeByHttp({ url, timeoutMs, hosts });
  }
  const argv = check.argv.map((argument) => fill(argument, { node, address }));
  return () =>
    probeByCommand(commands, { argv, timeoutMs }, { UNDERSTUDY_NODE: node, UNDERSTUDY_MONITOR: monitor.name });
}

function fill(text: string, words: { node: string; address: string }): string {
  return text.replaceAll("{node}", words.node).replaceAll("{address}", words.address);
}

/** Lets so many run at once; the others wait in line. */
class Turns {
  #free: number;
  readonly #line: (() => void)[] = [];

  constructor(limit: number) {
    this.#free = limit;
  }

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#line.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#line.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
