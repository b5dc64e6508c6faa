/**
 * Services that run on every node all the time and never move: started with the daemon, asked for their
 * status, started again with growing pauses when they died. They stay when the daemon ends: an upgrade of the
 * watchman is no reason to stop the web server.
 */

import type { DecisionEvent } from "../core/node/effects.ts";
import { describeResult } from "../host/commands.ts";
import type { CommandResult, Commands } from "../host/ports.ts";
import type { EverywhereService } from "./heart/messages.ts";
import { environmentFor } from "./release.ts";

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

export interface EverywhereOptions {
  readonly node: string;
  readonly services: readonly EverywhereService[];
  readonly commands: Commands;
  /** An earlier self of this daemon started them a moment ago. */
  readonly isResumed: boolean;
  readonly record: (event: Omit<DecisionEvent, "at">) => void;
}

/** Starts and watches them; returns a function that stops the watching and leaves the services alone. */
export function watchEverywhere(options: EverywhereOptions): () => void {
  const controller = new AbortController();
  for (const service of options.services) void watch(service, options, controller.signal);
  return () => controller.abort();
}

async function watch(service: EverywhereService, options: EverywhereOptions, signal: AbortSignal): Promise<void> {
  let pauseMs = FIRST_PAUSE_MS;
  // What has no status command can only be judged by its start.
  let isUp = service.status === undefined && options.isResumed;
  let wasUp = options.isResumed;
  while (!signal.aborted) {
    const status = service.status === undefined ? undefined : await run(service, "status", service.status, options);
    if (status !== undefined) isUp = hasWorked(status);
    if (isUp) {
      wasUp = true;
      pauseMs = FIRST_PAUSE_MS;
      await sleep(service.everyMs, signal);
      continue;
    }
    if (wasUp && status !== undefined) tell(service, options, describeResult(status));
    wasUp = false;
    const started = await run(service, "start", service.start, options);
    if (hasWorked(started)) isUp = true;
    else if (pauseMs === FIRST_PAUSE_MS) tell(service, options, describeResult(started));
    await sleep(pauseMs, signal);
    pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
  }
}

function tell(service: EverywhereService, options: EverywhereOptions, detail: string): void {
  options.record({
    severity: "alert",
    reason: "SERVICE_DIED",
    group: undefined,
    node: options.node,
    link: undefined,
    facts: { resource: service.id, detail },
  });
}

function run(
  service: EverywhereService,
  action: string,
  command: EverywhereService["start"],
  options: EverywhereOptions,
): Promise<CommandResult> {
  return options.commands.run(
    command,
    environmentFor({ node: options.node, group: undefined, resource: service.id, action }),
  );
}

function hasWorked(result: CommandResult): boolean {
  return result.code === 0 && !result.timedOut;
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    timer.unref();
    signal.addEventListener("abort", done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
  });
}
