/**
 * Reads the repository's own sources for the tests about the house: which files there are, what each imports,
 * and its text without comments and strings. A few regular expressions rather than a parser: the house style
 * keeps imports in one shape, and the compiler already refuses what cannot be read.
 */

import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root folder. */
export const ROOT = fileURLToPath(new URL("..", import.meta.url));

const FOLDERS = ["src", "test", "benchmarks", "docs"];
const SKIPPED = new Set(["node_modules", "dist", "coverage", ".git"]);

/** One import, export-from, `import()` or `new URL("./x.ts", import.meta.url)`. */
export interface Reference {
  /** As written. */
  readonly specifier: string;
  /** Path from the root for a relative specifier that exists; else undefined. */
  readonly file: string | undefined;
  /** `import type`: gone at run time. */
  readonly typeOnly: boolean;
  /** Loaded only when asked for. */
  readonly dynamic: boolean;
}

/** One TypeScript file. */
export interface Source {
  /** Path from the root. */
  readonly path: string;
  readonly text: string;
  /** Comments and the insides of strings blanked, line breaks kept. */
  readonly code: string;
  readonly references: readonly Reference[];
  readonly isTest: boolean;
}

/** All files below `folder` (from the root) whose names end in one of `endings`, sorted. */
export function filesBelow(folder: string, endings: readonly string[]): string[] {
  const found: string[] = [];
  const walk = (at: string): void => {
    for (const entry of readdirSync(join(ROOT, at), { withFileTypes: true })) {
      const path = join(at, entry.name);
      if (entry.isDirectory() && !SKIPPED.has(entry.name)) walk(path);
      if (entry.isFile() && endings.some((ending) => entry.name.endsWith(ending))) found.push(path);
    }
  };
  if (exists(folder)) walk(folder);
  return found.sort((a, b) => (a < b ? -1 : 1));
}

/** True when there is such a file or folder (path from the root). */
export function exists(path: string): boolean {
  return statSync(join(ROOT, path), { throwIfNoEntry: false }) !== undefined;
}

/** Text of a file (path from the root). */
export function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** Every TypeScript source of the repository. */
export function sources(): readonly Source[] {
  return FOLDERS.flatMap((folder) => filesBelow(folder, [".ts"])).map(readSource);
}

function readSource(path: string): Source {
  const text = read(path);
  return {
    path,
    text,
    code: withoutCommentsAndStrings(text),
    references: referencesOf(path, text),
    isTest: path.endsWith(".test.ts"),
  };
}

function referencesOf(path: string, text: string): Reference[] {
  const plain = withoutComments(text);
  const found: Reference[] = [];
  const add = (specifier: string, typeOnly: boolean, dynamic: boolean): void => {
    found.push({ specifier, file: resolveFrom(path, specifier), typeOnly, dynamic });
  };
  for (const match of plain.matchAll(/^\s*(?:import|export)\s+(type\s)?([^;"']*?)\sfrom\s+"([^"]+)"/gm)) {
    const names = match[2] ?? "";
    const allTypes = /^\{\s*(type\s+\w+(\s+as\s+\w+)?\s*,?\s*)+\}$/.test(names.trim());
    add(match[3] ?? "", match[1] !== undefined || allTypes, false);
  }
  for (const match of plain.matchAll(/^\s*import\s+"([^"]+)"/gm)) add(match[1] ?? "", false, false);
  for (const match of plain.matchAll(/\bimport\(\s*"([^"]+)"\s*\)/g)) add(match[1] ?? "", false, true);
  for (const match of plain.matchAll(
    /\bnew URL\(\s*(?:[\w.]+\s*\?\s*)?"(\.[^"]+)"(?:\s*:\s*"[^"]+")?,\s*import\.meta\.url/g,
  )) {
    add((match[1] ?? "").replace(/\.js$/, ".ts"), false, true);
  }
  return found;
}

function resolveFrom(path: string, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  const file = relative(ROOT, resolve(ROOT, dirname(path), specifier));
  return exists(file) ? file : undefined;
}

// Strings are matched so that a `//` inside them is not taken for a comment, and kept.
const COMMENT_OR_STRING = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/g;

function withoutComments(text: string): string {
  return text.replaceAll(COMMENT_OR_STRING, (piece) => (piece.startsWith("/") ? blank(piece) : piece));
}

function withoutCommentsAndStrings(text: string): string {
  return text.replaceAll(COMMENT_OR_STRING, blank);
}

function blank(piece: string): string {
  return piece.replaceAll(/[^\n]/g, " ");
}
