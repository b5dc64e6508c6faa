/**
 * A check by a program: exit code 0 is up, 1 to 125 is down, and so is a program that does not end in time,
 * because a check that hangs usually hangs on what it checks. A program that cannot be started (127, 126, no
 * such file) or that somebody killed tells nothing about the service: unknown.
 */

import type { CommandConfig } from "../../core/config/cluster.ts";
import { describeResult } from "../commands.ts";
import type { CommandResult, Commands } from "../ports.ts";
import type { ProbeResult } from "./outcome.ts";

/** Runs the check once; never rejects. */
export async function probeByCommand(
  commands: Commands,
  command: CommandConfig,
  environment: Readonly<Record<string, string>>,
): Promise<ProbeResult> {
  const result = await commands.run(command, environment);
  return { outcome: outcomeOf(result), detail: describeResult(result) };
}

function outcomeOf(result: CommandResult): ProbeResult["outcome"] {
  if (result.error !== undefined) return "unknown";
  if (result.timedOut) return "down";
  if (result.code === undefined || result.code >= 126) return "unknown";
  return result.code === 0 ? "up" : "down";
}
