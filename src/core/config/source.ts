/**
 * From text to plain values, with the place of every value kept beside them. Everything that can be wrong with
 * the text as YAML is found here, all at once; what the values mean is not asked.
 */

import { LineCounter, isAlias, isCollection, isMap, isScalar, isSeq, parseDocument, visit } from "yaml";
import type { Document, Node as YamlNode, Pair, YAMLError, YAMLMap } from "yaml";
import { MAX_CONFIG_LENGTH, MAX_CONFIG_PROBLEMS } from "../base/limits.ts";
import type { Problem, TextPosition } from "../base/report.ts";
import type { ConfigCode } from "./setting.ts";

/** Steps from the top of the file: keys and list indexes. */
export type ConfigPath = readonly (string | number)[];

/** Where things are in the file's text. */
export interface Positions {
  /**
   * Place of the value, or of the key above it when the value has no text of its own; of the nearest parent when
   * the path does not exist.
   */
  value(path: ConfigPath): TextPosition;
  /** Place of the key that names the value. */
  key(path: ConfigPath): TextPosition;
  /** Place of the value like `value`, but undefined when the file does not have this path. */
  find(path: ConfigPath): TextPosition | undefined;
}

/** A text read as YAML; `usable` means that its values are worth looking at. */
export interface Source {
  readonly usable: boolean;
  readonly value: unknown;
  readonly positions: Positions;
  readonly problems: readonly Problem[];
}

/** Reads YAML 1.2; never throws. `file` is only the name for messages. */
export function readSource(original: string, file: string): Source {
  const text = original.startsWith("\uFEFF") ? original.slice(1) : original;
  const place = placer(text.length > MAX_CONFIG_LENGTH ? "" : text, file);
  const nowhere: Positions = { value: () => place(0, 0), key: () => place(0, 0), find: () => undefined };
  const refused = (problem: Problem): Source => ({
    usable: false,
    value: undefined,
    positions: nowhere,
    problems: [problem],
  });
  if (text.length > MAX_CONFIG_LENGTH) {
    return refused(
      problem(
        "CONFIG_TOO_LARGE",
        `the file has ${text.length} characters, at most ${MAX_CONFIG_LENGTH} are read`,
        undefined,
        {
          subject: { file },
          next: "is this the right file?",
        },
      ),
    );
  }
  try {
    // Its own search for duplicate keys is quadratic; ours below is not.
    const options = { prettyErrors: false, stringKeys: true, uniqueKeys: false, version: "1.2" } as const;
    const document = parseDocument(text, options);
    const problems = [...syntaxProblems(document, place), ...structureProblems(document, place)];
    if (problems.some((found) => found.code !== "CONFIG_DUPLICATE_KEY")) {
      return { usable: false, value: undefined, positions: nowhere, problems };
    }
    return { usable: true, value: document.toJS() as unknown, positions: positionsIn(document, place), problems };
  } catch (error) {
    const isBomb = error instanceof ReferenceError;
    return refused(
      problem(
        isBomb ? "CONFIG_ALIAS" : "CONFIG_SYNTAX",
        isBomb ? "the file's aliases multiply it beyond all bounds" : `the file cannot be read: ${String(error)}`,
        undefined,
        { subject: { file }, next: isBomb ? "write the values out" : "simplify the file" },
      ),
    );
  }
}

/** Makes a problem of severity `error`. Names from the file may hold anything, so its texts are made printable. */
export function problem(code: ConfigCode, message: string, at?: TextPosition, more: Partial<Problem> = {}): Problem {
  const { expected, nearest, next, ...rest } = more;
  return {
    code,
    severity: "error",
    message: printable(message),
    ...(at && { at }),
    ...rest,
    ...(expected !== undefined && { expected: printable(expected) }),
    ...(nearest !== undefined && { nearest: printable(nearest) }),
    ...(next !== undefined && { next: printable(next) }),
  };
}

