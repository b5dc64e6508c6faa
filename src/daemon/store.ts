/**
 * What a node must remember over its own restart: how far epochs may have been used (blocks are reserved ahead,
 * so no takeover waits for the disk) and the operators' wishes.
 *
 * A disk that refuses a write, because it is full, is tried again until it takes it. Meanwhile a copy in the runtime
 * directory, which lies in memory, keeps epochs growing over restarts of the daemon; only a reboot loses it, and then
 * the other nodes tell what they remember.
 *
 * A file that cannot be read is set aside and the node starts with nothing, which is safe: epochs begin at 0
 * and every peer's higher epoch is adopted from its first frame, as are the wishes; the one thing lost is what
 * only this node knew, and that is told as an alert. Inventing a large epoch instead would let a node with a
 * broken disk outbid the present holder.
 */

import { mkdir, readFile, rename, rm } from "node:fs/promises";
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
  /** Waits until everything saved so far is on disk, or was refused. */
  flush(): Promise<void>;
  /** After the last flush, at an ordinary end: the copy goes, unless it knows more than the disk. */
  end(): Promise<void>;
}

const FILE_NAME = "state.json";
/** A refused write is tried again so often. */
const RETRY_MS = 5_000;
const VERSION = 1;

/**
 * Opens (and if need be makes) a state directory; rejects when it cannot be made. With a runtime directory, a copy is
 * kept there and read too; a copy that cannot be written or read is no loss while the disk works.
 */
export async function openStore(
  stateDir: string,
  failed: (error: Error) => void,
  options: { runtimeDir?: string; retryMs?: number } = {},
): Promise<Store> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const path = join(stateDir, FILE_NAME);
  const writer = new LatestWriter(path, failed, { retryMs: options.retryMs ?? RETRY_MS });
  const found = await load(path);
  const copyPath = options.runtimeDir === undefined ? undefined : join(options.runtimeDir, FILE_NAME);
  const copy = copyPath === undefined ? undefined : await readCopy(copyPath);
  const copyWriter = copyPath === undefined ? undefined : new LatestWriter(copyPath, () => {});
  const flush = async (): Promise<void> => {
    await copyWriter?.flush();
    await writer.flush();
  };
  return {
    initial: copy === undefined ? found.state : together(found.state, copy),
    setAside: found.setAside,
    save: (state) => {
      const text = `${JSON.stringify({ version: VERSION, ...state }, undefined, 2)}\n`;
      copyWriter?.write(text);
      writer.write(text);
    },
    flush,
    end: async () => {
      if (copyPath !== undefined && !writer.isBehind) await rm(copyPath, { force: true });
    },
  };
}

async function readCopy(path: string): Promise<StoredState | undefined> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  const read = text === undefined ? undefined : readState(text);
  return typeof read === "object" ? read : undefined;
}

/** The higher epoch of each group; all wishes, of which the core takes the newest of each. */
function together(disk: StoredState, copy: StoredState): StoredState {
  const epochs: Record<string, number> = { ...disk.epochs };
  for (const [group, epoch] of Object.entries(copy.epochs)) epochs[group] = Math.max(epoch, epochs[group] ?? 0);
  const known = new Set(disk.wishes.map((wish) => JSON.stringify(wish)));
  return { epochs, wishes: [...disk.wishes, ...copy.wishes.filter((wish) => !known.has(JSON.stringify(wish)))] };
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
