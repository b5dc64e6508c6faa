/**
 * What runs on this machine because of us, kept in the runtime directory for the case that this daemon dies
 * without a word: the unit's stop hook (and the next start) reads it and releases the rest. Nothing secret,
 * and gone after a reboot like everything it names.
 */

import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";

import type { ClusterConfig, CommandConfig } from "../core/config/cluster.ts";
import { LatestWriter } from "./atomic-file.ts";

/** A started resource and how to stop it. */
export interface RunningResource {
  readonly resource: string;
  readonly group: string;
  readonly stop: CommandConfig;
}

export interface Running {
  readonly node: string;
  /** In the order in which they were started. */
  readonly resources: readonly RunningResource[];
  /** Addresses that may be on a device. */
  readonly addresses: readonly string[];
}

function fileIn(runtimeDir: string): string {
  return join(runtimeDir, "running.json");
}

/** The list on disk; undefined when there is none or it cannot be read. */
export async function readRunning(runtimeDir: string): Promise<Running | undefined> {
  try {
    const value = JSON.parse(await readFile(fileIn(runtimeDir), "utf8")) as Partial<Running>;
    if (typeof value.node !== "string" || !Array.isArray(value.resources) || !Array.isArray(value.addresses))
      return undefined;
    return {
      node: value.node,
      resources: value.resources.filter(isResource),
      addresses: value.addresses.filter((a) => typeof a === "string"),
    };
  } catch {
    return undefined;
  }
}

function isResource(value: RunningResource | null): value is RunningResource {
  const argv: unknown = value?.stop?.argv;
  return (
    typeof value?.resource === "string" &&
    typeof value.group === "string" &&
    typeof value.stop.timeoutMs === "number" &&
    Array.isArray(argv) &&
    argv.every((argument) => typeof argument === "string")
  );
}

/** File of the runtime directory that keeps the devices' settings as they were found. */
export function settingsRecord(runtimeDir: string): string {
  return join(runtimeDir, "settings.json");
}

/** Forgets everything: nothing of ours runs any more. */
export async function removeRunning(runtimeDir: string): Promise<void> {
  await rm(fileIn(runtimeDir), { force: true });
}

/** Keeps the list up to date while the daemon lives. */
export class RunningList {
  readonly #node: string;
  readonly #addresses: readonly string[];
  readonly #writer: LatestWriter;
  readonly #resources = new Map<string, RunningResource>();

  constructor(options: { runtimeDir: string; node: string; config: ClusterConfig; failed: (error: Error) => void }) {
    this.#node = options.node;
    this.#addresses = options.config.groups.flatMap((group) =>
      group.resources.flatMap((resource) => (resource.kind === "vip" ? [resource.address] : [])),
    );
    this.#writer = new LatestWriter(fileIn(options.runtimeDir), options.failed);
  }

  /** Takes over what an earlier self left running. */
  adopt(earlier: Running | undefined): void {
    for (const resource of earlier?.resources ?? []) this.#resources.set(resource.resource, resource);
    this.#write();
  }

  started(resource: RunningResource): void {
    this.#resources.delete(resource.resource);
    this.#resources.set(resource.resource, resource);
    this.#write();
  }

  stopped(resource: string): void {
    if (this.#resources.delete(resource)) this.#write();
  }

  /** Waits until the list is on disk. */
  async flush(): Promise<void> {
    await this.#writer.flush();
  }

  #write(): void {
    const list: Running = { node: this.#node, resources: [...this.#resources.values()], addresses: this.#addresses };
    this.#writer.write(JSON.stringify(list));
  }
}

/** Makes the runtime directory when a service manager did not. */
export async function makeRuntimeDir(runtimeDir: string): Promise<void> {
  await mkdir(runtimeDir, { recursive: true, mode: 0o755 });
}
