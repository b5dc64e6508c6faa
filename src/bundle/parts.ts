/**
 * What a bug report needs: the program, the machine, the cluster file, what was decided and recorded, and what the
 * kernel holds now. Files and commands that only look; key files and environments are never read.
 */

import { open, readdir, readFile } from "node:fs/promises";
import { arch, loadavg, release, uptime, version as kernelVersion } from "node:os";
import { join } from "node:path";

import type { Problem } from "../core/base/report.ts";
import { loadClusterFile } from "../host/config-file.ts";
import { createCommands, describeResult } from "../host/commands.ts";
import type { CommandResult } from "../host/ports.ts";
import { listSegments, RING_DIRECTORY } from "../recording/input-ring.ts";
import { cleanConfig } from "./clean-config.ts";
import { cleanJson, cleanJsonLines } from "./clean-json.ts";
import { TEXT_LIMIT_BYTES, type Part } from "./part.ts";

/** Where to look. */
export interface BundleSources {
  readonly version: string;
  readonly configFile: string;
  readonly stateDir: string;
  readonly runtimeDir: string;
  /** Since when, by the wall clock. */
  readonly since: number;
  /** Asks the running daemon; rejects when none answers. */
  get(path: string): Promise<unknown>;
}

const COMMAND_LIMIT_MS = 8_000;
/** Of all recordings together: the newest. */
const RECORDINGS_LIMIT_BYTES = 16 * 1_024 * 1_024;

/** All parts, in the manifest's order. */
export function partsOf(sources: BundleSources): readonly Part[] {
  return [
    {
      title: "versions, machine and clocks",
      collect: async () => [{ name: "machine.json", content: await machine(sources) }],
    },
    {
      title: "cluster file",
      collect: async () => [{ name: "cluster.yaml", content: cleanConfig(await readEnd(sources.configFile)) }],
    },
    {
      title: "result of `understudy check`",
      collect: async () => [{ name: "check.json", content: check(sources.configFile) }],
    },
    ...daemonParts(sources),
    ...diskParts(sources),
    ...kernelParts(),
    ...serviceParts(sources),
  ];
}

function daemonParts({ get }: BundleSources): Part[] {
  const json = (title: string, name: string, path: string): Part => ({
    title,
    collect: async () => [{ name, content: pretty(await get(path)) }],
  });
  return [
    json("state of the cluster, from the daemon", "status.json", "/v1/status"),
    json("this node's core, from the daemon", "view.json", "/v1/view"),
    json("events of all nodes, from the daemon", "events.json", "/v1/events"),
  ];
}

function diskParts({ stateDir, runtimeDir, since }: BundleSources): Part[] {
  return [
    {
      title: "events, from the disk",
      collect: async () => {
        const texts = [`${stateDir}/events.jsonl.1`, `${stateDir}/events.jsonl`].map((path) => readEnd(path));
        const [older, newer] = await Promise.allSettled(texts);
        if (newer?.status !== "fulfilled") throw newer?.reason;
        const text = (older?.status === "fulfilled" ? older.value : "") + newer.value;
        return [{ name: "state/events.jsonl", content: cleanJsonLines(text) }];
      },
    },
    {
      title: "epochs and operators' wishes, from the disk",
      collect: async () => [{ name: "state/state.json", content: await cleanFile(join(stateDir, "state.json")) }],
    },
    {
      title: "what runs because of the daemon",
      collect: async () => [{ name: "state/running.json", content: await cleanFile(join(runtimeDir, "running.json")) }],
    },
    {
      title: "recorded inputs, for `understudy replay`",
      collect: () => recordings(join(stateDir, RING_DIRECTORY), since),
    },
  ];
}

function kernelParts(): Part[] {
  return [
    command(
      "rules of the gate",
      "kernel/nft.txt",
      ["nft", "list", "tables"],
      ["nft", "-a", "list", "table", "inet", "understudy"],
      ["nft", "-a", "list", "table", "arp", "understudy"],
    ),
    command("devices and addresses", "kernel/addresses.txt", ["ip", "-details", "-statistics", "address", "show"]),
    command(
      "routes",
      "kernel/routes.txt",
      ["ip", "-4", "route", "show", "table", "all"],
      ["ip", "-6", "route", "show", "table", "all"],
      ["ip", "rule", "show"],
    ),
    command("neighbours", "kernel/neighbours.txt", ["ip", "-statistics", "neighbour", "show"]),
    {
      title: "kernel settings that are changed",
      collect: async () => [{ name: "kernel/settings.txt", content: await settings() }],
    },
    command("sockets of the heartbeat", "kernel/sockets.txt", ["ss", "-lnup"]),
  ];
}

function serviceParts({ since }: BundleSources): Part[] {
  const from = `@${Math.floor(since / 1_000)}`;
  return [
    // Not `show` or `cat`: they print the unit's environment.
    command("state of the service", "service/status.txt", [
      "systemctl",
      "--no-pager",
      "--full",
      "--lines=0",
      "status",
      "understudy.service",
    ]),
    command("the daemon's log", "service/journal.txt", [
      "journalctl",
      "--no-pager",
      "--output=short-precise",
      "--lines=20000",
      `--since=${from}`,
      "--unit=understudy.service",
    ]),
    command("pauses of the machine, from the kernel's log", "service/kernel-log.txt", [
      "journalctl",
      "--no-pager",
      "--dmesg",
      "--output=short-precise",
      "--lines=2000",
      `--since=${from}`,
    ]),
  ];
}

