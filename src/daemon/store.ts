/**
 * What a node must remember over its own restart: how far epochs may have been used (blocks are reserved ahead,
 * so no takeover waits for the disk) and the operators' wishes.
 *
 * A file that cannot be read is set aside and the node starts with nothing, which is safe: epochs begin at 0
 * and every peer's higher epoch is adopted from its first frame, as are the wishes; the one thing lost is what
 * only this node knew, and that is told as an alert. Inventing a large epoch instead would let a node with a
 * broken disk outbid the present holder.
 */

import { mkdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";

import type { Wish } from "../core/membership/frame.ts";
import { LatestWriter } from "./atomic-file.ts";

/** What is on disk. */
export interface StoredState {
  readonly epochs: Readonly<Record<string, number>>;
  readonly wishes: readonly Wish[];
}

/** Why the state file could not be used, and where it lies now. */
export interface SetAside {
  readonly file: string;
  readonly detail: string;
}

export interface Store {
  readonly initial: StoredState;
  /** Set when the file found at the start was unreadable. */
  readonly setAside: SetAside | undefined;
  /** Keeps this; returns at once. */
  save(state: StoredState): void;
  /** Waits until everything saved so far is on disk. */
  flush(): Promise<void>;
}

const FILE_NAME = "state.json";
const VERSION = 1;

/** Opens (and if need be makes) a state directory; rejects when it cannot be made. */
export async function openStore(stateDir: string, failed: (error: Error) => void): Promise<Store> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const path = join(stateDir, FILE_NAME);
  const writer = new LatestWriter(path, failed);
  const found = await load(path);
  return {
    initial: found.state,
    setAside: found.setAside,
    save: (state) => writer.write(`${JSON.stringify({ version: VERSION, ...state }, undefined, 2)}\n`),
    flush: () => writer.flush(),
  };
}

const NOTHING: StoredState = { epochs: {}, wishes: [] };

async function load(path: string): Promise<{ state: StoredState; setAside: SetAside | undefined }> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { state: NOTHING, setAside: undefined };
    return { state: NOTHING, setAside: { file: path, detail: (error as Error).message } };
  }
  const read = readState(text);
  if (typeof read !== "string") return { state: read, setAside: undefined };
  const file = `${path}.corrupt`;
  await rename(path, file).catch(() => {});
  return { state: NOTHING, setAside: { file, detail: read } };
}

/** The state in a file's text, or a sentence about what is wrong with it. */
function readState(text: string): StoredState | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return (error as Error).message;
  }
  if (!isRecord(value)) return "it holds no object";
  const { version, epochs, wishes } = value;
  if (version !== VERSION) return `its version ${JSON.stringify(version)} is not understood`;
  if (!isRecord(epochs) || !Object.values(epochs).every(isEpoch)) return "its epochs are not whole numbers";
  if (!Array.isArray(wishes) || !wishes.every(isWish)) return "its wishes cannot be read";
  return { epochs: epochs as Record<string, number>, wishes };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isEpoch(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isWish(value: unknown): value is Wish {
  return (
    isRecord(value) &&
    typeof value["key"] === "string" &&
    typeof value["value"] === "string" &&
    typeof value["node"] === "string" &&
    isEpoch(value["version"])
  );
}
