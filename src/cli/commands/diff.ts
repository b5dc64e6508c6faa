/** `understudy diff FILE`: what a new cluster file would change, how it would come into effect, and who is at risk. */

import { Command } from "commander";

import type { PoolsAnswer, RunningAnswer } from "../../api/balancer.ts";
import type { RenderedFile, Wanted } from "../../core/balancer/wanted.ts";
import type { Problem, Result } from "../../core/base/report.ts";
import type { BalancerConfig } from "../../core/config/balancer.ts";
import type { ClusterConfig } from "../../core/config/cluster.ts";
import type { ConfigChange } from "../../core/config/diff.ts";
import { DaemonError } from "../daemon-client.ts";
import type { DaemonClient } from "../daemon-client.ts";
import { filesFor } from "../engine-files.ts";
import { foldPools } from "../fold-pools.ts";
import { printProblems } from "../print-problems.ts";
import { clientOf, runtimeDirOf } from "../runtime-dir.ts";
import { sessionsAtRisk } from "../sessions-at-risk.ts";
import type { ChangeBy, Traffic } from "../sessions-at-risk.ts";
import { showDiff } from "../show-diff.ts";
import type { DiffReport } from "../show-diff.ts";
import { unifiedDiff } from "../unified-diff.ts";

const USUAL_FILE = "/etc/understudy/cluster.yaml";

const EXIT_SAME = 0;
const EXIT_DIFFERS = 1;
const EXIT_TROUBLE = 2;

interface DiffFlags {
  readonly config?: string;
  readonly json?: boolean;
}

/** Exit codes as `diff` has them: 0 nothing changes, 1 something does, 2 it cannot be told. */
export function diffCommand(): Command {
  return new Command("diff")
    .description(
      "Shows what a new cluster file would change, how it would come into effect, and which sessions are at risk.",
    )
    .argument("<file>", "the new cluster file")
    .option(
      "--config <file>",
      `compare with this file, not with what the daemon runs (without a daemon: ${USUAL_FILE})`,
    )
    .option("--json", "print one JSON object instead of text")
    .addHelpText("after", "\nExit code 0 when nothing changes, 1 when something does, 2 when it cannot be told.\n")
    .action(async (file: string, flags: DiffFlags, command: Command) => {
      process.exitCode = await diff(file, flags, clientOf(command), runtimeDirOf(command)).catch(trouble);
    });
}

function trouble(error: unknown): number {
  if (!(error instanceof DaemonError)) throw error;
  printProblems(error.problems);
  return EXIT_TROUBLE;
}

/** One side of the comparison. */
interface Side {
  /** For people. */
  readonly name: string;
  readonly config: ClusterConfig;
  readonly wanted: Wanted | undefined;
  readonly directory: string;
}

