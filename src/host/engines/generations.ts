/**
 * An engine's files as whole sets: each in a folder of its own (`generation-7`), and a link `live` that names the one in
 * use. A candidate is written and checked beside the live set, goes live by the rename of one link, and the set before
 * is back by the same step; so there is no moment with a half of each.
 */

import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

export const LIVE = "live";
const NAME = /^generation-(\d+)$/;

/** A file of a set; secrets have mode 0600. */
export interface EngineFile {
  readonly path: string;
  readonly content: string | Uint8Array;
  readonly secret?: boolean;
}

export class Generations {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Name of the set in use; undefined: none yet. */
  get live(): string | undefined {
    try {
      const name = readlinkSync(join(this.#directory, LIVE));
      return NAME.test(name) && existsSync(join(this.#directory, name)) ? name : undefined;
    } catch {
      return undefined;
    }
  }

  /** Writes a set beside the live one and returns its name. */
  write(files: readonly EngineFile[]): string {
    mkdirSync(this.#directory, { recursive: true, mode: 0o750 });
    const numbers = this.#all().map((name) => Number(NAME.exec(name)?.[1]));
    const name = `generation-${Math.max(0, ...numbers) + 1}`;
    const folder = join(this.#directory, name);
    mkdirSync(folder, { mode: 0o750 });
    for (const { path, content, secret } of files) {
      const file = join(folder, path);
      mkdirSync(dirname(file), { recursive: true, mode: 0o750 });
      writeFileSync(file, content, { mode: secret === true ? 0o600 : 0o640 });
    }
    chmodSync(folder, 0o750);
    return name;
  }

  /** Makes a set the live one, in one step. */
  enliven(name: string): void {
    const next = join(this.#directory, `${LIVE}.next`);
    rmSync(next, { force: true });
    symlinkSync(name, next);
    renameSync(next, join(this.#directory, LIVE));
  }

  /** Removes every set but those named. */
  keepOnly(...names: readonly (string | undefined)[]): void {
    for (const name of this.#all()) {
      if (!names.includes(name)) rmSync(join(this.#directory, name), { recursive: true, force: true });
    }
  }

  #all(): string[] {
    return existsSync(this.#directory) ? readdirSync(this.#directory).filter((name) => NAME.test(name)) : [];
  }
}
