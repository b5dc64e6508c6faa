/** The page about the cluster file, made from the schema that reads it: every setting is described once, there. */

import {
  MAX_CONFIG_LENGTH,
  MAX_GROUPS,
  MAX_LINKS,
  MAX_LISTENERS,
  MAX_MEMBERS,
  MAX_MONITORS,
  MAX_NAME_LENGTH,
  MAX_NODES,
  MAX_POOLS,
  MAX_RESOURCES,
  MAX_SITE_NAMES,
  MAX_SITE_RULES,
  MAX_SITES,
  MAX_VIPS,
} from "../../src/core/base/limits.ts";
import { clusterJsonSchema } from "../../src/core/config/json-schema.ts";
import type { JsonSchema } from "../../src/core/config/json-schema.ts";
import { NOT_AVAILABLE } from "../../src/core/config/schema.ts";

/** Text of `docs/reference/cluster.schema.json`. */
export function clusterSchemaText(): string {
  return `${JSON.stringify(clusterJsonSchema(), undefined, 2)}\n`;
}

/** Markdown of `docs/reference/cluster-file.md`. */
export function clusterFilePage(): string {
  return [INTRODUCTION, ...sections(), limits(), unavailable()].join("\n");
}

/** A mapping of the file: where it stands and what it may be. */
interface Mapping {
  readonly path: string;
  readonly shapes: readonly JsonSchema[];
  readonly about: string;
}

function sections(): string[] {
  const seen = new Map<string, string>();
  const open: Mapping[] = [{ path: "", shapes: [clusterJsonSchema()], about: "" }];
  const parts: string[] = [];
  for (let mapping = open.shift(); mapping !== undefined; mapping = open.shift()) {
    const same = JSON.stringify(mapping.shapes.map(({ properties }) => properties));
    const twin = seen.get(same);
    const heading = mapping.path === "" ? "## The file" : `## \`${mapping.path}\``;
    if (twin !== undefined) {
      parts.push(`${heading}\n\n${mapping.about}\nIts settings are those of [\`${twin}\`](#${anchor(twin)}).\n`);
      continue;
    }
    seen.set(same, mapping.path);
    parts.push(
      [heading, "", ...(mapping.about === "" ? [] : [mapping.about, ""]), ...table(mapping.shapes), ""].join("\n"),
    );
    // Depth first, in the file's order.
    open.unshift(...mapping.shapes.flatMap((shape) => below(mapping.path, shape)));
  }
  return parts;
}

function table(shapes: readonly JsonSchema[]): string[] {
  const rows = shapes.flatMap((shape) =>
    Object.entries(shape.properties ?? {}).map(([key, setting]) => {
      const isRequired = shapes.length === 1 && shape.required?.includes(key) === true;
      const fallback = isRequired ? "required" : defaultText(setting);
      const sample = setting.examples?.map((example) => `\`${inFile(example)}\``).join(" or ") ?? "";
      return `| \`${key}\` | ${setting.description ?? ""} | ${valueText(setting)} | ${fallback} | ${sample} |`;
    }),
  );
  return ["| setting | what it is | value | default | example |", "|---|---|---|---|---|", ...rows];
}

function defaultText({ default: value, properties }: JsonSchema): string {
  if (value === undefined) return "";
  if (properties !== undefined) return "those of its settings";
  const isNothing = typeof value === "object" && value !== null && Object.keys(value).length === 0;
  return isNothing ? "none" : `\`${inFile(value)}\``;
}

function valueText(setting: JsonSchema): string {
  if (setting.unit !== undefined) return setting.unit;
  if (setting.enum !== undefined) return setting.enum.map((word) => `\`${word}\``).join(" or ");
  if (setting.anyOf !== undefined) return [...new Set(setting.anyOf.map(valueText))].join(", or ");
  if (setting.type === "array") return `list of ${plural(valueText(setting.items ?? {}))}`;
  if (setting.type === "boolean") return "`true` or `false`";
  if (setting.type === "number") return `number from ${setting.minimum} to ${setting.maximum}`;
  if (setting.type === "integer") return `whole number from ${setting.minimum} to ${setting.maximum}`;
  if (setting.type === "object") return "mapping";
  return "text";
}

function plural(word: string): string {
  if (word.startsWith("mapping")) return "mappings";
  return word === "text" ? "texts" : `(${word})`;
}

/** The mappings that a mapping's settings lead to. */
function below(path: string, shape: JsonSchema): Mapping[] {
  const dot = path === "" ? "" : `${path}.`;
  return Object.entries(shape.properties ?? {}).flatMap(([key, setting]) => inside(`${dot}${key}`, setting));
}