/** Control characters as a string in JSON has them: a line break would make one message look like two. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1));
}

type Placer = (start: number, end: number) => TextPosition;

/** From offsets in the text to lines that can be drawn; a range ends with its first line. */
function placer(text: string, file: string): Placer {
  // Filled here and not by the parser, which counts no lines beyond the point where it gave up.
  const lines = new LineCounter();
  for (let newline = -1; ; ) {
    lines.addNewLine(newline + 1);
    newline = text.indexOf("\n", newline + 1);
    if (newline === -1) break;
  }
  return (start, end) => {
    const from = Math.min(start, text.length);
    const { line, col } = lines.linePos(from);
    const lineStart = from - (col - 1);
    const newline = text.indexOf("\n", lineStart);
    const lineText = text.slice(lineStart, newline === -1 ? text.length : newline).replace(/\r$/, "");
    const length = Math.max(1, Math.min(end, lineStart + lineText.length) - from);
    return { file, line, column: col, length, text: lineText };
  };
}

function syntaxProblems(document: Document.Parsed, place: Placer): Problem[] {
  const found = [...document.errors, ...document.warnings].map((error) => explainSyntax(error, place));
  if (document.directives.yaml.explicit && document.directives.yaml.version !== "1.2") {
    found.push(problem("CONFIG_SYNTAX", "only YAML 1.2 is read", place(0, 5), { next: "leave out the %YAML line" }));
  }
  // One slip makes the parser stumble on; what it says later in the same line is noise.
  const seen = new Set<string>();
  return found.filter((item) => {
    const key = `${item.at?.line}`;
    return seen.size < MAX_CONFIG_PROBLEMS && !seen.has(key) && seen.add(key);
  });
}

/** What the parser's words mean to somebody who edits a file. */
const SYNTAX_HELP: Partial<Record<YAMLError["code"], { readonly message?: string; readonly next: string }>> = {
  TAB_AS_INDENT: { message: "a tab is used for indentation", next: "use spaces" },
  BAD_INDENT: { next: "align the settings of one mapping, and close every [ and {" },
  MULTIPLE_DOCS: { message: "a second document begins here", next: "leave out the --- line: the file is one document" },
  BLOCK_AS_IMPLICIT_KEY: {
    message: "a second colon makes this line two mappings",
    next: "put quotes around the value, or break the line",
  },
  MULTILINE_IMPLICIT_KEY: { message: "this line is no `key: value`", next: "write a colon and a space after the key" },
  NON_STRING_KEY: { message: "a key must be a plain word", next: "write `key: value`" },
  TAG_RESOLVE_FAILED: { message: "tags (!) are not used here", next: "leave the tag out" },
  BAD_SCALAR_START: { next: "put quotes around the value" },
  RESOURCE_EXHAUSTION: { message: "the file is nested too deeply", next: "is this the right file?" },
};

function explainSyntax(error: YAMLError, place: Placer): Problem {
  const help = SYNTAX_HELP[error.code];
  const code: ConfigCode = error.code === "TAB_AS_INDENT" ? "CONFIG_TAB" : "CONFIG_SYNTAX";
  const message = help?.message ?? error.message.charAt(0).toLowerCase() + error.message.slice(1);
  const [start, end] = error.pos;
  return problem(code, message, place(start, end), { next: help?.next ?? "correct the YAML here" });
}

/** Duplicate keys and aliases that lead nowhere or into themselves: the parser leaves these to us. */
function structureProblems(document: Document.Parsed, place: Placer): Problem[] {
  const problems: Problem[] = [];
  const report = (found: Problem) => problems.length < MAX_CONFIG_PROBLEMS && problems.push(found);
  visit(document, {
    Map: (_key, map) => {
      for (const twice of duplicateKeys(map)) {
        const first = place(...rangeOf(twice.first));
        report(
          problem(
            "CONFIG_DUPLICATE_KEY",
            `"${keyText(twice.again)}" is written twice, first in line ${first.line}`,
            place(...rangeOf(twice.again)),
            {
              next: "keep one of them",
            },
          ),
        );
      }
    },
    Alias: (_key, alias, ancestors) => {
      const target = alias.resolve(document);
      if (target !== undefined && !ancestors.includes(target)) return;
      const what =
        target === undefined ? `no anchor &${alias.source} stands before this alias` : "this alias contains itself";
      report(
        problem("CONFIG_ALIAS", what, place(...rangeOf(alias)), {
          next: "define the anchor first, or write the value out",
        }),
      );
    },
  });
  return problems;
}

