/** `understudy switch GROUP --to NODE`: a planned move, and if asked the proof that it arrived. */

import { Command } from "commander";

import { sentenceOf } from "../../api/sentence.ts";
import type { WhyAnswer } from "../../api/types.ts";
import { DaemonError } from "../daemon-client.ts";
import type { DaemonClient } from "../daemon-client.ts";
import { clientOf } from "../runtime-dir.ts";

const WAIT_LIMIT_MS = 60_000;
const POLL_MS = 100;

export function switchCommand(): Command {
  return new Command("switch")
    .description("Moves a group to another node, in order: released there first, then started here.")
    .argument("<group>", "name of a group")
    .requiredOption("--to <node>", "the node that shall hold it")
    .option("--wait", "return only when that node serves the group, within 60 s")
    .action(async (group: string, options: { to: string; wait?: boolean }, command: Command) => {
      const client = clientOf(command);
      const startedMs = performance.now();
      const answer = await client.submit({ verb: "switch", group, to: options.to });
      process.stdout.write(`${answer.detail}\n`);
      if (!options.wait) return;
      await arrival(client, group, options.to);
      process.stdout.write(
        `${group} is served by ${options.to} after ${Math.round(performance.now() - startedMs)} ms\n`,
      );
    });
}

async function arrival(client: DaemonClient, group: string, to: string): Promise<void> {
  const end = performance.now() + WAIT_LIMIT_MS;
  let answer: WhyAnswer;
  do {
    answer = await client.get<WhyAnswer>(`/v1/why/${encodeURIComponent(group)}`);
    if (roleOn(answer, to) === "holding") return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  } while (performance.now() < end);
  throw new DaemonError([
    {
      code: "SWITCH_NOT_FINISHED",
      severity: "error",
      message: `${to} does not serve ${group} after ${WAIT_LIMIT_MS / 1_000} s: ${reasonIn(answer, to)}`,
      next: `\`understudy why ${group}\` tells more`,
    },
  ]);
}

function viewOn(answer: WhyAnswer, node: string): WhyAnswer["nodes"][number]["view"]["groups"][number] | undefined {
  return answer.nodes.find((one) => one.node === node)?.view.groups.find(({ name }) => name === answer.group);
}

function roleOn(answer: WhyAnswer, node: string): string | undefined {
  return viewOn(answer, node)?.role;
}

/** The best known reason: what speaks against the node, else the latest decision. */
function reasonIn(answer: WhyAnswer, to: string): string {
  const own = viewOn(answer, to);
  if (own === undefined) return `${to} does not answer`;
  const candidate = own.candidates.find(({ node }) => node === to);
  if (candidate?.eligible === false) return `${to} may not hold it: ${candidate.because}`;
  const decision = own.decision;
  return decision === undefined ? `its role there is ${own.role}` : sentenceOf(decision);
}
