/** Scripts drawn at random, as far as they are possible: whatever they say, the play ends and tells a whole story. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { Random } from "../../core/base/random.ts";
import type { ClusterConfig } from "../../core/config/cluster.ts";
import { parseCluster } from "../../core/config/parse.ts";
import { gatewaysOf } from "./gateways.ts";
import { parseScript, type Script } from "./parse-script.ts";
import { playScript } from "./play.ts";

const FILES = ["two-nodes", "service", "three-nodes-ipv6"];
const SEEDS = 24;

function read(name: string): ClusterConfig {
  const file = fileURLToPath(new URL(`../../../examples/${name}.yaml`, import.meta.url));
  const parsed = parseCluster(readFileSync(file, "utf8"), name);
  if (!parsed.ok) throw new Error(`${name} has errors`);
  return parsed.value.config;
}

/** One statement; most are possible. */
function drawStatement(random: Random, config: ClusterConfig): string {
  const node = () => random.pick(config.nodes).name;
  const link = () => `link${random.integer(0, (config.nodes[0]?.addresses.length ?? 1) - 1)}`;
  const lasting = () => (random.chance(0.5) ? ` for ${random.integer(50, 4_000)}ms` : "");
  const group = () => random.pick(config.groups).name;
  const monitor = config.monitors[0]?.name ?? "none";
  const service = config.groups[0]?.resources.find(({ kind }) => kind === "service")?.id ?? "none";
  const [first, second] = config.nodes.map(({ name }) => name);
  const moods = ["dies", "fails-to-start", "fails-to-stop", "hangs-in-start", "slow", "works"];
  return random.pick([
    () => `${random.pick(["power", "kill", "stop", "freeze", "block"])} ${node()}${lasting()}`,
    () => `${random.pick(["boot", "start", "thaw", "restart", "standby", "online"])} ${node()}`,
    () => `${random.pick(["pause", "suspend"])} ${node()} for ${random.integer(1, 3_000)}ms`,
    () => `cut ${node()}${random.chance(0.5) ? `:${link()}` : ""} ${random.pick(["", "in", "out"])}${lasting()}`,
    () => `${random.pick(["unplug", "filter"])} ${node()}:${link()}${lasting()}`,
    () => `loss ${link()} ${random.integer(0, 40)}%${lasting()}`,
    () => `delay ${link()} ${random.integer(1, 30)}ms${lasting()}`,
    () => `split ${link()} ${first}|${second}${lasting()}`,
    () => `gateway link0 ${random.pick(["up", "down"])}`,
    () => `monitor ${node()} ${monitor} ${random.pick(["up", "down", "unknown"])}`,
    () => `service ${node()} ${service} ${random.pick(moods)}`,
    () => `heal ${random.pick([node(), "all", link(), `${node()}:${link()}`])}`,
    () => `switch ${group()} ${node()}`,
    () => `clear ${group()}`,
    () => `maintenance ${random.pick(["on", "off"])}`,
    () => `expect ${group()} nowhere`,
    () => `wait ${random.integer(10, 3_000)}ms`,
  ])();
}

function drawScript(random: Random, config: ClusterConfig): { text: string; script: Script } {
  const gateways = gatewaysOf(config).map(({ addresses }) => addresses);
  const lines = ["wait 1ms"];
  let script: Script | undefined;
  for (let tries = 0; tries < 200 && lines.length < 16; tries++) {
    const text = [...lines, drawStatement(random, config)];
    const parsed = parseScript(text.join("\n"), { file: "script", config, gateways });
    if (!parsed.ok) continue;
    script = parsed.value;
    lines.splice(0, lines.length, ...text);
    if (random.chance(0.5)) lines.push(`wait ${random.integer(10, 1_000)}ms`);
  }
  const [text, parsed] = [lines.join("\n"), parseScript(lines.join("\n"), { file: "script", config, gateways })];
  if (!parsed.ok || script === undefined) throw new Error("nothing possible was drawn");
  return { text, script: parsed.value };
}

test.each(Array.from({ length: SEEDS }, (_, index) => index + 1))("random script %i", (seed) => {
  const random = new Random(`what-if/${seed}`);
  const config = read(random.pick(FILES));
  const { text, script } = drawScript(random, config);
  const gateways = gatewaysOf(config).map(({ addresses }) => addresses);
  const played = playScript({ config, gateways, script, seed });
  const told = `${text}\n${JSON.stringify(played.entries, undefined, 1)}`;
  const times = played.entries.map(({ at }) => at);
  expect(times, told).toEqual(times.toSorted((a, b) => a - b));
  expect(played.entries.filter(({ kind }) => kind === "script").length, told).toBe(
    script.statements.filter(({ action }) => action.kind !== "wait" && action.kind !== "expect").length,
  );
  for (const { from, to, ms } of played.gaps) {
    expect(from, told).toBeGreaterThanOrEqual(0);
    expect(ms, told).toBeCloseTo((to ?? played.untilMs) - from, 3);
  }
  // What a machine does whose clocks stood still is the one thing that the arbiter cannot prevent.
  const broken = played.entries.filter(({ kind, severity }) => kind === "broken" && severity === "alert");
  expect(
    broken.filter((entry) => !entry.text.includes("had stood still")),
    told,
  ).toEqual([]);
  expect(playScript({ config, gateways, script, seed })).toEqual(played);
});
