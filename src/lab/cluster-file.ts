/**
 * The cluster file of a lab as a typed description, and its text. The lab writes the file as an administrator
 * would and knows nothing of the program that reads it; so it has its own small YAML writer, which needs only
 * maps, lists and scalars.
 */

export type Scalar = string | number | boolean | null;
export type Value = Scalar | readonly Value[] | { readonly [key: string]: Value | undefined };

/** One entry of a group's `resources`. */
export type ResourceEntry = { [kind: string]: Value };

/** The cluster file's shape as far as the lab writes it; tests may add any other key. */
export interface ClusterFile {
  cluster: string;
  key: string;
  nodes: Record<string, { address: string; links: string[] }>;
  heartbeat?: Record<string, Value>;
  gateways: string[];
  groups: Record<
    string,
    { prefer: string[]; failback: Value; requires: string[]; resources: ResourceEntry[]; [key: string]: Value }
  >;
  monitors: Record<string, { [key: string]: Value }>;
  [key: string]: Value | undefined;
}

/** The file's text: block style, strings quoted whenever YAML could read them as something else. */
export function renderClusterFile(file: ClusterFile): string {
  return `${renderMap(file, "").join("\n")}\n`;
}

type ValueMap = { readonly [key: string]: Value | undefined };

function renderMap(map: ValueMap, indent: string): string[] {
  const lines: string[] = [];
  for (const [key, value] of Object.entries(map)) {
    if (value === undefined) continue;
    const head = `${indent}${renderScalar(key)}:`;
    if (isScalar(value)) lines.push(`${head} ${renderScalar(value)}`);
    else if (isEmpty(value)) lines.push(`${head} ${Array.isArray(value) ? "[]" : "{}"}`);
    else lines.push(head, ...renderBlock(value, `${indent}  `));
  }
  return lines;
}

function renderBlock(value: Exclude<Value, Scalar>, indent: string): string[] {
  if (!isList(value)) return renderMap(value, indent);
  return value.flatMap((item) => {
    if (isScalar(item)) return [`${indent}- ${renderScalar(item)}`];
    if (isEmpty(item)) return [`${indent}- ${isList(item) ? "[]" : "{}"}`];
    const [first = "", ...rest] = renderBlock(item, `${indent}  `);
    return [`${indent}- ${first.trimStart()}`, ...rest];
  });
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

function isScalar(value: Value): value is Scalar {
  return value === null || typeof value !== "object";
}

function isEmpty(value: Exclude<Value, Scalar>): boolean {
  return isList(value) ? value.length === 0 : Object.values(value).every((item) => item === undefined);
}

/** Words that YAML 1.1 or 1.2 readers take for something else than text. */
const TAKEN = /^(true|false|yes|no|on|off|null|~|[-+.]?[0-9].*)$/i;

function renderScalar(value: Scalar): string {
  if (typeof value !== "string") return String(value);
  const isPlain = /^[A-Za-z_][A-Za-z0-9_./-]*$/.test(value) && !TAKEN.test(value);
  return isPlain || isAddressOrDuration(value) ? value : JSON.stringify(value);
}

/** `192.0.2.10/24` and `200ms` are text in every YAML version and read better without quotes. */
function isAddressOrDuration(value: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+(\/\d+)?$/.test(value) || /^\d+(ms|s|m|h)$/.test(value) || /^\/[\w./-]+$/.test(value);
}
