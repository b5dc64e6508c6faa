/** Which daemon a command talks to: the option, else the environment, else the usual place. */

import type { Command } from "commander";

import { DaemonClient, DEFAULT_RUNTIME_DIR } from "./daemon-client.ts";

/** The runtime directory for a command. */
export function runtimeDirOf(command: Command): string {
  const { runtimeDir } = command.optsWithGlobals<{ runtimeDir?: string }>();
  return runtimeDir ?? process.env["UNDERSTUDY_RUNTIME_DIR"] ?? DEFAULT_RUNTIME_DIR;
}

/** A client of that daemon. */
export function clientOf(command: Command): DaemonClient {
  return new DaemonClient(runtimeDirOf(command));
}
