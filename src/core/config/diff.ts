/**
 * What differs between two cluster files, setting by setting, in the file's own words. It compares meanings, not texts:
 * comments, quoting and defaults that were written out make no difference. Pure; who applies a difference decides how.
 */

import type { ClusterConfig } from "./cluster.ts";
import { formatDuration } from "./duration.ts";
import { formatSize } from "./size.ts";

/** The parts of a cluster file that are put into effect in different ways. */
export type ConfigPart =
  | "cluster"
  | "nodes"
  | "timing"
  | "gateways"
  | "groups"
  | "everywhere"
  | "monitors"
  | "balancer";

/** One setting that differs. */
export interface ConfigChange {
  readonly part: ConfigPart;
  /** `balancer.sites.example.com.body-limit` */
  readonly path: string;
  /** In the file's words, on one line; undefined: was not there. */
  readonly before: string | undefined;
  /** Undefined: is gone. */
  readonly after: string | undefined;
}

/** The file's parts in its order, and which settings of a config belong to each. */
const PARTS: readonly (readonly [part: ConfigPart, keys: readonly (keyof ClusterConfig)[]])[] = [
  ["cluster", ["cluster", "keyFile"]],
  ["nodes", ["nodes"]],
  ["timing", ["heartbeat", "lease", "arbiter"]],
  ["gateways", ["gateways"]],
  ["groups", ["groups"]],
  ["everywhere", ["everywhere"]],
  ["monitors", ["monitors"]],
  ["balancer", ["balancer"]],
];

/** Mappings of the file whose order means nothing. */
const UNORDERED: ReadonlySet<string> = new Set(["groups", "monitors", "pools"]);

/** Longest text of a value that appeared or went away as a whole. */
const LONGEST_VALUE = 100;

/** All differences, in the order of the file's parts. Empty: the two mean the same. */
export function diffClusters(before: ClusterConfig, after: ClusterConfig): ConfigChange[] {
  return PARTS.flatMap(([part, keys]) =>
    keys.flatMap((key) => compare([word(key)], key, before[key], after[key]).map((change) => ({ part, ...change }))),
  );
}

type Change = Omit<ConfigChange, "part">;

/** `path` for people, `key` as the config names the setting. */
function compare(path: readonly string[], key: string, before: unknown, after: unknown): Change[] {
  if (isNamed(before) && isNamed(after)) return compareNamed(path, key, before, after);
  if (isPlain(before) && isPlain(after)) {
    const inner = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return inner.flatMap((name) => compare([...path, word(name)], name, before[name], after[name]));
  }
  if (fullText(before) === fullText(after)) return [];
  return [{ path: path.join("."), before: valueText(before, key), after: valueText(after, key) }];
}

/** Items of a list that have names are compared by name; the order of what both lists have is a setting of its own. */
function compareNamed(
  path: readonly string[],
  key: string,
  before: readonly Named[],
  after: readonly Named[],
): Change[] {
  const [old, now] = [byName(before), byName(after)];
  const names = [...new Set([...old.keys(), ...now.keys()])];
  const changes = names.flatMap((name) => compare([...path, name], name, old.get(name), now.get(name)));
  if (UNORDERED.has(key)) return changes;
  const oldOrder = [...old.keys()].filter((name) => now.has(name)).join(", ");
  const newOrder = [...now.keys()].filter((name) => old.has(name)).join(", ");
  if (oldOrder === newOrder) return changes;
  return [...changes, { path: `${path.join(".")} (order)`, before: cut(oldOrder), after: cut(newOrder) }];
}

type Named = Readonly<Record<string, unknown>>;

function byName(items: readonly Named[]): ReadonlyMap<string, Named> {
  return new Map(items.map((item) => [nameOf(item) ?? "", item]));
}

function isNamed(value: unknown): value is readonly Named[] {
  return (
    Array.isArray(value) &&
    value.every((item) => isPlain(item) && nameOf(item) !== undefined) &&
    new Set(value.map((item) => nameOf(item as Named))).size === value.length
  );
}

/** What tells an item from others of its list. */
function nameOf(item: Named): string | undefined {
  const name = item["id"] ?? item["name"];
  return typeof name === "string" ? name : undefined;
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A setting as the file writes it: `bodyLimitBytes` is `body-limit`. */
function word(key: string): string {
  return key
    .replace(/(?<=[a-z])(Ms|Bytes|File)$/, "")
    .replaceAll(/(?<=[a-z0-9])[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** For comparing: every digit counts. */
function fullText(value: unknown): string {
  return JSON.stringify(value) ?? "";
}

/** For people: on one line and not endless. */
function valueText(value: unknown, key: string): string | undefined {
  return value === undefined ? undefined : cut(flow(withUnit(key, value), key));
}

function cut(text: string): string {
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE - 1)}…` : text;
}

/** A value as it would stand on one line of a cluster file; what only repeats a default is not known here and stays. */
function flow(value: unknown, ownName?: string): string {
  if (Array.isArray(value)) return `[${value.map((item) => flow(item)).join(", ")}]`;
  if (isPlain(value)) {
    // An item's own name stands in the path already.
    const inner = Object.entries(value)
      .filter(([name, item]) => item !== undefined && !((name === "name" || name === "id") && item === ownName))
      .map(([name, item]) => `${word(name)}: ${flow(withUnit(name, item))}`);
    return `{ ${inner.join(", ")} }`;
  }
  return String(value);
}

function withUnit(name: string, value: unknown): unknown {
  if (typeof value !== "number") return value;
  if (name.endsWith("Ms")) return formatDuration(value);
  return name.endsWith("Bytes") ? formatSize(value) : value;
}
