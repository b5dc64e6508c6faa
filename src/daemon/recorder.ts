/**
 * The record of decisions: in memory for questions, on disk over restarts, and on every node, so that the
 * reason for a takeover can still be asked for when the node that saw it is gone. Bounded everywhere: the
 * newest `MAX_EVENTS` in memory, two files of limited size on disk.
 */

import { appendFile, mkdir, open, readFile, rename, stat } from "node:fs/promises";
import { join } from "node:path";

import { readEvent } from "../api/schemas.ts";
import { sentenceOf } from "../api/sentence.ts";
import type { EventRecord } from "../api/types.ts";
import { MAX_EVENTS } from "../core/base/limits.ts";
import type { DecisionEvent } from "../core/node/effects.ts";

/** Size of one of the two files. */
const FILE_LIMIT_BYTES = 2 * 1_024 * 1_024;
/** Lines that wait for a disk that does not take them; older ones stay in memory only. */
const QUEUE_LIMIT = 10_000;

export interface RecorderOptions {
  readonly node: string;
  readonly incarnation: string;
  readonly stateDir: string;
  /** The disk refused lines. */
  readonly failed: (error: Error) => void;
  /** Bound of one file; for tests. */
  readonly fileLimitBytes?: number;
}

/** Opens the record and reads what earlier runs left; unreadable lines are skipped. */
export async function openRecorder(options: RecorderOptions): Promise<Recorder> {
  await mkdir(options.stateDir, { recursive: true, mode: 0o700 });
  const recorder = new Recorder(options);
  await recorder.load();
  return recorder;
}

export class Recorder {
  readonly #options: RecorderOptions;
  readonly #path: string;
  readonly #listeners = new Set<(record: EventRecord) => void>();
  /** In the order in which they became known; ids are unique. */
  readonly #records = new Map<string, EventRecord>();
  /** Highest counter seen of every node, also of records that made room for newer ones. */
  readonly #counters = new Map<string, number>();
  #counter = 0;
  #queue: string[] = [];
  #writing: Promise<void> | undefined;
  #sizeBytes = 0;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#path = join(options.stateDir, "events.jsonl");
  }

  /** Records a decision of this node. */
  record(event: Omit<DecisionEvent, "at">, time: number): EventRecord {
    const { severity, reason, group, node, link, facts } = event;
    this.#counter += 1;
    const by = this.#options.node;
    const record: EventRecord = {
      id: `${by}:${this.#options.incarnation}:${this.#counter}`,
      by,
      time,
      severity,
      reason,
      group,
      node,
      link,
      facts,
      text: sentenceOf(event),
    };
    this.#keep(record);
    return record;
  }

  /** Stores another node's record; one that is known already changes nothing. */
  adopt(record: EventRecord): void {
    if (this.#records.has(record.id) || record.by === this.#options.node) return;
    this.#keep(record);
  }

  /** All known records newer than this, oldest first. */
  list(afterTime: number): readonly EventRecord[] {
    return [...this.#records.values()].filter((record) => record.time > afterTime).toSorted((a, b) => a.time - b.time);
  }

  /**
   * This node's own records with a counter above this, oldest first. A counter that was never reached means
   * that this node lost its record and counts anew: then everything is new.
   */
  own(afterCounter: number): readonly EventRecord[] {
    const after = afterCounter > this.#counter ? 0 : afterCounter;
    const node = this.#options.node;
    return [...this.#records.values()].filter((record) => record.by === node && counterOf(record) > after);
  }

  /** Highest counter known of another node's records. */
  lastCounterOf(node: string): number {
    return this.#counters.get(node) ?? 0;
  }

  /** Calls back for every new record; returns a function that ends it. */
  follow(heard: (record: EventRecord) => void): () => void {
    this.#listeners.add(heard);
    return () => this.#listeners.delete(heard);
  }

  /** Waits until everything recorded so far is on disk (or was refused). */
  async flush(): Promise<void> {
    await this.#writing;
  }

  /** Reads the files of earlier runs. */
  async load(): Promise<void> {
    for (const path of [`${this.#path}.1`, this.#path]) {
      const text = await readFile(path, "utf8").catch(() => "");
      for (const line of text.split("\n")) {
        const record = parseLine(line);
        if (record === undefined) continue;
        this.#remember(record);
      }
    }
    this.#counter = this.lastCounterOf(this.#options.node);
    this.#sizeBytes = (await stat(this.#path).catch(() => undefined))?.size ?? 0;
    await this.#endTornLine();
  }

  #keep(record: EventRecord): void {
    this.#remember(record);
    if (this.#queue.length < QUEUE_LIMIT) this.#queue.push(`${JSON.stringify(record)}\n`);
    this.#writing ??= this.#write();
    for (const listener of this.#listeners) listener(record);
  }

  #remember(record: EventRecord): void {
    this.#records.set(record.id, record);
    this.#counters.set(record.by, Math.max(this.#counters.get(record.by) ?? 0, counterOf(record)));
    if (this.#records.size <= MAX_EVENTS) return;
    const oldest = this.#records.keys().next().value;
    if (oldest !== undefined) this.#records.delete(oldest);
  }

  async #write(): Promise<void> {
    // One turn later, so that a burst of decisions becomes one write.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const text = this.#queue.join("");
      this.#queue = [];
      try {
        if (this.#sizeBytes > (this.#options.fileLimitBytes ?? FILE_LIMIT_BYTES)) {
          await rename(this.#path, `${this.#path}.1`);
          this.#sizeBytes = 0;
        }
        await appendFile(this.#path, text, { mode: 0o600 });
        this.#sizeBytes += Buffer.byteLength(text);
      } catch (error) {
        this.#options.failed(error as Error);
      }
    }
    this.#writing = undefined;
  }

  /** A power cut may leave half a line; the next record must not be glued to it. */
  async #endTornLine(): Promise<void> {
    if (this.#sizeBytes === 0) return;
    const file = await open(this.#path, "a+", 0o600);
    try {
      const last = Buffer.alloc(1);
      await file.read(last, 0, 1, this.#sizeBytes - 1);
      if (last.toString() !== "\n") await file.write("\n");
    } finally {
      await file.close();
    }
  }
}

function parseLine(line: string): EventRecord | undefined {
  if (line === "") return undefined;
  try {
    return readEvent(JSON.parse(line));
  } catch {
    return undefined;
  }
}

function counterOf(record: EventRecord): number {
  const counter = Number(record.id.slice(record.id.lastIndexOf(":") + 1));
  return Number.isSafeInteger(counter) ? counter : 0;
}
