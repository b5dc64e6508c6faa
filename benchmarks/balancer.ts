/**
 * `npm run bench:balancer`: requests per second, latency and memory of the balancer beside HAProxy and nginx with files
 * written by hand, in one run; what large cluster files cost; how soon a change of the cluster file is seen. The full run
 * writes `benchmarks/balancer.md`; a quick one only prints. Needs root. Everything runs in namespaces that end with it.
 */

import { spawn } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { packageRoot } from "../src/lab/plan.ts";
import { measureChanges } from "./balancer/changes.ts";
import { startContenders } from "./balancer/contenders.ts";
import { measureCost } from "./balancer/cost.ts";
import { renderPage } from "./balancer/page.ts";
import { measureMemory, measureTraffic } from "./balancer/traffic.ts";
import { buildWire, ROOM, walled } from "./balancer/wire.ts";

const USAGE = `usage: npm run bench:balancer -- [--quick] [--only traffic|cost|changes]

  --quick       under two minutes, and the page is not written
  --only PART   one part, and the page is not written
`;
const CACHE = `/var/cache/understudy-nginx${ROOM.replaceAll("/", "-")}-our-nginx`;

const PARTS = ["traffic", "cost", "changes"] as const;
type Part = (typeof PARTS)[number];

const EFFORT = {
  quick: { rounds: 1, seconds: 1, runtimeChanges: 6, fileChanges: 3, sizes: [10, 1_000], limitMs: 4 * 60_000 },
  full: {
    rounds: 3,
    seconds: 2,
    runtimeChanges: 40,
    fileChanges: 15,
    sizes: [10, 100, 1_000, 5_000],
    limitMs: 15 * 60_000,
  },
};
/** Set for the process inside the wall. */
const INSIDE = "UNDERSTUDY_BENCH_INSIDE";

const told = (line: string): unknown => process.stderr.write(`${line}\n`);

/** Starts this very program inside the wall and passes on what it prints. */
async function outside(args: readonly string[]): Promise<number> {
  if (process.getuid?.() !== 0) {
    told("the benchmark needs root: network namespaces, and engines that drop their rights");
    return 2;
  }
  const [command, ...rest] = walled([process.execPath, fileURLToPath(import.meta.url), ...args]);
  const child = spawn(command, rest, { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, [INSIDE]: "1" } });
  let page = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (page += text));
  const stop = (): unknown => child.kill("SIGKILL");
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, stop);
  const code = await new Promise<number>((resolve) => child.once("close", (exit) => resolve(exit ?? 1)));
  // The only thing outside of the wall: nginx keeps large bodies on disk, and was ended with everything else.
  rmSync(CACHE, { recursive: true, force: true });
  process.stdout.write(page);
  const { quick, only } = flags(args);
  if (code === 0 && !quick && only === undefined) writeFileSync(join(packageRoot, "benchmarks/balancer.md"), page);
  return code;
}

async function inside({ quick, only }: Flags): Promise<void> {
  const effort = quick ? EFFORT.quick : EFFORT.full;
  const limit = setTimeout(() => {
    told("took too long: ended");
    process.exit(1);
  }, effort.limitMs);
  const beganMs = performance.now();
  const wants = (part: Part): boolean => only === undefined || only === part;
  buildWire();
  const contenders = wants("traffic") || wants("changes") ? await startContenders() : [];
  const changes = wants("changes") ? await measureChanges(effort.fileChanges, told) : undefined;
  const rows = wants("traffic") ? measureTraffic(contenders, effort, told) : [];
  const memory = measureMemory(contenders);
  const cost = wants("cost") ? await measureCost(effort, told) : [];
  const tookMs = performance.now() - beganMs;
  process.stdout.write(renderPage({ effort, rows, memory, cost, changes, tookMs }));
  clearTimeout(limit);
  // What was started ends with the wall.
  process.exit(0);
}

interface Flags {
  readonly quick: boolean;
  readonly only: Part | undefined;
}

function flags(args: readonly string[]): Flags {
  const { values } = parseArgs({
    args: [...args],
    options: { quick: { type: "boolean", default: false }, only: { type: "string" } },
  });
  const only = PARTS.find((part) => part === values.only);
  if (values.only !== undefined && only === undefined) throw new Error(`--only takes ${PARTS.join(", ")}`);
  return { quick: values.quick, only };
}

const args = process.argv.slice(2);
try {
  const asked = flags(args);
  if (process.env[INSIDE] === undefined) process.exitCode = await outside(args);
  else await inside(asked);
} catch (error) {
  told((error as Error).message);
  if (process.env[INSIDE] === undefined) told(USAGE);
  process.exit(process.env[INSIDE] === undefined ? 2 : 1);
}
