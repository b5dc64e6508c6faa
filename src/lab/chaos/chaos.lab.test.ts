/** Chaos on the real thing for a minute, and a proof that it would have seen two holders. */

import { randomInt } from "node:crypto";
import { expect, test } from "vitest";
import { effort } from "../../../test/effort.ts";
import { until } from "../clock.ts";
import type { Lab } from "../lab.ts";
import { PUBLIC_VIP } from "../plan.ts";
import type { Evidence } from "./evidence.ts";
import { judge, ONE_HOLDER } from "./judge.ts";
import type { Verdict } from "./judge.ts";
import { KIND_NAMES } from "./kinds.ts";
import { isClean, renderReport } from "./report.ts";
import { REST_LIMIT_MS, runChaos } from "./run.ts";
import { drawSchedule } from "./schedule.ts";
import type { Schedule } from "./schedule.ts";

/** Deals every kind of fault in its first phase, a crowded one, and has time for one that is not. */
const FIXED_SEED = 1123;
const FIXED_MINUTES = effort({ usual: 0.75, long: 3 });
/** A seed that nobody has seen. */
const DRAWN_MINUTES = effort({ usual: 0.25, long: 3 });
const MINUTE_MS = 60_000;

async function unleash(
  schedule: Schedule,
  sabotage?: (lab: Lab, holder: string) => Promise<void>,
): Promise<{ evidence: Evidence; verdict: Verdict; report: string }> {
  const { signal } = new AbortController();
  const told: string[] = [];
  const say = (line: string): unknown => told.push(line);
  const evidence = await runChaos({ schedule, say, signal, directory: undefined, ...(sabotage && { sabotage }) });
  const verdict = judge(evidence, REST_LIMIT_MS);
  return { evidence, verdict, report: [...told, ...renderReport(evidence, verdict)].join("\n") };
}

test.each([
  { name: "a fixed seed", seed: FIXED_SEED, minutes: FIXED_MINUTES },
  { name: "a drawn seed", seed: randomInt(1_000_000), minutes: DRAWN_MINUTES },
])("chaos of $name ($seed) breaks no promise", { timeout: 5 * MINUTE_MS }, async ({ seed, minutes }) => {
  const schedule = drawSchedule({ seed, minutes });
  const { evidence, verdict, report } = await unleash(schedule);
  console.log(report);
  expect(isClean(evidence, verdict), report).toBe(true);
  if (seed !== FIXED_SEED) return;
  // A run that missed most kinds would prove little.
  expect(verdict.kinds.filter(({ inflicted }) => inflicted > 0).length).toBeGreaterThan(KIND_NAMES.length * 0.6);
});

/** Takes the gate away from a node, for good, and lets its kernel answer for the address as any machine would. */
async function usurp(lab: Lab, node: string): Promise<void> {
  const must = async (...argv: string[]): Promise<void> => {
    const { code, stderr } = await lab.run(node, argv);
    expect(code, `${argv.join(" ")}: ${stderr}`).toBe(0);
  };
  await lab.call("stop", { node, program: "daemon", how: "SIGKILL" });
  await must("nft", "flush", "ruleset");
  for (const device of ["eth0", "eth1"]) await lab.run(node, ["tc", "qdisc", "del", "dev", device, "clsact"]);
  for (const scope of ["all", "eth0"]) {
    await must("sh", "-c", `echo 0 > /proc/sys/net/ipv4/conf/${scope}/arp_ignore`);
  }
  await must("ip", "address", "add", `${PUBLIC_VIP}/32`, "dev", "eth0");
  await until("it answers", async () => {
    return (await lab.holders.serving())[PUBLIC_VIP]?.includes(node);
  });
  await must("ip", "address", "del", `${PUBLIC_VIP}/32`, "dev", "eth0");
}

test("an address added by hand on a node without its gate is reported as two holders", async () => {
  const schedule = drawSchedule({ seed: 1, minutes: 0.5, nodes: 2, kinds: ["clear"] });
  const [phase] = schedule.phases;
  expect(phase).toBeDefined();
  const short = { ...schedule, minutes: 0.3, phases: [{ number: 1, lengthMs: 3_000, faults: [] }] };
  const { evidence, verdict, report } = await unleash(short, async (lab, holder) => {
    const standby = lab.nodes.find(({ name }) => name !== holder)?.name ?? "";
    await usurp(lab, standby);
  });
  expect(isClean(evidence, verdict)).toBe(false);
  expect(verdict.violations.map(({ promise }) => promise)).toContain(ONE_HOLDER);
  expect(verdict.twoHolders.length).toBeGreaterThan(0);
  expect(report).toMatch(/BROKEN: never two holders for a visitor/);
  expect(report).toMatch(/again: npm run chaos -- --seed 1/);
});
