/**
 * One engine as the daemon runs it, in the place where it is measured: cluster files become a config by the product's own
 * parser, renderers and drivers. Reads one request per line and answers each with one line.
 */

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { wantedOf } from "../../src/core/balancer/wanted.ts";
import type { Wanted } from "../../src/core/balancer/wanted.ts";
import type { Problem, Result } from "../../src/core/base/report.ts";
import type { EngineName } from "../../src/core/config/balancer.ts";
import { parseCluster } from "../../src/core/config/parse.ts";
import { createEngine } from "../../src/daemon/balancer/engines.ts";

export type EngineRequest =
  /** Reads the file and puts it into effect. */
  | { readonly do: "apply"; readonly file: string }
  /** Changes weight and drain of that many members, one after the other, without a new file. */
  | { readonly do: "change"; readonly times: number }
  | { readonly do: "stop" };

export interface Took {
  readonly parseMs: number;
  readonly renderMs: number;
  readonly checkMs: number;
  readonly applyMs: number;
  /** As the driver says it was done. */
  readonly by: string;
  readonly renderedBytes: number;
}

export interface EngineAnswer {
  readonly problems?: readonly string[];
  readonly took?: Took;
  readonly changesMs?: readonly number[];
  readonly changedBy?: readonly string[];
  readonly pid?: number;
}

const [name = "haproxy", directory = ""] = process.argv.slice(2);
const engine = await createEngine(name as EngineName, {
  directory,
  run: "child",
  log: (level, message, fields) => process.stderr.write(`${level}: ${message} ${JSON.stringify(fields ?? {})}\n`),
});
let current: Wanted | undefined;

function must<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw new Error(result.problems.map((problem: Problem) => `${problem.code}: ${problem.message}`).join("\n"));
}

async function timed<T>(work: () => T | Promise<T>): Promise<[value: T, ms: number]> {
  const began = performance.now();
  const value = await work();
  return [value, performance.now() - began];
}

async function apply(file: string): Promise<EngineAnswer> {
  const text = readFileSync(file, "utf8");
  const [parsed, parseMs] = await timed(() => parseCluster(text, file));
  const config = must(parsed).config.balancer;
  if (config === undefined) throw new Error("the file has no balancer");
  const wanted = wantedOf(config);
  const [rendered, renderMs] = await timed(() => engine.render(wanted));
  const [checked, checkMs] = await timed(() => engine.check(wanted));
  must(checked);
  const [applied, applyMs] = await timed(() => engine.apply(wanted));
  const { by } = must(applied);
  current = wanted;
  const health = engine.health();
  const renderedBytes = rendered.reduce((sum, { content }) => sum + content.length, 0);
  const took = { parseMs, renderMs, checkMs, applyMs, by, renderedBytes };
  return { took, ...(health.state === "running" ? { pid: health.pid } : {}) };
}

async function change(times: number): Promise<EngineAnswer> {
  if (current === undefined) throw new Error("nothing was applied yet");
  const changesMs: number[] = [];
  const changedBy = new Set<string>();
  for (let index = 0; index < times; index++) {
    // Spread over all members; weights first, then drain.
    const at = Math.floor((index * current.members.length) / times);
    const isDrain = index % 2 === 1;
    const members = current.members.map((one, position) =>
      position !== at
        ? one
        : isDrain
          ? { ...one, drain: "operator" as const }
          : { ...one, drain: undefined, weight: 50 + (index % 50) },
    );
    const wanted: Wanted = { ...current, members };
    const [applied, ms] = await timed(() => engine.apply(wanted));
    changedBy.add(must(applied).by);
    changesMs.push(ms);
    current = wanted;
  }
  return { changesMs, changedBy: [...changedBy] };
}

async function answer(request: EngineRequest): Promise<EngineAnswer> {
  switch (request.do) {
    case "apply":
      return await apply(request.file);
    case "change":
      return await change(request.times);
    case "stop":
      await engine.stop(0);
      return {};
  }
}

for await (const line of createInterface(process.stdin)) {
  const request = JSON.parse(line) as EngineRequest;
  const reply = await answer(request).catch((error: Error): EngineAnswer => ({ problems: [error.message] }));
  process.stdout.write(`${JSON.stringify(reply)}\n`);
  if (request.do === "stop") break;
}
process.exit(0);
