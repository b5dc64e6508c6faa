/** `understudy check FILE`: everything that is wrong or risky about a cluster file, before any daemon reads it. */

import { Command } from "commander";
import type { Problem } from "../../core/base/report.ts";
import type { BalancerConfig } from "../../core/config/balancer.ts";
import type { LoadedCluster } from "../../host/config-file.ts";
import { EXIT_ERRORS, EXIT_OK, EXIT_USAGE } from "../exit-codes.ts";
import { printProblems } from "../print-problems.ts";

interface CheckOptions {
  readonly json?: boolean;
}

/** Exit codes: 0 usable (warnings included), 1 errors, 2 the file cannot be read. */
export function checkCommand(): Command {
  return new Command("check")
    .description("Checks a cluster file: all errors at once, risks, and the timing inequality with its numbers.")
    .argument("<file>", "the cluster file")
    .option("--json", "print one JSON object instead of text")
    .action(async (file: string, options: CheckOptions) => {
      process.exitCode = await check(file, options.json === true);
    });
}

async function check(file: string, asJson: boolean): Promise<number> {
  const { loadClusterFile, UNREADABLE } = await import("../../host/config-file.ts");
  const loaded = loadClusterFile(file);
  const cluster = loaded.ok ? loaded.value : undefined;
  const problems = [
    ...loaded.problems,
    ...(cluster ? await keyProblems(cluster.config.keyFile) : []),
    ...(cluster ? await fileProblems(cluster) : []),
  ];
  const isUsable = !problems.some((found) => found.severity === "error");
  if (asJson) await printJson(file, cluster, problems, isUsable);
  else await printText(file, cluster, problems);
  if (isUsable) return EXIT_OK;
  return problems.some((found) => found.code === UNREADABLE) ? EXIT_USAGE : EXIT_ERRORS;
}

/**
 * The key as this machine has it. A file may be checked on another machine than a node, and by another user than
 * root, so a key that is not here is a warning; the daemon refuses to start without it.
 */
async function keyProblems(path: string): Promise<Problem[]> {
  const { loadKeyFile } = await import("../../host/key-file.ts");
  const soft = new Set(["KEY_MISSING", "KEY_UNREADABLE"]);
  return loadKeyFile(path).problems.map((found) => (soft.has(found.code) ? { ...found, severity: "warning" } : found));
}

/** Certificates and other files of the balancer, likewise. */
async function fileProblems({ config: { balancer }, positions }: LoadedCluster): Promise<Problem[]> {
  if (balancer === undefined) return [];
  const { ABSENT_CODES, balancerFileProblems } = await import("../../host/balancer-files.ts");
  return balancerFileProblems(balancer, { positions }).map((found) =>
    ABSENT_CODES.includes(found.code) ? { ...found, severity: "warning" } : found,
  );
}

async function printText(
  file: string,
  cluster: LoadedCluster | undefined,
  problems: readonly Problem[],
): Promise<void> {
  printProblems(problems);
  if (cluster === undefined) {
    const count = problems.filter((found) => found.severity === "error").length;
    process.stderr.write(`\n${file}: ${count} ${count === 1 ? "error" : "errors"}\n`);
    return;
  }
  const { timingText } = await import("../../core/config/explain.ts");
  const { cluster: name, nodes, groups, balancer } = cluster.config;
  const plural = (count: number, word: string) => `${count} ${word}${count === 1 ? "" : "s"}`;
  const errors = problems.filter((found) => found.severity === "error").length;
  const warnings = problems.filter((found) => found.severity === "warning").length;
  const verdict =
    errors > 0 ? plural(errors, "error") : warnings > 0 ? `usable, with ${plural(warnings, "warning")}` : "fine";
  if (problems.length > 0) process.stderr.write("\n");
  process.stdout.write(`${timingText(cluster.config)}\n\n`);
  const counts = [plural(nodes.length, "node"), plural(groups.length, "group")];
  if (balancer !== undefined) {
    const { balancerText } = await import("../../core/config/explain-balancer.ts");
    process.stdout.write(`${balancerText(balancer)}\n\n`);
    counts.push(plural(balancer.sites.length, "site"), plural(balancer.pools.length, "pool"));
  }
  process.stdout.write(`${file}: cluster ${name}, ${counts.join(", ")}: ${verdict}\n`);
}

async function printJson(
  file: string,
  cluster: LoadedCluster | undefined,
  problems: readonly Problem[],
  isUsable: boolean,
): Promise<void> {
  const { timingOf, timingText } = await import("../../core/config/explain.ts");
  const config = cluster?.config;
  const timing = config && { ...config.heartbeat, ...config.lease, ...timingOf(config), text: timingText(config) };
  const balancer = config?.balancer && (await balancerJson(config.balancer));
  const answer = { file, ok: isUsable, cluster: config?.cluster, hash: cluster?.hash, timing, balancer, problems };
  process.stdout.write(`${JSON.stringify(answer, undefined, 2)}\n`);
}

async function balancerJson(balancer: BalancerConfig): Promise<object> {
  const { balancerText } = await import("../../core/config/explain-balancer.ts");
  const { engine, sites, pools } = balancer;
  return { engine, sites: sites.length, pools: pools.length, text: balancerText(balancer) };
}
