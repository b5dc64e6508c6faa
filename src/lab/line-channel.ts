/**
 * Questions and answers as lines of JSON over any pair of streams: between a test and the lab's supervisor (Unix
 * socket), and between the supervisor and its observers (standard input and output).
 */

import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

/** Answers one question; a thrown error travels to the asker. */
export type Answerer = (method: string, params: unknown) => unknown;

type Line =
  | { readonly ask: number; readonly method: string; readonly params: unknown }
  | { readonly answer: number; readonly value?: unknown; readonly error?: string };

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** One end of a conversation. Both ends may ask. */
export class LineChannel {
  readonly #output: Writable;
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;
  #closed: Error | undefined;
  /** Settles when the other end is gone. */
  readonly closed: Promise<void>;

  constructor(input: Readable, output: Writable, answerer?: Answerer) {
    this.#output = output;
    const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
    lines.on("line", (text) => void this.#read(text, answerer));
    output.on("error", () => this.#end());
    input.on("error", () => this.#end());
    this.closed = new Promise((resolve) => {
      lines.on("close", () => {
        this.#end();
        resolve();
      });
    });
  }

  /** Asks the other end. Rejects with its error, or when it goes away before it answers. */
  call(method: string, params: unknown): Promise<unknown> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    const ask = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(ask, { resolve, reject });
      this.#write({ ask, method, params });
    });
  }

  async #read(text: string, answerer: Answerer | undefined): Promise<void> {
    const line = JSON.parse(text) as Line;
    if ("answer" in line) {
      const waiting = this.#waiting.get(line.answer);
      this.#waiting.delete(line.answer);
      if (line.error === undefined) waiting?.resolve(line.value);
      else waiting?.reject(new Error(line.error));
      return;
    }
    try {
      if (answerer === undefined) throw new Error("nobody answers here");
      this.#write({ answer: line.ask, value: await answerer(line.method, line.params) });
    } catch (error) {
      this.#write({ answer: line.ask, error: error instanceof Error ? error.message : String(error) });
    }
  }

  #write(line: Line): void {
    if (this.#output.writable) this.#output.write(`${JSON.stringify(line)}\n`);
  }

  #end(): void {
    this.#closed ??= new Error("the other end is gone");
    for (const waiting of this.#waiting.values()) waiting.reject(this.#closed);
    this.#waiting.clear();
  }
}