function* duplicateKeys(map: YAMLMap): Generator<{ first: YamlNode; again: YamlNode }> {
  const seen = new Map<string, YamlNode>();
  for (const pair of map.items) {
    const key = pair.key as YamlNode;
    const word = keyText(key);
    const first = seen.get(word);
    if (first === undefined) seen.set(word, key);
    else yield { first, again: key };
  }
}

function positionsIn(document: Document.Parsed, place: Placer): Positions {
  const locate = (path: ConfigPath): Spot & { readonly isWhole: boolean } => {
    let spot: Spot = { value: resolved(document, document.contents), key: undefined };
    for (const step of path) {
      const next = stepInto(document, spot.value, step);
      if (next === undefined) return { ...spot, isWhole: false };
      spot = { value: next.value, key: next.key ?? spot.key };
    }
    return { ...spot, isWhole: true };
  };
  const firstLine = (node: YamlNode | undefined | null) =>
    node === undefined || node === null ? place(0, 0) : place(...rangeOf(node));
  const value = ({ key, value: node }: Spot) => {
    const hasOwnText = isScalar(node) ? node.source !== "" : isCollection(node) && node.flow === true;
    return firstLine(hasOwnText || key === undefined ? node : key);
  };
  return {
    value: (path) => value(locate(path)),
    key: (path) => {
      const { key, value: node } = locate(path);
      return firstLine(key ?? node);
    },
    find: (path) => {
      const spot = locate(path);
      return spot.isWhole ? value(spot) : undefined;
    },
  };
}

interface Spot {
  readonly key: YamlNode | undefined;
  readonly value: YamlNode | undefined | null;
}

function stepInto(
  document: Document.Parsed,
  node: YamlNode | undefined | null,
  step: string | number,
): Spot | undefined {
  if (isMap(node)) {
    const pair = pairsOf(node).get(String(step));
    return pair === undefined ? undefined : { key: pair.key, value: resolved(document, pair.value) };
  }
  if (!isSeq(node)) return undefined;
  const item = node.items[Number(step)] as YamlNode | undefined;
  if (item === undefined) return undefined;
  const value = resolved(document, item);
  // A list item has no key of its own: its first word is its place.
  const firstKey = isMap(value) && value.flow !== true ? (value.items[0]?.key as YamlNode | undefined) : undefined;
  return { key: firstKey ?? value ?? undefined, value };
}

type KnownPair = Pair<YamlNode, YamlNode | null>;

/** Found once for each mapping: a file may have as many keys as mistakes. */
const pairIndex = new WeakMap<YAMLMap, ReadonlyMap<string, KnownPair>>();

function pairsOf(map: YAMLMap): ReadonlyMap<string, KnownPair> {
  const known = pairIndex.get(map);
  if (known !== undefined) return known;
  // The last of duplicate keys is the one whose value counts.
  const pairs = new Map(map.items.map((pair) => [keyText(pair.key as YamlNode), pair as KnownPair]));
  pairIndex.set(map, pairs);
  return pairs;
}

function resolved(document: Document.Parsed, node: YamlNode | null | undefined): YamlNode | undefined | null {
  return isAlias(node) ? node.resolve(document) : node;
}

function keyText(key: YamlNode): string {
  return isScalar(key) ? String(key.value) : String(key);
}

function rangeOf(node: YamlNode): [number, number] {
  return [node.range?.[0] ?? 0, node.range?.[1] ?? 0];
}
