/**
 * The style of the house as ordinary tests: who may import whom, what the core must never touch, names, sizes,
 * and files that nobody uses. A message names the file and what to do; exceptions stand in the tables below
 * with their reason.
 */

import { basename } from "node:path";
import { expect, test } from "vitest";
import { exists, read, type Source, sources } from "./sources.ts";

const all = sources();
const byPath = new Map(all.map((source) => [source.path, source]));
const product = all.filter((source) => source.path.startsWith("src/") && !source.isTest);

/** What a layer may import: areas (folders or files of src), npm packages, and whether Node's own modules. */
interface Layer {
  readonly area: string;
  readonly areas: readonly string[];
  /** Areas of which only types may be taken. */
  readonly types?: readonly string[];
  /** Areas that may be loaded, but only when asked for: by `import()`. */
  readonly whenAsked?: readonly string[];
  readonly packages?: readonly string[];
  readonly node?: boolean;
}

/** The cluster's types and the frame's words are the vocabulary of the whole core. */
const CORE_WORDS = ["core/config/cluster.ts", "core/config/balancer.ts", "core/membership/frame.ts"];

/** The first that fits a file decides. A layer may always import itself. */
const LAYERS: readonly Layer[] = [
  { area: "core/base", areas: [] },
  // What engines can do is plain data, which a config is checked against.
  { area: "core/config", areas: ["core/base", "core/balancer/capabilities.ts"], packages: ["yaml", "zod"] },
  { area: "core/node", areas: ["core"] },
  { area: "core/recording", areas: ["core"] },
  { area: "core", areas: ["core/base"], types: CORE_WORDS },
  { area: "host/ports.ts", areas: ["core/base"], types: ["core/config/cluster.ts"] },
  { area: "host", areas: ["core"], packages: ["koffi"], node: true },
  { area: "api", areas: ["core/base", "core/node/reasons.ts"], types: ["core"], packages: ["zod"], node: true },
  { area: "recording", areas: ["core"], node: true },
  { area: "bundle", areas: ["core", "host", "recording"], node: true },
  { area: "daemon", areas: ["core", "host", "api", "recording"], packages: ["pino", "zod"], node: true },
  // A verb's file is itself loaded only when asked for.
  {
    area: "cli/commands",
    areas: [
      "core/balancer",
      "core/base",
      "core/config",
      "core/node",
      "core/recording",
      "api",
      "bundle",
      "cli",
      "daemon",
      "host",
      "lab",
      "recording",
      "sim",
    ],
    types: ["core"],
    packages: ["commander"],
    node: true,
  },
  // Pretends a daemon behind the real API.
  { area: "cli/fixtures", areas: ["api", "core", "daemon/fixtures", "cli"], node: true },
  {
    area: "cli",
    areas: ["core/base", "core/config", "api", "host/config-file.ts"],
    types: ["core", "sim", "recording"],
    whenAsked: ["bundle", "daemon", "sim", "lab", "host", "recording"],
    packages: ["commander"],
    node: true,
  },
  // Stated once for the simulator and the lab, which feed them: no world, no clock, no input or output.
  { area: "promises", areas: ["core/base"], types: ["core"] },
  { area: "sim", areas: ["core", "host/ports.ts", "promises"], node: true },
  // The lab looks at the wire through packet sockets of its own, and never through the program it judges.
  // Its command lines find and draw mistakes as the product's do.
  {
    area: "lab",
    areas: ["core/base", "core/config/nearest.ts", "core/node/reasons.ts", "cli/print-problems.ts", "promises"],
    types: ["api", "core"],
    packages: ["koffi"],
    node: true,
  },
];

/** Files that somebody starts, so nothing needs to import them. */
const ENTRIES = [
  "src/cli/main.ts",
  "src/daemon/heart/heart.ts",
  "src/daemon/heart/chores-thread.ts",
  "src/lab/start.ts",
  "src/lab/chaos/main.ts",
  "src/sim/main.ts",
  "src/sim/checkers/rerun-thread.ts",
  "src/sim/mutants/main.ts",
  "docs/generate.ts",
  "benchmarks/balancer.ts",
  "benchmarks/balancer/engine-process.ts",
  "benchmarks/failover.ts",
  "benchmarks/sim-speed.ts",
  "test/counting-reporter.ts",
];

/** Longest file in lines; style asks for 400 and a reason beyond. */
const MAX_FILE_LINES = 600;
const MAX_LINE_LENGTH = 140;
const FORBIDDEN_NAMES = /(^|[-.])(utils?|helpers?|managers?|common|misc|stuff)([-.]|$)/;

