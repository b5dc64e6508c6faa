/** `understudy standby NODE`: a node gives away what it holds and takes nothing until it is online again. */

import { Command } from "commander";

import type { MemberView, PoolsAnswer } from "../../api/balancer.ts";
import { awaitDrain, DrainWatch, picker, progressWriter, QUIET_MS, remainingText, TIMEOUT_MS } from "../await-drain.ts";
import { DaemonError } from "../daemon-client.ts";
import type { DaemonClient } from "../daemon-client.ts";
import { EXIT_ERRORS } from "../exit-codes.ts";
import { foldPools, silentNodes } from "../fold-pools.ts";
import type { FoldedMember } from "../fold-pools.ts";
import { printProblems } from "../print-problems.ts";
import { readDuration } from "../read-duration.ts";
import { clientOf } from "../runtime-dir.ts";
import { memberNames } from "../show-pools.ts";
import { harmless } from "../terminal.ts";

/** Engines hear of a standby with the next beats; nodes that answer slowly need longer. */
const SETTLE_MS = 2_000;
const SETTLE_POLL_MS = 100;

interface StandbyFlags {
  readonly wait?: boolean;
  readonly timeout: number;
  readonly quiet: number;
}

/** Exit codes: 0 done (with --wait: and nothing remains), 1 refused or not finished in time. */
export function standbyCommand(): Command {
  return new Command("standby")
    .description(
      "Lets a node give away what it holds and take nothing, until `understudy online`; its members of pools drain on all nodes.",
    )
    .argument("<node>", "name of a node")
    .option("--wait", "return only when its members have nothing left, as `drain --wait` does")
    .option("--timeout <time>", "wait at most so long; the node stays in standby", readDuration, TIMEOUT_MS)
    .option(
      "--quiet <time>",
      "without a session and a new request for so long, a member is finished",
      readDuration,
      QUIET_MS,
    )
    .action(async (node: string, flags: StandbyFlags, command: Command) => {
      const client = clientOf(command);
      const answer = await client.submit({ verb: "standby", node });
      process.stdout.write(`${harmless(answer.detail)}\n`);
      process.exitCode = await tellMembers(client, node, flags);
    });
}

async function tellMembers(client: DaemonClient, node: string, flags: StandbyFlags): Promise<number> {
  const answer = await settledPools(client, node);
  if (answer === undefined) return 0;
  const members = membersOn(answer, node).map(({ folded }) => folded);
  const [kept, drained] = [members.filter((one) => !isDrained(one)), members.filter(isDrained)];
  if (kept.length > 0) {
    process.stdout.write(`${namesOf(kept)}: still taking new visitors, because nobody else of the pool could\n`);
  }
  if (drained.length === 0) return 0;
  const names = namesOf(drained);
  if (!flags.wait) {
    const remaining = new DrainWatch(0).look(drained, silentNodes(answer), 0);
    process.stdout.write(`${names}: draining, ${remainingText(remaining)}\n`);
    return 0;
  }
  const progress = progressWriter(process.stdout);
  const { timeout: timeoutMs, quiet: quietMs } = flags;
  const pick = picker(drained);
  const waited = await awaitDrain({ client, names, pick, timeoutMs, quietMs, tell: progress.tell });
  progress.end();
  if (waited.finished) process.stdout.write(`${names}: nothing remains\n`);
  else printProblems(waited.problems);
  return waited.finished ? 0 : EXIT_ERRORS;
}

/**
 * The pools once the engines know of the standby. A member that is not drained then is one that the cluster keeps, the last
 * of its pool. Undefined: nothing of a balancer runs on that node.
 */
async function settledPools(client: DaemonClient, node: string): Promise<PoolsAnswer | undefined> {
  const end = performance.now() + SETTLE_MS;
  for (;;) {
    const answer = await poolsOrNone(client);
    const members = answer === undefined ? [] : membersOn(answer, node);
    if (members.length === 0) return undefined;
    const isSettled = members.every(({ folded, isLast }) => isDrained(folded) || isLast);
    if (isSettled || performance.now() > end) return answer;
    await new Promise((resolve) => setTimeout(resolve, SETTLE_POLL_MS));
  }
}

/** Undefined: the cluster file has no balancer, so nothing drains. */
async function poolsOrNone(client: DaemonClient): Promise<PoolsAnswer | undefined> {
  try {
    return await client.get<PoolsAnswer>("/v1/pools");
  } catch (error) {
    if (error instanceof DaemonError && error.problems.every(({ code }) => WITHOUT.has(code))) return undefined;
    throw error;
  }
}

/** The second is the answer of a daemon that knows no balancers. */
const WITHOUT: ReadonlySet<string> = new Set(["BALANCER_NONE", "PATH_UNKNOWN"]);

interface OnNode {
  readonly folded: FoldedMember;
  /** Nobody else of its pool could take new visitors, as some engine sees it. */
  readonly isLast: boolean;
}

function membersOn(answer: PoolsAnswer, node: string): OnNode[] {
  return foldPools(answer).flatMap(({ members }) => {
    const isThere = ({ opinions }: FoldedMember): boolean => opinions.some(({ view }) => view.node === node);
    const others = members.filter((member) => !isThere(member));
    const isLast = !others.some(({ opinions }) => opinions.every(({ view }) => takesVisitors(view)));
    return members.filter(isThere).map((folded) => ({ folded, isLast }));
  });
}

function takesVisitors({ drain, health, weight }: MemberView): boolean {
  return drain === undefined && health !== "down" && weight > 0;
}

function isDrained({ opinions }: FoldedMember): boolean {
  return opinions.every(({ view }) => view.drain !== undefined);
}

function namesOf(members: readonly FoldedMember[]): string {
  return memberNames(members.map(({ pool, member }) => `${pool}/${member}`));
}
