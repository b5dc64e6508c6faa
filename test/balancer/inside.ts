/**
 * Runs behaviours inside a network, mount and process namespace of its own, as its first process: whatever is left
 * over dies with it. Asked over its standard input and output: `run {engine, title}`.
 */

import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { promisify } from "node:util";
import type { EngineName } from "../../src/core/config/balancer.ts";
import { LineChannel } from "../../src/lab/line-channel.ts";
import { Bench } from "./bench.ts";
import { BEHAVIOURS } from "./behaviours.ts";
import { SystemLog } from "./system-log.ts";

/** A file system of its own, gone with the namespace. */
const FOLDER = "/run";
let next = 1;

await promisify(execFile)("ip", ["link", "set", "lo", "up"]);
// nginx keeps large bodies in a cache folder of the machine, which would not be gone.
for (const folder of [FOLDER, "/var/cache"]) await promisify(execFile)("mount", ["-t", "tmpfs", "none", folder]);
// nginx' driver sets it and puts it back, each for itself; side by side they would do so to each other.
const { engine: only } = JSON.parse(process.argv[2] ?? "{}") as { engine?: EngineName };
if (only === "nginx") {
  for (const family of ["ipv4", "ipv6"]) writeFileSync(`/proc/sys/net/${family}/ip_nonlocal_bind`, "1");
}
const systemLog = new SystemLog(FOLDER);
const channel = new LineChannel(process.stdin, process.stdout, async (method, params) => {
  if (method !== "run") throw new Error(`nobody runs ${method} here`);
  const { engine, title } = params as { engine: EngineName; title: string };
  const behaviour = BEHAVIOURS.find((one) => one.title === title);
  if (behaviour === undefined) throw new Error(`no behaviour "${title}"`);
  // Two numbers each: some behaviours want a second node.
  const number = next;
  next += 2;
  await using bench = await Bench.open(engine, number, { folder: FOLDER, systemLog });
  try {
    await behaviour.run(bench);
  } catch (error) {
    throw new Error((error as Error).stack ?? String(error), { cause: error });
  }
});
await channel.closed;
process.exit(0);
