/** A process of the lab that observes or interferes, asked over its standard input and output. */

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { extname, join } from "node:path";
import { LineChannel } from "./line-channel.ts";

/** Path of a program of the lab, as source in the repository or as JavaScript in the published package. */
export function labProgram(name: string): string {
  return join(import.meta.dirname, name + extname(import.meta.filename));
}

/** Starts `name` (a file of the lab) behind a command prefix, with one JSON argument. */
export class ChildObserver {
  readonly #child: ChildProcess;
  readonly #channel: LineChannel;
  #complaint = "";

  constructor(name: string, prefix: readonly string[], options: unknown) {
    const argv = [...prefix, process.execPath, labProgram(name), JSON.stringify(options)];
    const [command = "", ...rest] = argv;
    const child = spawn(command, rest, { stdio: ["pipe", "pipe", "pipe"] });
    child.on("error", (error) => (this.#complaint += error.message));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#complaint = (this.#complaint + text).slice(-4000);
    });
    this.#child = child;
    this.#channel = new LineChannel(child.stdout, child.stdin);
  }

  /** Asks it. When it died, the error carries its last words. */
  async call(method: string, params: unknown): Promise<unknown> {
    try {
      return await this.#channel.call(method, params);
    } catch (error) {
      throw new Error(`${(error as Error).message} ${this.#complaint}`.trim());
    }
  }

  /** Tells it to end. */
  end(): void {
    this.#child.stdin?.end();
  }
}
