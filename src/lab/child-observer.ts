/** A process of the lab that observes or interferes, asked over its standard input and output. */

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { LineChannel } from "./line-channel.ts";

/** Path of a program of the lab: the source itself, or in the published package the JavaScript made from it. */
export function labProgram(source: URL): string {
  const path = fileURLToPath(source);
  return import.meta.filename.endsWith(".ts") ? path : path.replace(/\.ts$/, ".js");
}

/** Starts a program of the lab behind a command prefix, with one JSON argument. */
export class ChildObserver {
  readonly #child: ChildProcess;
  readonly #channel: LineChannel;
  #complaint = "";

  constructor(program: URL, prefix: readonly string[], options: unknown) {
    const argv = [...prefix, process.execPath, labProgram(program), JSON.stringify(options)];
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
