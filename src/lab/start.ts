/**
 * `npm start`: a cluster on this machine that one can watch and break. With `--tour` it does so by itself and
 * needs no terminal. Whatever ends it, the lab ends with it.
 */

import { parseArgs } from "node:util";
import { runLiveView } from "./live-view.ts";
import { whatIsMissing } from "./namespaces.ts";
import type { UpOptions } from "./lab.ts";
import { runTour, tourCluster } from "./tour.ts";

/** The tour ends by itself within three minutes, whatever goes wrong. */
const TOUR_LIMIT_MS = 170_000;

const USAGE = `usage: npm start -- [--tour] [--nodes 2..5] [--ipv6] [--balancer haproxy|nginx]

  without --tour   a live view in this terminal; keys inflict and heal faults
  --tour           every fault in turn, a table at the end; exit code 0 when every promise was met
  --nodes N        how many nodes (default 2)
  --ipv6           IPv6 beside IPv4
  --balancer NAME  pages come through this engine from the web servers of all nodes
`;

async function main(): Promise<number> {
  const flags = readFlags();
  if (flags === undefined) return 2;
  if (flags.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const problems = whatIsMissing();
  for (const { message, next } of problems) process.stderr.write(`${message}\n  next: ${next}\n`);
  if (problems.length > 0) return 1;
  const { nodes, ipv6, balancer } = flags;
  const options: UpOptions = { nodes, ipv6, ...(balancer === undefined ? {} : { balancer }) };
  if (flags.tour) return tour(options);
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    process.stderr.write(`the live view needs a terminal; without one: npm start -- --tour\n`);
    return 2;
  }
  await runLiveView(balancer === undefined ? { ...options, cluster: tourCluster } : options);
  return 0;
}

interface Flags {
  readonly help: boolean;
  readonly tour: boolean;
  readonly ipv6: boolean;
  readonly nodes: number;
  readonly balancer: "haproxy" | "nginx" | undefined;
}

function readFlags(): Flags | undefined {
  try {
    const { values } = parseArgs({
      options: {
        help: { type: "boolean", short: "h", default: false },
        tour: { type: "boolean", default: false },
        ipv6: { type: "boolean", default: false },
        nodes: { type: "string", default: "2" },
        balancer: { type: "string" },
      },
    });
    const nodes = Number(values.nodes);
    if (!Number.isInteger(nodes) || nodes < 2 || nodes > 5) throw new Error("--nodes takes a number from 2 to 5");
    const { help, tour: isTour, ipv6, balancer } = values;
    if (balancer !== undefined && balancer !== "haproxy" && balancer !== "nginx")
      throw new Error("--balancer takes haproxy or nginx");
    if (balancer !== undefined && isTour) throw new Error("the tour has no balancer");
    return { help, tour: isTour, ipv6, nodes, balancer };
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}`);
    return undefined;
  }
}

async function tour(options: UpOptions): Promise<number> {
  // The lab belongs to this process: when it exits, the supervisor sees its end and clears up.
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => process.exit(130));
  const timer = setTimeout(() => {
    process.stderr.write("the tour did not end in time\n");
    process.exit(1);
  }, TOUR_LIMIT_MS);
  timer.unref();
  const areAllMet = await runTour(options, (line) => process.stdout.write(`${line}\n`));
  process.stdout.write(areAllMet ? "\nevery promise was met\n" : "\nnot every promise was met\n");
  return areAllMet ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
