/**
 * Two things that happen to a cluster at nearly the same moment, as an administrator could write them: whatever the
 * pair, clients never reach two servers, and once all is healed every group is served again. Seeds draw faults for
 * seconds and seldom meet such moments; here every play is one. A filtered port together with a broken cable is left
 * out: nodes that cannot read each other have only the wire as a witness, and then not even that.
 */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { Random } from "../../core/base/random.ts";
import type { ClusterConfig } from "../../core/config/cluster.ts";
import { parseCluster } from "../../core/config/parse.ts";
import { gatewaysOf } from "./gateways.ts";
import { parseScript } from "./parse-script.ts";
import { playScript } from "./play.ts";

function read(name: string): ClusterConfig {
  const file = fileURLToPath(new URL(`../../../examples/${name}.yaml`, import.meta.url));
  const parsed = parseCluster(readFileSync(file, "utf8"), name);
  if (!parsed.ok) throw new Error(`${name} has errors`);
  return parsed.value.config;
}

function statementsFor(config: ClusterConfig): string[] {
  const [group] = config.groups;
  const [first, second] = config.nodes.map(({ name }) => name);
  const ofNodes = config.nodes.flatMap(({ name: node }) => [
    ...["power", "kill", "freeze", "cut", "restart"].map((verb) => `${verb} ${node}`),
    ...[
      `freeze ${node} for 150ms`,
      `freeze ${node} for 300ms`,
      `suspend ${node} for 150ms`,
      `suspend ${node} for 400ms`,
    ],
    ...[`cut ${node} in`, `cut ${node} out`, `cut ${node} for 300ms`, `unplug ${node}:0`],
    ...[`cut ${node}:0`, `cut ${node}:0 in`, `cut ${node}:0 out`, `cut ${node}:0 for 200ms`],
    ...[`switch ${group?.name} ${node}`, `monitor ${node} web down`, `filter ${node}`, `filter ${node} for 300ms`],
  ]);
  return [...ofNodes, `split link0 ${first}|${second}`, `split link0 ${second}|${first}`, "gateway link0 down"];
}

/** Pairs drawn for each cluster, beside the pause between the two. */
const CLUSTERS = [
  { name: "two-nodes", pairs: 90 },
  { name: "three-nodes-ipv6", pairs: 30 },
] as const;
const PAUSES_MS = [0, 120, 260];

/** Is this a pair that the arbiter `segment` promises to survive? */
function isPromised(...pair: readonly string[]): boolean {
  const isFiltered = pair.some((one) => one.startsWith("filter"));
  return !isFiltered || !pair.some((one) => /^(cut|unplug|split)/.test(one));
}

test.each(CLUSTERS)("pairs of statements on $name", { timeout: 120_000 }, ({ name, pairs }) => {
  const config = read(name);
  const gateways = gatewaysOf(config).map(({ addresses }) => addresses);
  const all = statementsFor(config);
  const random = new Random(`pairs/${name}`);
  let played = 0;
  for (let tries = 0; played < pairs && tries < 10 * pairs; tries++) {
    const pause = random.pick(PAUSES_MS);
    const between = pause === 0 ? "" : `wait ${pause}ms; `;
    const [one, other] = [random.pick(all), random.pick(all)];
    if (!isPromised(one, other)) continue;
    const text = `${one}; ${between}${other}; wait 4s; heal all`;
    const script = parseScript(text, { file: "script", config, gateways });
    if (!script.ok) continue;
    played++;
    const { entries, end } = playScript({ config, gateways, script: script.value, seed: tries });
    const broken = entries.filter(({ kind, severity }) => kind === "broken" && severity === "alert");
    expect(broken, `--seed ${tries} "${text}"`).toEqual([]);
    for (const state of end) expect(state.on.length, `--seed ${tries} "${text}": ${state.because}`).toBe(1);
  }
  expect(played).toBe(pairs);
});
