/** `understudy drain MEMBER`: new visitors go elsewhere, present ones finish; on all nodes, until `undrain`. */

import { Command } from "commander";

import type { DrainRequest, PoolsAnswer } from "../../api/balancer.ts";
import type { RequestAnswer } from "../../api/types.ts";
import { formatDuration } from "../../core/config/duration.ts";
import { findMembers } from "../../core/config/find-members.ts";
import { awaitDrain, DrainWatch, picker, progressWriter, QUIET_MS, remainingText, TIMEOUT_MS } from "../await-drain.ts";
import type { Waited } from "../await-drain.ts";
import { DaemonError } from "../daemon-client.ts";
import type { DaemonClient } from "../daemon-client.ts";
import { EXIT_ERRORS } from "../exit-codes.ts";
import { foldPools, namesIn, silentNodes } from "../fold-pools.ts";
import { printProblems } from "../print-problems.ts";
import { readDuration } from "../read-duration.ts";
import { clientOf } from "../runtime-dir.ts";
import { memberNames } from "../show-pools.ts";
import { harmless } from "../terminal.ts";

interface DrainFlags {
  readonly wait?: boolean;
  readonly timeout: number;
  readonly quiet: number;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** Exit codes: 0 drained (with --wait: and nothing remains), 1 refused or not finished in time. */
export function drainCommand(): Command {
  return new Command("drain")
    .description(
      "Lets a member of a pool finish: its present visitors stay, new ones go elsewhere, on all nodes, until `undrain`.",
    )
    .argument("<member>", "POOL/MEMBER, or a member's name for every pool that has it")
    .option("--wait", "return only when nothing remains there")
    .option(
      "--timeout <time>",
      "wait at most so long; the member stays drained (default: 10m)",
      readDuration,
      TIMEOUT_MS,
    )
    .option(
      "--quiet <time>",
      "without a session and a new request for so long, it is finished (default: 5s)",
      readDuration,
      QUIET_MS,
    )
    .option("--force", "also when nobody is left for new visitors, now or later")
    .option("--json", "print one JSON object instead of text")
    .addHelpText("after", FINISHED)
    .action(async (member: string, flags: DrainFlags, command: Command) => {
      process.exitCode = await drain(clientOf(command), member, flags);
    });
}

const FINISHED = `
Finished means that the engines of all nodes know of the drain, that none of them has a session or a waiting request for
the member, and that no new request came for the time of --quiet. A visitor whose cookie names the member is still sent
there with every click, so that nobody loses a basket: between two clicks there is no session. Where visitors stay long,
take a longer --quiet (5m); who comes after the member was stopped is sent to another one. nginx counts no requests of
single members, so there sessions alone decide.
`;

async function drain(client: DaemonClient, member: string, flags: DrainFlags): Promise<number> {
  const before = await client.get<PoolsAnswer>("/v1/pools");
  const keys = findMembers(namesIn(foldPools(before)), member);
  if (!keys.ok) throw new DaemonError(keys.problems);
  const request: DrainRequest = { member, on: true, force: flags.force === true };
  const answer = await client.post<RequestAnswer>("/v1/balancer/drain", request);
  const members = keys.value.map((key) => `${key.pool}/${key.member}`);
  const pick = picker(keys.value);
  if (!flags.json) process.stdout.write(`${harmless(answer.detail)}\n`);
  if (!flags.wait) {
    const now = await client.get<PoolsAnswer>("/v1/pools");
    const remaining = new DrainWatch(0).look(pick(now), silentNodes(now), 0);
    if (flags.json) writeJson({ ok: true, members, detail: answer.detail, ...remainingJson(remaining) });
    else process.stdout.write(`${[remainingText(remaining), ...comeBack(before, keys.value)].join("; ")}\n`);
    return 0;
  }
  const progress = progressWriter(process.stdout);
  const stop = (): void => {
    progress.end();
    if (!flags.json) process.stdout.write(`${memberNames(members)}: stays drained until \`understudy undrain\`\n`);
    process.exit(130);
  };
  process.once("SIGINT", stop);
  const waited = await awaitDrain({
    client,
    names: memberNames(members),
    pick,
    timeoutMs: flags.timeout,
    quietMs: flags.quiet,
    tell: flags.json ? () => {} : progress.tell,
  }).finally(() => process.off("SIGINT", stop));
  progress.end();
  if (flags.json) {
    const { finished, waitedMs, problems, remaining } = waited;
    writeJson({ ok: finished, members, detail: answer.detail, waitedMs, ...remainingJson(remaining), problems });
  } else tellEnd(memberNames(members), waited);
  return waited.finished ? 0 : EXIT_ERRORS;
}

/** A cookie leads its visitors back also to a member that is drained. */
function comeBack(answer: PoolsAnswer, keys: readonly { readonly pool: string }[]): string[] {
  const isSticky = foldPools(answer).some(
    ({ pool, sticky }) => keys.some((key) => key.pool === pool) && (sticky === "cookie" || sticky === "app-cookie"),
  );
  return isSticky ? ["visitors whose cookie names it still come back to it"] : [];
}

function tellEnd(names: string, { finished, waitedMs, problems }: Waited): void {
  if (finished)
    process.stdout.write(`${names}: nothing remains, after ${formatDuration(Math.round(waitedMs / 1_000) * 1_000)}\n`);
  else printProblems(problems);
}

function remainingJson({ sessions, byNode, unaware, silent, came }: Waited["remaining"]): object {
  return { sessions, byNode, unaware, silent, came };
}

function writeJson(value: object): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}