/** Commands whose outputs follow each other in one file; the part is missing when none of them worked. */
function command(title: string, name: string, ...lines: readonly (readonly string[])[]): Part {
  return {
    title,
    collect: async () => {
      const commands = createCommands({ outputLimitBytes: TEXT_LIMIT_BYTES });
      const results = await Promise.all(lines.map((argv) => commands.run({ argv, timeoutMs: COMMAND_LIMIT_MS }, {})));
      // `systemctl status` answers 3 for a service that does not run, with everything on its output.
      const isUseful = results.some(
        ({ error, code, output }) => error === undefined && (code === 0 || code === 3) && output !== "",
      );
      if (!isUseful)
        throw new Error(results.map((result) => `${result.argv[0]}: ${describeUseless(result)}`).join("; "));
      const texts = results.map((result) => {
        const failed = result.code === 0 ? "" : `[${describeResult({ ...result, output: "" })}]\n`;
        return `$ ${result.argv.join(" ")}\n${failed}${result.output}\n`;
      });
      return [{ name, content: texts.join("\n") }];
    },
  };
}

function describeUseless(result: CommandResult): string {
  return result.code === 0 ? "it printed nothing" : describeResult(result);
}

async function machine({ version, since }: BundleSources): Promise<string> {
  const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "");
  const system = await readFile("/etc/os-release", "utf8").catch(() => "");
  const pressure = await readFile("/proc/pressure/cpu", "utf8").catch(() => "");
  const memory = await readFile("/proc/meminfo", "utf8").catch(() => "");
  const clocks = await readFile("/sys/devices/system/clocksource/clocksource0/current_clocksource", "utf8").catch(
    () => "",
  );
  return pretty({
    understudy: version,
    node: process.version,
    kernel: `${release()} ${kernelVersion()}`,
    machine: arch(),
    system: /^PRETTY_NAME="?([^"\n]*)/m.exec(system)?.[1],
    boot: boot.trim(),
    upSeconds: Math.floor(uptime()),
    load: loadavg(),
    pressure: pressure.trim(),
    memory: memory.split("\n").slice(0, 5),
    clocks: {
      source: clocks.trim(),
      zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      now: new Date().toISOString(),
    },
    since: new Date(since).toISOString(),
  });
}

function check(configFile: string): string {
  const loaded = loadClusterFile(configFile);
  const problems = loaded.problems.map(withoutText);
  return pretty({ file: configFile, ok: loaded.ok, hash: loaded.ok ? loaded.value.hash : undefined, problems });
}

/** The line that a problem quotes may hold anything; its number is enough. */
function withoutText(problem: Problem): Problem {
  return problem.at === undefined ? problem : { ...problem, at: { ...problem.at, text: "" } };
}

async function recordings(directory: string, since: number): Promise<{ name: string; content: Buffer }[]> {
  const segments = (await listSegments(directory)).toReversed();
  if (segments.length === 0) throw new Error(`${directory} holds none`);
  const kept: { name: string; content: Buffer }[] = [];
  let total = 0;
  for (const [index, { path, sizeBytes, changedAt }] of segments.entries()) {
    if (total + sizeBytes > RECORDINGS_LIMIT_BYTES) break;
    if (index > 0 && changedAt < since) break;
    total += sizeBytes;
    kept.unshift({ name: `inputs/${path.slice(directory.length + 1)}`, content: await readFile(path) });
  }
  return kept;
}

const SETTINGS = ["arp_ignore", "arp_announce", "arp_filter", "rp_filter", "forwarding"];

async function settings(): Promise<string> {
  const folder = "/proc/sys/net/ipv4/conf";
  const lines: string[] = [];
  for (const device of (await readdir(folder)).sort()) {
    for (const setting of SETTINGS) {
      const value = await readFile(`${folder}/${device}/${setting}`, "utf8").catch(() => undefined);
      if (value !== undefined) lines.push(`net.ipv4.conf.${device}.${setting} = ${value.trim()}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

async function cleanFile(path: string): Promise<string> {
  return pretty(JSON.parse(await readEnd(path)));
}

function pretty(value: unknown): string {
  return `${JSON.stringify(cleanJson(value), undefined, 2)}\n`;
}

/** A text file's end, within the limit of a part. Only plain files are read: a pipe would never end. */
async function readEnd(path: string): Promise<string> {
  const file = await open(path, "r");
  try {
    const about = await file.stat();
    if (!about.isFile()) throw new Error(`${path} is no plain file`);
    const length = Math.min(about.size, TEXT_LIMIT_BYTES);
    const bytes = Buffer.alloc(length);
    const { bytesRead } = await file.read(bytes, 0, length, about.size - length);
    return bytes.subarray(0, bytesRead).toString("utf8");
  } finally {
    await file.close();
  }
}
