/**
 * What large cluster files cost, by size: reading and checking the file, rendering the engine's files, the engine's own
 * check of them, putting them into effect with a reload, and changing one member while it runs.
 */

import type { EngineName } from "../../src/core/config/balancer.ts";
import { largeFile } from "./cluster-file.ts";
import type { Took } from "./engine-process.ts";
import { OurEngine } from "./our-engine.ts";
import { runAt, writeInRoom } from "./wire.ts";

export interface Cost {
  readonly engine: EngineName;
  readonly members: number;
  readonly sites: number;
  /** The first start, and a reload after a change of the file. */
  readonly start: Took;
  readonly reload: Took;
  readonly changesMs: readonly number[];
  readonly changedBy: readonly string[];
}

const MANY_SITES = 1_000;

/** Sizes one after the other, each with an engine of its own; the last also with a thousand sites. */
export async function measureCost(
  { sizes, runtimeChanges }: { readonly sizes: readonly number[]; readonly runtimeChanges: number },
  told: (line: string) => void,
): Promise<Cost[]> {
  const found: Cost[] = [];
  runAt("balancer", ["ip", "addr", "replace", "10.9.0.25/24", "dev", "eth0"]);
  const shapes = [...sizes.map((members) => ({ members, sites: 1 })), { members: 1_000, sites: MANY_SITES }];
  for (const engine of ["haproxy", "nginx"] as const) {
    for (const shape of shapes) {
      const cost = await costOf(engine, shape, runtimeChanges);
      const ms = (value: number): string => `${Math.round(value)} ms`;
      const { parseMs, renderMs, checkMs, applyMs } = cost.reload;
      told(
        `${engine}, ${shape.members} members, ${shape.sites} sites: parse ${ms(parseMs)}, render ${ms(renderMs)}, check ${ms(checkMs)}, apply ${ms(applyMs)} (${cost.reload.by}), change ${ms(Math.max(...cost.changesMs))} at most (${cost.changedBy.join(", ")})`,
      );
      found.push(cost);
    }
  }
  return found;
}

async function costOf(
  engine: EngineName,
  shape: { readonly members: number; readonly sites: number },
  changes: number,
): Promise<Cost> {
  const name = `cost-${engine}-${shape.members}-${shape.sites}`;
  const ours = new OurEngine(engine, name);
  const apply = async (text: string): Promise<Took> => {
    const { took } = await ours.ask({ do: "apply", file: writeInRoom(`${name}.yaml`, text) });
    if (took === undefined) throw new Error(`${name}: nothing was applied`);
    return took;
  };
  const text = largeFile(engine, shape);
  const start = await apply(text);
  // A header is nothing that a running engine can be told.
  const reload = await apply(text.replace('X-Version: "1"', 'X-Version: "2"'));
  const { changesMs = [], changedBy = [] } = await ours.ask({ do: "change", times: changes });
  await ours.ask({ do: "stop" });
  return { engine, ...shape, start, reload, changesMs, changedBy };
}
