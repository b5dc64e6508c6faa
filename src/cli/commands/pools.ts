/** `understudy pools`: which members serve, how busy they are, and where the nodes' engines disagree. */

import { Command } from "commander";

import type { PoolsAnswer } from "../../api/balancer.ts";
import { findPool } from "../../core/config/find-members.ts";
import { DaemonError } from "../daemon-client.ts";
import type { DaemonClient } from "../daemon-client.ts";
import { foldPools, namesIn } from "../fold-pools.ts";
import { clientOf } from "../runtime-dir.ts";
import { showPools } from "../show-pools.ts";
import { watchScreen } from "../watch-screen.ts";

interface PoolsFlags {
  readonly json?: boolean;
  readonly watch?: boolean;
}

export function poolsCommand(): Command {
  return new Command("pools")
    .description("Shows pools and their members, the engines of all nodes together.")
    .argument("[pool]", "only this pool")
    .option("--json", "print the answer as JSON")
    .option("--watch", "show it again every second")
    .action(async (pool: string | undefined, flags: PoolsFlags, command: Command) => {
      const client = clientOf(command);
      const look = (): Promise<string> => once(client, pool, flags.json === true);
      if (flags.watch) return await watchScreen(look, !flags.json);
      process.stdout.write(`${await look()}\n`);
    });
}

async function once(client: DaemonClient, pool: string | undefined, asJson: boolean): Promise<string> {
  const answer = await client.get<PoolsAnswer>("/v1/pools");
  if (pool !== undefined) {
    const found = findPool(namesIn(foldPools(answer)), pool);
    if (!found.ok) throw new DaemonError(found.problems);
  }
  if (!asJson) return showPools(answer, pool);
  return JSON.stringify(pool === undefined ? answer : onlyPool(answer, pool));
}

function onlyPool(answer: PoolsAnswer, pool: string): PoolsAnswer {
  const nodes = answer.nodes.map(({ node, view }) => ({
    node,
    view: view && { ...view, pools: view.pools.filter((one) => one.pool === pool) },
  }));
  return { ...answer, nodes };
}
