/**
 * A mutant: the real sources with one rule broken, by replacing a short piece of one file's text while it is
 * loaded. The files on disk are never touched. A piece that is not found exactly once is an error, so that no
 * refactoring makes a mutant harmless without anybody noticing.
 */

import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";

/** One piece of a source and what stands there instead. */
export interface Patch {
  /** Path from `src`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** What every entry of the catalogue says. */
interface Entry {
  /** Short, unique, in words joined by hyphens. */
  readonly name: string;
  /** The broken rule as a sentence about the broken core. */
  readonly breaks: string;
  readonly patches: readonly Patch[];
}

/** A mutant that the simulator must catch. */
export interface CatchableMutant extends Entry {
  /** Names of the checkers that count; whatever else complains, the hunt goes on. */
  readonly caughtBy: readonly string[];
  /** It must be caught within so many seeds, counted from 1. */
  readonly within: number;
  /** A schedule of its own instead of what the seed draws; one of `TRIALS`. */
  readonly trial?: string;
}

/** A mutant that no schedule can tell from the real core, because another rule covers for it. */
export interface CoveredMutant extends Entry {
  /** Which other rule covers for it, and why this one stands there all the same. */
  readonly coveredBy: string;
  /** Title of the golden case of `core/node/cases` that tells the two apart. */
  readonly goldenCase: string;
}

export type Mutant = CatchableMutant | CoveredMutant;

/** `src`, two folders up. */
const SOURCES = new URL("../", new URL("../", import.meta.url));

/** The text of a source file, by its path from `src`. */
export function readOriginal(file: string): string {
  return readFileSync(new URL(file, SOURCES), "utf8");
}

/** The text with the patch put in; throws when its piece does not occur exactly once. */
export function patched(text: string, patch: Patch): string {
  const pieces = text.split(patch.find);
  if (pieces.length !== 2) {
    const count = pieces.length - 1;
    throw new Error(`${patch.file} has ${count} times, not once, the text that a mutant replaces: ${patch.find}`);
  }
  return pieces.join(patch.replace);
}

/** The whole text of a file with all of the mutant's patches for it. */
export function mutate(file: string, mutant: Entry): string {
  let text = readOriginal(file);
  for (const patch of mutant.patches) if (patch.file === file) text = patched(text, patch);
  return text;
}

/** From now on this process loads the broken text; sources loaded before stay what they are. */
export function infect(mutant: Entry): void {
  const broken = new Map<string, string>();
  for (const { file } of mutant.patches) broken.set(new URL(file, SOURCES).href, mutate(file, mutant));
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const source = broken.get(url);
      return source === undefined ? loaded : { ...loaded, source };
    },
  });
}
