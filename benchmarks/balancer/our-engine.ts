/** The other end of `engine-process.ts`: asks it one thing after the other. */

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { openSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { EngineName } from "../../src/core/config/balancer.ts";
import type { EngineAnswer, EngineRequest } from "./engine-process.ts";
import { at, ROOM } from "./wire.ts";

const PROGRAM = fileURLToPath(new URL("./engine-process.ts", import.meta.url));
const ANSWER_LIMIT_MS = 120_000;

export class OurEngine {
  readonly #child: ChildProcess;
  readonly #log: string;
  readonly #waiting: ((line: string) => void)[] = [];

  constructor(engine: EngineName, name: string) {
    this.#log = join(ROOM, `${name}.log`);
    const [command, ...rest] = at("balancer", [process.execPath, PROGRAM, engine, join(ROOM, name)]);
    const child = spawn(command, rest, { stdio: ["pipe", "pipe", openSync(this.#log, "a")] });
    if (child.stdout === null) throw new Error("a pipe is there from the start");
    createInterface(child.stdout).on("line", (line) => this.#waiting.shift()?.(line));
    this.#child = child;
  }

  /** Throws with the engine's own words when it could not. */
  async ask(request: EngineRequest): Promise<EngineAnswer> {
    const line = await new Promise<string>((resolve, reject) => {
      const failed = (why: string): void => reject(new Error(`${request.do}: ${why}; see ${this.#log}`));
      const timer = setTimeout(() => failed(`no answer within ${ANSWER_LIMIT_MS} ms`), ANSWER_LIMIT_MS);
      this.#child.once("exit", (code) => failed(`the engine's process ended with ${code}`));
      this.#waiting.push((text) => {
        clearTimeout(timer);
        resolve(text);
      });
      this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    });
    const answer = JSON.parse(line) as EngineAnswer;
    if (answer.problems !== undefined) throw new Error(answer.problems.join("\n"));
    return answer;
  }
}