/** Words that would make the core depend on the clock, chance or the machine. */
const BANNED_IN_CORE = [
  /\bDate\b/,
  /\bMath\.random\b/,
  /\bset(Timeout|Interval|Immediate)\b/,
  /\bqueueMicrotask\b/,
  /\bprocess\./,
  /\bconsole\./,
  /\bperformance\./,
  /\bcrypto\./,
  /\bglobalThis\b/,
  /\bawait\b/,
  /\bPromise\b/,
  /\bBuffer\b/,
  /\bfetch\(/,
];

/** Files of the core with classes that are no part of a node's state. */
const STATELESS = /membership\/(frame-codec|frame-body|replay)\.ts$|\/pretended-[a-z]+\.ts$/;

function inArea(path: string, area: string): boolean {
  const full = `src/${area}`;
  return path === full || path.startsWith(`${full}/`);
}

function layerOf(path: string): Layer | undefined {
  return LAYERS.find(({ area }) => inArea(path, area));
}

test("every file of src belongs to a layer", () => {
  expect(product.filter(({ path }) => layerOf(path) === undefined).map(({ path }) => path)).toEqual([]);
});

test("files import only what the table of layers allows", () => {
  expect(product.flatMap(forbiddenImports)).toEqual([]);
});

function forbiddenImports(source: Source): string[] {
  const layer = layerOf(source.path);
  if (layer === undefined) return [];
  const wrong: string[] = [];
  for (const { specifier, file, typeOnly, dynamic } of source.references) {
    const told = `${source.path} must not import ${specifier}`;
    if (specifier.startsWith("node:")) {
      if (!layer.node) wrong.push(told);
    } else if (!specifier.startsWith(".")) {
      const name = specifier.startsWith("@") ? specifier : (specifier.split("/")[0] ?? "");
      if (!layer.packages?.includes(name)) wrong.push(told);
    } else if (file !== undefined) {
      // Within an area of the core, `core` alone would let areas import each other.
      const own = layer.area === "core" ? source.path.split("/").slice(1, 3).join("/") : layer.area;
      const allowed = [
        own,
        ...layer.areas,
        ...(typeOnly ? (layer.types ?? []) : []),
        ...(dynamic ? (layer.whenAsked ?? []) : []),
      ];
      if (!allowed.some((area) => inArea(file, area)) && file !== "package.json") wrong.push(told);
    }
  }
  return wrong;
}

test("the core's state lies in ordinary fields, where a checkpoint finds it", () => {
  const rooms = ["core/node", "core/membership", "core/ownership", "core/resources"];
  const hidden = product
    .filter(({ path }) => rooms.some((room) => inArea(path, room)) && !STATELESS.test(path))
    .flatMap(({ path, code }) => (/(^|[\s.])#[a-z]/im.test(code) ? [`${path}: write "private" and no "#"`] : []));
  expect(hidden).toEqual([]);
});

test("whatever the core reaches is the core", () => {
  const reached = reach(product.filter(({ path }) => inArea(path, "core")).map(({ path }) => path));
  expect([...reached].filter((path) => !inArea(path, "core"))).toEqual([]);
});

test("the command line loads daemon, simulator and lab only when asked for", () => {
  const reached = reach(["src/cli/main.ts"], (reference) => !reference.dynamic && !reference.typeOnly);
  const early = ["daemon", "sim", "lab", "host"].flatMap((area) => [...reached].filter((path) => inArea(path, area)));
  expect(early).toEqual([]);
});

/** Paths of everything that can be reached from `starts` by references that `follow` accepts. */
function reach(
  starts: readonly string[],
  follow: (reference: Source["references"][number]) => boolean = () => true,
): Set<string> {
  const reached = new Set<string>();
  const open = [...starts];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const source = byPath.get(path);
    if (source === undefined || reached.has(path)) continue;
    reached.add(path);
    for (const reference of source.references)
      if (reference.file !== undefined && follow(reference)) open.push(reference.file);
  }
  return reached;
}

test("the core knows no clock, no chance, no machine and no promise", () => {
  const wrong = product
    .filter(({ path }) => inArea(path, "core"))
    .flatMap(({ path, code }) =>
      BANNED_IN_CORE.filter((word) => word.test(code)).map((word) => `${path} uses ${word.source}`),
    );
  expect(wrong).toEqual([]);
});

test("every relative import names a file that exists and ends in .ts", () => {
  const wrong = all.flatMap(({ path, references }) =>
    references
      .filter(({ specifier, file }) =>
        specifier.startsWith("./") || specifier.startsWith("../") ? file === undefined : false,
      )
      .map(({ specifier }) => `${path}: ${specifier}`),
  );
  expect(wrong).toEqual([]);
});

test("there are no default exports but where a tool asks for one", () => {
  const asked = new Set(["test/counting-reporter.ts"]);
  expect(
    all.filter(({ path, code }) => /^export default\b/m.test(code) && !asked.has(path)).map(({ path }) => path),
  ).toEqual([]);
});

test("there are no barrel files", () => {
  const barrels = product.filter(({ path, code }) => {
    const statements = code
      .split("\n")
      .filter((line) => /^(export|import|const|let|function|class|interface|type|async)\b/.test(line));
    return (
      basename(path) === "index.ts" ||
      (statements.length > 0 && statements.every((line) => /^export (type )?(\*|\{.*\} from)/.test(line)))
    );
  });
  expect(barrels.map(({ path }) => path)).toEqual([]);
});

test("file names are kebab-case and say what is inside", () => {
  const wrong = all
    .map(({ path }) => path)
    .filter((path) => {
      const name = basename(path);
      return (
        !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9-]+)*\.ts$/.test(name) || FORBIDDEN_NAMES.test(name.replace(/\.ts$/, ""))
      );
    });
  expect(wrong).toEqual([]);
});

