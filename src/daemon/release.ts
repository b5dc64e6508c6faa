/**
 * Releases what a dead daemon left on this machine: services are stopped in reverse order, addresses and the
 * gate's rules are removed. The kernel has closed the gate long before; this makes the machine clean. Not on
 * anybody's critical path, so it drives the ordinary programs `ip` and `nft`.
 */

import { describeResult } from "../host/commands.ts";
import type { CommandResult, Commands } from "../host/ports.ts";
import { discardHandover } from "./handover.ts";
import { readRunning, removeRunning } from "./running.ts";

/** For one call of `ip` or `nft`. */
const TOOL_LIMIT_MS = 5_000;

/** What was done and what failed, one sentence each. */
export interface ReleaseReport {
  readonly done: readonly string[];
  readonly failed: readonly string[];
}

/**
 * Releases everything on record; never rejects, and may be repeated. `restoreDevices` takes guards and
 * settings off the devices; a daemon that is about to make its own needs none.
 */
export async function releaseLeftovers(
  runtimeDir: string,
  commands: Commands,
  restoreDevices: () => void = () => {},
): Promise<ReleaseReport> {
  const report = { done: [] as string[], failed: [] as string[] };
  try {
    // A next self must not take over what is stopped here.
    await discardHandover(runtimeDir);
  } catch (error) {
    report.failed.push(`could not take the daemon's will back: ${(error as Error).message}`);
  }
  const running = await readRunning(runtimeDir);
  if (running === undefined) return report;
  // First what others could collide with.
  for (const address of running.addresses) await removeAddress(address, commands, report);
  for (const { resource, group, stop } of running.resources.toReversed()) {
    const result = await commands.run(stop, environmentFor({ node: running.node, group, resource, action: "stop" }));
    const sentence = `${resource}: ${describeResult(result)}`;
    (result.code === 0 ? report.done : report.failed).push(
      result.code === 0 ? `stopped ${sentence}` : `did not stop ${sentence}`,
    );
  }
  await removeTables(commands, report);
  try {
    restoreDevices();
  } catch (error) {
    report.failed.push(`did not give the devices back as they were: ${(error as Error).message}`);
  }
  if (report.failed.length === 0) await removeRunning(runtimeDir).catch(() => {});
  return report;
}

/** What a service's command finds in its environment. */
export function environmentFor(facts: {
  node: string;
  group: string | undefined;
  resource: string;
  action: string;
}): Record<string, string> {
  return {
    UNDERSTUDY_NODE: facts.node,
    UNDERSTUDY_GROUP: facts.group ?? "",
    UNDERSTUDY_RESOURCE: facts.resource,
    UNDERSTUDY_ACTION: facts.action,
  };
}

type Report = { done: string[]; failed: string[] };

async function removeAddress(address: string, commands: Commands, report: Report): Promise<void> {
  const host = `${address}/${address.includes(":") ? 128 : 32}`;
  const listed = await tool(commands, ["ip", "-o", "addr", "show", "to", host]);
  if (listed.code !== 0) {
    report.failed.push(`could not list ${address}: ${describeResult(listed)}`);
    return;
  }
  for (const line of listed.output.split("\n")) {
    // `3: eth0    inet 192.0.2.10/32 scope global …`
    const [, device, found] = /^\d+:\s+(\S+)\s+inet6?\s+(\S+)/.exec(line) ?? [];
    if (device === undefined || found === undefined) continue;
    const removed = await tool(commands, ["ip", "addr", "del", found, "dev", device]);
    if (removed.code === 0) report.done.push(`removed ${found} from ${device}`);
    else report.failed.push(`did not remove ${found} from ${device}: ${describeResult(removed)}`);
  }
}

async function removeTables(commands: Commands, report: Report): Promise<void> {
  const listed = await tool(commands, ["nft", "list", "tables"]);
  if (listed.code !== 0) {
    report.failed.push(`could not list the nftables tables: ${describeResult(listed)}`);
    return;
  }
  for (const line of listed.output.split("\n")) {
    const [, family, table] = /^table (\w+) (understudy\w*)$/.exec(line.trim()) ?? [];
    if (family === undefined || table === undefined) continue;
    const removed = await tool(commands, ["nft", "delete", "table", family, table]);
    if (removed.code === 0) report.done.push(`removed the nftables table ${family} ${table}`);
    else report.failed.push(`did not remove the nftables table ${family} ${table}: ${describeResult(removed)}`);
  }
}

function tool(commands: Commands, argv: readonly string[]): Promise<CommandResult> {
  return commands.run({ argv, timeoutMs: TOOL_LIMIT_MS }, {});
}
