/** The first block of a segment: who recorded it, with which program, and the cluster as the core needs it. */

import type { ClusterConfig, CommandConfig, ResourceConfig, ServiceConfig } from "../core/config/cluster.ts";
import type { SegmentStart } from "../core/recording/rerun.ts";

/** What a segment begins with, as JSON in its first block. */
export interface SegmentHeader extends SegmentStart {
  /** The recording begins with the core's own start, or with a checkpoint in the next block. */
  readonly begins: "start" | "checkpoint";
  /** When, by the wall clock; for people. */
  readonly wall: number;
}

const NOTHING_TO_RUN: readonly string[] = [];

/** The cluster as far as decisions depend on it. Commands, addresses of checks and the key's path are left out. */
export function recordedConfig(config: ClusterConfig): ClusterConfig {
  return {
    ...config,
    keyFile: "",
    groups: config.groups.map((group) => ({ ...group, resources: group.resources.map(recordedResource) })),
    everywhere: [],
    monitors: config.monitors.map((monitor) => ({ ...monitor, check: { kind: "command", argv: NOTHING_TO_RUN } })),
  };
}

function recordedResource(resource: ResourceConfig): ResourceConfig {
  return resource.kind === "service" ? recordedService(resource) : resource;
}

function recordedService(service: ServiceConfig): ServiceConfig {
  const { start, stop, status } = service;
  return {
    ...service,
    start: recordedCommand(start),
    stop: recordedCommand(stop),
    status: status && recordedCommand(status),
  };
}

function recordedCommand(command: CommandConfig): CommandConfig {
  return { argv: NOTHING_TO_RUN, timeoutMs: command.timeoutMs };
}

/** A header from its block's text, or a sentence about what is wrong with it. */
export function readHeader(text: string): SegmentHeader | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return "its header is no JSON";
  }
  if (typeof value !== "object" || value === null) return "its header is no object";
  const { begins, wall, software, shape, node, config, configHash, incarnation } = value as Partial<SegmentHeader>;
  const texts = [software, shape, node, configHash, incarnation];
  if (!texts.every((each) => typeof each === "string") || typeof wall !== "number") return "its header lacks a field";
  if (begins !== "start" && begins !== "checkpoint") return "its header does not say how it begins";
  if (!Array.isArray(config?.nodes) || !Array.isArray(config.groups)) return "its header holds no cluster";
  return value as SegmentHeader;
}