test("no file is too long", () => {
  const long = all
    .map(({ path, text }) => ({ path, lines: text.split("\n").length }))
    .filter(({ lines }) => lines > MAX_FILE_LINES);
  expect(long.map(({ path, lines }) => `${path} has ${lines} lines`)).toEqual([]);
});

test("no line is too long to read, but for a long sentence in it", () => {
  const sentence = /"[^"]{60,}"|`[^`]{60,}`?/;
  const long = all.flatMap(({ path, text }) =>
    text
      .split("\n")
      .map((line, index) => ({ line, at: `${path}:${index + 1} has ${line.length} characters` }))
      .filter(({ line }) => line.length > MAX_LINE_LENGTH && !sentence.test(line))
      .map(({ at }) => at),
  );
  expect(long).toEqual([]);
});

test("every file but a test opens with a comment that says what it is for", () => {
  expect(
    all.filter(({ isTest, text }) => !isTest && !/^(#!.*\n)?\s*(\/\*\*?|\/\/)/.test(text)).map(({ path }) => path),
  ).toEqual([]);
});

test("nothing is left to be done in a comment", () => {
  const marks = new RegExp(`\\b(${["TO", "DO|FIX", "ME|XX", "X|HA", "CK"].join("")})\\b`);
  expect(all.filter(({ text }) => marks.test(text)).map(({ path }) => path)).toEqual([]);
});

test("every source is used by the product, and fixtures by a test", () => {
  const entries = ENTRIES.filter((path) => exists(path));
  const used = reach(entries);
  // The command line finds its verbs in a folder of their own.
  for (const path of reach(product.filter(({ path }) => path.startsWith("src/cli/commands/")).map(({ path }) => path)))
    used.add(path);
  const usedByTests = reach([...entries, ...all.filter(({ isTest }) => isTest).map(({ path }) => path)]);
  const mayServeTests = (path: string): boolean =>
    path.startsWith("test/") ||
    path.includes("/fixtures/") ||
    basename(path).startsWith("pretended") ||
    /\.(fixture|contract)\.ts$/.test(path);
  const isNamedByATest = (path: string): boolean =>
    all.some(({ isTest, text }) => isTest && text.includes(`"${basename(path, ".ts")}"`));
  const isUsed = (path: string): boolean =>
    used.has(path) || (mayServeTests(path) && (usedByTests.has(path) || isNamedByATest(path)));
  const dead = all.filter(({ path, isTest }) => !isTest && !isUsed(path));
  expect(dead.map(({ path }) => path)).toEqual([]);
});

test("the package's scripts all go through the set-up", () => {
  const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
  const wrong = Object.entries(scripts).filter(([, line]) => !line.startsWith("node bin/setup.mjs "));
  expect(wrong).toEqual([]);
});

test("the lockfile names no registry, and nothing that an old Node would leave out", () => {
  const { packages } = JSON.parse(read("package-lock.json")) as {
    packages: Record<string, { resolved?: string; optional?: boolean; engines?: object }>;
  };
  const wrong = Object.entries(packages).filter(([, entry]) => entry.resolved || (entry.optional && entry.engines));
  expect(wrong.map(([path]) => `${path}: run \`npm run lock\``)).toEqual([]);
});
