/** What starting and asking an engine's program has in common, whichever it is: where it lies, and its unit of systemd. */

import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { createCommands, describeResult } from "../commands.ts";
import type { CommandResult } from "../ports.ts";

const FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin"];
const UNIT_LIMIT_MS = 60_000;

const commands = createCommands({ outputLimitBytes: 65_536 });

export function run(argv: readonly string[], timeoutMs: number): Promise<CommandResult> {
  return commands.run({ argv: [...argv], timeoutMs }, {});
}

/** Full path, or undefined when it is not installed. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(":").filter((folder) => folder !== ""), ...FOLDERS];
  return folders
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Asks systemd to start it and does not wait until it is ready. Rejects with words. */
export async function startUnit(unit: string): Promise<void> {
  const result = await run(["systemctl", "start", "--no-block", unit], UNIT_LIMIT_MS);
  if (result.code !== 0) throw new Error(`systemctl start ${unit} ${describeResult(result)}`);
}

export async function hasUnitFailed(unit: string): Promise<boolean> {
  return (await run(["systemctl", "is-failed", "--quiet", unit], UNIT_LIMIT_MS)).code === 0;
}

export async function killUnit(unit: string): Promise<void> {
  await run(["systemctl", "kill", "--signal=SIGKILL", unit], UNIT_LIMIT_MS);
}

export async function stopUnit(unit: string): Promise<void> {
  await run(["systemctl", "stop", unit], UNIT_LIMIT_MS);
}
