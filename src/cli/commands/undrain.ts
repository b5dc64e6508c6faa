/** `understudy undrain MEMBER`: a drained member gets new visitors again. */

import { Command } from "commander";

import type { DrainRequest } from "../../api/balancer.ts";
import type { RequestAnswer } from "../../api/types.ts";
import { clientOf } from "../runtime-dir.ts";
import { harmless } from "../terminal.ts";

export function undrainCommand(): Command {
  return new Command("undrain")
    .description("Lets a drained member of a pool take new visitors again, on all nodes.")
    .argument("<member>", "POOL/MEMBER, or a member's name for every pool that has it")
    .option("--json", "print the answer as JSON")
    .action(async (member: string, flags: { json?: boolean }, command: Command) => {
      const request: DrainRequest = { member, on: false, force: false };
      const answer = await clientOf(command).post<RequestAnswer>("/v1/balancer/drain", request);
      process.stdout.write(`${flags.json ? JSON.stringify(answer) : harmless(answer.detail)}\n`);
    });
}