function inside(path: string, setting: JsonSchema): Mapping[] {
  if (setting.items !== undefined) return inside(`${path}[]`, setting.items);
  if (setting.additionalProperties !== undefined && setting.additionalProperties !== false) {
    return inside(`${path}.NAME`, setting.additionalProperties);
  }
  const alternatives = setting.anyOf ?? [setting];
  const shapes = alternatives.filter(({ properties }) => properties !== undefined);
  const deeper = alternatives
    .filter(({ items }) => items?.properties !== undefined)
    .flatMap((list) => inside(path, list));
  return shapes.length === 0 ? deeper : [{ path, shapes, about: setting.description ?? "" }, ...deeper];
}

/** A value as one writes it in the file, on one line. */
function inFile(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inFile).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).map(([key, member]) => `${inFile(key)}: ${inFile(member)}`);
    return `{ ${members.join(", ")} }`;
  }
  const text = String(value);
  if (typeof value !== "string" || /^[0-9./]+$/.test(text)) return text;
  return /[{}[\],:#]|^[*&!|>'"%@`=]/.test(text) ? `"${text}"` : text;
}

function anchor(path: string): string {
  return path.toLowerCase().replaceAll(/[^\w-]/g, "");
}

function limits(): string {
  const rows: [string, number][] = [
    ["nodes", MAX_NODES],
    ["addresses of a node (`address` and `links`)", MAX_LINKS],
    ["groups", MAX_GROUPS],
    ["resources in a group", MAX_RESOURCES],
    ["VIPs in all groups", MAX_VIPS],
    ["monitors", MAX_MONITORS],
    ["sites of the balancer", MAX_SITES],
    ["aliases of a site", MAX_SITE_NAMES],
    ["rules of one kind in a site", MAX_SITE_RULES],
    ["addresses with their ports that all sites listen on", MAX_LISTENERS],
    ["pools of the balancer", MAX_POOLS],
    ["members of all pools", MAX_MEMBERS],
    ["characters of the file", MAX_CONFIG_LENGTH],
    ["characters of a name", MAX_NAME_LENGTH],
  ];
  return [
    "## Limits",
    "",
    "| what | at most |",
    "|---|---|",
    ...rows.map(([what, most]) => `| ${what} | ${most} |`),
    "",
  ].join("\n");
}

function unavailable(): string {
  const rows = Object.entries(NOT_AVAILABLE).map(([path, keys]) => {
    const place =
      path === ""
        ? "the file"
        : `\`${path.replaceAll(".*", ".NAME").replaceAll("resources.NAME", "resources[]").replace("everywhere.NAME", "everywhere[]")}\``;
    return `| ${place} | ${keys.map((key) => `\`${key}\``).join(", ")} |`;
  });
  return [
    "## Known, but not available in this version",
    "",
    "These settings are planned. `understudy check` refuses them by name, so that nothing is ignored in silence.",
    "`arbiter` likewise knows `witness` and `etcd` by name only.",
    "",
    "| in | settings |",
    "|---|---|",
    ...rows,
    "",
  ].join("\n");
}

const INTRODUCTION = `# The cluster file

One YAML file describes the whole cluster and is the same on every node, by default
\`/etc/understudy/cluster.yaml\`. Secrets stay outside it. \`understudy check FILE\` tells all errors at once, with
their places, and the risks of settings that are legal.

- Durations are a number with a unit: \`100ms\`, \`30s\`, \`5m\`, \`1h\`, \`1d\`. A number without a unit is refused.
- Sizes are a number with a unit: \`128kB\`, \`30MB\`, \`1GB\`. A kB is 1,024 bytes and a MB 1,024 kB, as nginx' \`k\` and
  \`m\`, and PHP's. \`KiB\`, \`MiB\` and \`GiB\` are the same.
- Addresses are IPv4 or IPv6. Quote an IPv6 address inside \`[...]\` or \`{...}\`: \`["2001:db8::1"]\`.
- Names begin with a letter and go on with letters, digits, \`.\`, \`_\` or \`-\`.
- Texts of the balancer reach the engine's own config, so each has a closed alphabet, and a refusal names the character.
  File paths: letters, digits and \`. _ - / + @ , : = ~\`. Paths of rules: letters, digits and
  \`. _ ~ ! & ( ) + , = : @ / -\`; those of redirects and checks also \`* ?\` and \`%XX\`. Names of headers: letters, digits
  and \`! * + . ^ _ | ~ -\`; their values, and texts that checks look for: ASCII without \`$\` and \`\\\`. Cookies:
  letters, digits and \`. _ -\`.
- Commands are lists of arguments. No shell takes part.
- The order of nodes, of \`prefer\` and of \`resources\` means something, and in the balancer that of sites (visitors who
  name no site get the first one's certificate), members, \`paths\` and \`redirects\`; that of other settings does not.

Commented samples are in \`examples/\`. [\`cluster.schema.json\`](cluster.schema.json) is the same as a JSON Schema:
with \`# yaml-language-server: $schema=…\` as the first line of the file, many editors complete and check while you type.

This page is generated from \`src/core/config/schema.ts\` by \`npm run docs\`.
`;
