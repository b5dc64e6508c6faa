/** `understudy weight MEMBER N`: how large a share of new visitors a member gets, on all nodes, until it is `file` again. */

import { Command, InvalidArgumentError } from "commander";

import type { WeightRequest } from "../../api/balancer.ts";
import type { RequestAnswer } from "../../api/types.ts";
import { clientOf } from "../runtime-dir.ts";
import { harmless } from "../terminal.ts";

const MOST_WEIGHT = 256;

export function weightCommand(): Command {
  return new Command("weight")
    .description("Sets a member's share of new visitors on all nodes, until `weight MEMBER file`.")
    .argument("<member>", "POOL/MEMBER, or a member's name for every pool that has it")
    .argument("<weight>", "0 to 256, or `file` for what the cluster file says", readWeight)
    .option("--json", "print the answer as JSON")
    .action(async (member: string, weight: number | "file", flags: { json?: boolean }, command: Command) => {
      const request: WeightRequest = { member, weight: weight === "file" ? undefined : weight };
      const answer = await clientOf(command).post<RequestAnswer>("/v1/balancer/weight", request);
      process.stdout.write(`${flags.json ? JSON.stringify(answer) : harmless(answer.detail)}\n`);
    });
}

function readWeight(text: string): number | "file" {
  if (text === "file") return text;
  const weight = Number(text);
  if (!/^\d{1,3}$/.test(text) || weight > MOST_WEIGHT)
    throw new InvalidArgumentError(`a whole number from 0 to ${MOST_WEIGHT}, or file`);
  return weight;
}