async function diff(file: string, flags: DiffFlags, client: DaemonClient, runtimeDir: string): Promise<number> {
  const before = await currentSide(flags.config, client, runtimeDir);
  const { config, problems } = await load(file);
  const after: Side = { ...before, name: file, config, wanted: wantedAfter(before, config.balancer) };
  const { diffClusters } = await import("../../core/config/diff.ts");
  const changes = diffClusters(before.config, config);
  const traffic = before.isRunning ? await trafficOf(client) : undefined;
  const report = await reportOn({ before, after, changes, traffic });
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ ok: true, ...report, problems }, undefined, 2)}\n`);
  } else {
    printProblems(problems);
    process.stdout.write(`${showDiff(report)}\n`);
  }
  return changes.length === 0 ? EXIT_SAME : EXIT_DIFFERS;
}

/** What the daemon runs, or a file. */
async function currentSide(
  named: string | undefined,
  client: DaemonClient,
  runtimeDir: string,
): Promise<Side & { readonly isRunning: boolean }> {
  const running = named === undefined ? await runningOf(client) : { ok: false as const, problems: [] };
  if (running.ok) {
    const { node, file, config, wanted, directory } = running.value;
    return { name: `${file} as ${node} runs it`, config, wanted, directory, isRunning: true };
  }
  const file = named ?? USUAL_FILE;
  const { config } = await load(file, running.problems);
  const { engineDirectory } = await import("../../daemon/balancer/engines.ts");
  const { wantedOf } = await import("../../core/balancer/wanted.ts");
  const wanted = config.balancer && wantedOf(config.balancer);
  return { name: file, config, wanted, directory: engineDirectory(runtimeDir), isRunning: false };
}

/** Without a daemon, why; other trouble is thrown, because a daemon's config is the one that counts. */
async function runningOf(client: DaemonClient): Promise<Result<RunningAnswer>> {
  try {
    return { ok: true, value: await client.get<RunningAnswer>("/v1/running"), problems: [] };
  } catch (error) {
    if (!(error instanceof DaemonError) || !error.problems.every(({ code }) => code === "NO_DAEMON")) throw error;
    return { ok: false, problems: error.problems };
  }
}

/** `before`: told first when the file cannot be used either. */
async function load(
  file: string,
  before: readonly Problem[] = [],
): Promise<{ config: ClusterConfig; problems: readonly Problem[] }> {
  const { loadClusterFile } = await import("../../host/config-file.ts");
  const loaded = loadClusterFile(file);
  if (!loaded.ok) throw new DaemonError([...before, ...loaded.problems]);
  return { config: loaded.value.config, problems: loaded.problems };
}

async function trafficOf(client: DaemonClient): Promise<Traffic | undefined> {
  try {
    const answer = await client.get<PoolsAnswer>("/v1/pools");
    const connections = answer.nodes.reduce((sum, { view }) => sum + (view?.connections ?? 0), 0);
    return { pools: foldPools(answer), connections };
  } catch (error) {
    if (error instanceof DaemonError) return undefined;
    throw error;
  }
}

/** Operators' wishes and findings stay: they are about members, and not part of any file. */
function wantedAfter(before: Side, balancer: BalancerConfig | undefined): Wanted | undefined {
  if (balancer === undefined) return undefined;
  const known = new Map(before.wanted?.members.map((member) => [`${member.pool}/${member.member}`, member]));
  const weights = new Map<string, number>(
    before.config.balancer?.pools.flatMap(({ name, members }) =>
      members.map((member) => [`${name}/${member.name}`, member.weight] as const),
    ),
  );
  const members = balancer.pools.flatMap((pool) =>
    pool.members.map(({ name, weight }) => {
      const id = `${pool.name}/${name}`;
      const old = known.get(id);
      const isWished = old !== undefined && old.weight !== weights.get(id);
      return {
        pool: pool.name,
        member: name,
        weight: isWished ? old.weight : weight,
        drain: old?.drain,
        isUp: old?.isUp ?? true,
      };
    }),
  );
  const pools = new Set(balancer.pools.map(({ name }) => name));
  return { config: balancer, members, servingAll: (before.wanted?.servingAll ?? []).filter((pool) => pools.has(pool)) };
}

interface Compared {
  readonly before: Side;
  readonly after: Side;
  readonly changes: readonly ConfigChange[];
  readonly traffic: Traffic | undefined;
}

async function reportOn({ before, after, changes, traffic }: Compared): Promise<DiffReport> {
  const { by, how } = await howOf({ before, after, changes, traffic });
  return {
    before: before.name,
    after: after.name,
    changes,
    files: changes.length === 0 ? [] : await filesOf(before, after),
    how,
    atRisk: [
      ...goneResources(changes),
      ...(changes.length === 0
        ? []
        : sessionsAtRisk({ before: before.config.balancer, after: after.config.balancer, by, traffic })),
    ],
  };
}

/** Groups, addresses and services that the new file does not have. */
function goneResources(changes: readonly ConfigChange[]): string[] {
  return changes
    .filter(({ part, path, after }) => part === "groups" && after === undefined && GONE.test(path))
    .map(({ path }) => `${path} goes away: whoever uses it is cut off`);
}

const GONE = /^groups\.[^.]+(\.resources\..+)?$/;

/** The engine's files line by line; between two engines there is no line in common worth to be shown. */
async function filesOf(before: Side, after: Side): Promise<DiffReport["files"]> {
  const [old, now] = [before.wanted, after.wanted];
  if (old === undefined || now === undefined || old.config.engine !== now.config.engine) return [];
  const [oldFiles, newFiles] = await Promise.all([filesFor(old, before.directory), filesFor(now, before.directory)]);
  const paths = [...new Set([...oldFiles, ...newFiles].map(({ path }) => path))];
  return paths.flatMap((path) => {
    const names = { before: `${path}  ${before.name}`, after: `${path}  ${after.name}` };
    const lines = unifiedDiff(contentOf(oldFiles, path), contentOf(newFiles, path), names);
    return lines.length === 0 ? [] : [{ path, lines }];
  });
}

function contentOf(files: readonly RenderedFile[], path: string): string {
  return files.find((file) => file.path === path)?.content ?? "";
}

/** Parts that are read only when a daemon begins. */
function needsRestart(changes: readonly ConfigChange[], before: Side, after: Side): boolean {
  return (
    changes.some(({ part }) => part !== "balancer") || before.config.balancer?.engine !== after.config.balancer?.engine
  );
}

const NEXT = "then `understudy reload` on every node, after the file was copied there";

async function howOf({ before, after, changes }: Compared): Promise<{ by: ChangeBy; how: string[] }> {
  if (changes.length === 0) return { by: "nothing", how: [] };
  const parts = [...new Set(changes.map(({ part }) => part))];
  const restarts = needsRestart(changes, before, after);
  const daemon = restarts ? [`${parts.join(", ")}: the daemon restarts and keeps its leases`] : [];
  const engine = await engineHow(before.wanted, after.wanted);
  return {
    by: restarts && engine.by === "nothing" ? "nothing" : engine.by,
    how: [...daemon, ...engine.how, NEXT],
  };
}

/** What the engine needs for it. */
async function engineHow(
  before: Wanted | undefined,
  after: Wanted | undefined,
): Promise<{ by: ChangeBy; how: string[] }> {
  if (before === undefined && after === undefined) return { by: "nothing", how: [] };
  if (before === undefined) return { by: "restart", how: [`${after?.config.engine ?? ""} is started on every node`] };
  if (after === undefined) return { by: "restart", how: [`${before.config.engine} is stopped on every node`] };
  const { engine } = after.config;
  if (before.config.engine !== engine)
    return { by: "restart", how: [`${before.config.engine} is stopped and ${engine} is started on every node`] };
  const { describeChange } = await import("../../core/balancer/change.ts");
  const { by, commands, because } = describeChange(before, after);
  switch (by) {
    case "nothing":
      return { by, how: [`${engine}: nothing to do`] };
    case "runtime":
      return { by, how: [`${engine}: by runtime commands, without a reload:`, ...someOf(commands)] };
    case "reload":
      return { by, how: [`${engine}: by one reload${because.length === 0 ? "" : ` (${because.join("; ")})`}`] };
  }
}

/** Commands that are written out; a pool may have thousands of members. */
const COMMANDS_SHOWN = 20;

function someOf(commands: readonly string[]): string[] {
  const rest = commands.length - COMMANDS_SHOWN;
  const shown = commands.slice(0, COMMANDS_SHOWN).map((line) => `  ${line}`);
  return rest > 0 ? [...shown, `  and ${rest} more`] : shown;
}
