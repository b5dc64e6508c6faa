/** Clusters of three and five: who takes over, what moves nothing, and what idling costs. */

import { expect, test } from "vitest";
import { effort } from "../../../test/effort.ts";
import { pause, until } from "../clock.ts";
import type { Lab } from "../lab.ts";
import { withLab } from "../lab.ts";
import { expectNeverTwo, expectNoMove, expectOneHolder, watchSite } from "./site.fixture.ts";

const GAP_LIMIT_MS = 600;
/** Generous: other work runs on the machine, and it counts as the daemon's when it slows the processor down. */
const IDLE_LIMIT_PERCENT = 10;
const IDLE_MS = effort({ usual: 3_000, long: 20_000 });

/** Possible nodes in the file's order, without some. */
function others(lab: Lab, ...without: string[]): string[] {
  return lab.nodes.map((node) => node.name).filter((name) => !without.includes(name));
}

test("of three nodes two die one after the other while they hold, and the last one serves alone", async () => {
  await withLab({ nodes: 3 }, async (lab) => {
    const { holder, client } = await watchSite(lab);
    const [second = "", third = ""] = others(lab, holder);
    const fromMs = await lab.node(holder).powerOff();
    await client.pageAfter(fromMs, { from: second });
    await pause(500);
    expect((await client.summary({ fromMs })).worstGapMs).toBeLessThan(GAP_LIMIT_MS);
    expect(await expectOneHolder(lab)).toBe(second);
    const againMs = await lab.node(second).powerOff();
    await client.pageAfter(againMs, { from: third });
    await pause(500);
    expect((await client.summary({ fromMs: againMs })).worstGapMs).toBeLessThan(GAP_LIMIT_MS);
    expect(await expectOneHolder(lab)).toBe(third);

    await Promise.all([lab.node(holder).powerOn(), lab.node(second).powerOn()]);
    expect(await expectOneHolder(lab)).toBe(third);
    await expectNeverTwo(lab, fromMs);
  });
});

test("of three nodes two die at once, and the last one takes over as quickly", async () => {
  await withLab({ nodes: 3 }, async (lab) => {
    const { holder, client } = await watchSite(lab);
    const [second = "", third = ""] = others(lab, holder);
    const [fromMs] = await Promise.all([lab.node(holder).powerOff(), lab.node(second).powerOff()]);
    await client.pageAfter(fromMs, { from: third });
    await pause(500);
    // The two are silent from slightly different moments, and the last one waits for both.
    expect((await client.summary({ fromMs })).worstGapMs).toBeLessThan(GAP_LIMIT_MS);
    expect(await expectOneHolder(lab)).toBe(third);
    await expectNeverTwo(lab, fromMs);
  });
});

test("a node in standby is passed over, and a holder without its public cable gives way to the next", async () => {
  await withLab({ nodes: 3 }, async (lab) => {
    const site = await watchSite(lab);
    const { holder, client } = site;
    const [second = "", third = ""] = others(lab, holder);
    const fromMs = lab.now();
    expect(await lab.understudy(holder, ["standby", second])).toMatchObject({ code: 0 });
    await until("all know of it", async () => {
      const views = await Promise.all(lab.nodes.map((node) => lab.view(node.name, 5_000)));
      return views.every((view) => view.groups[0]?.candidates.find((one) => one.node === second)?.eligible === false);
    });
    await expectNoMove(lab, site, fromMs);
    const cutMs = await lab.node(holder).cut({ link: "public", carrier: false });
    await client.pageAfter(cutMs, { from: third });
    await pause(500);
    expect((await client.summary({ fromMs: cutMs })).worstGapMs).toBeLessThan(GAP_LIMIT_MS);
    expect(await lab.understudy(third, ["online", second])).toMatchObject({ code: 0 });
    await lab.node(holder).healCables();
    expect(await expectOneHolder(lab)).toBe(third);
    await expectNeverTwo(lab, fromMs);
  });
});

test("five nodes idle cheaply, and the next one takes over from a dead holder", { timeout: 120_000 }, async () => {
  await withLab({ nodes: 5 }, async (lab) => {
    const used = () => Promise.all(lab.nodes.map((node) => node.usage()));
    const before = await used();
    const sinceMs = lab.now();
    await pause(IDLE_MS);
    const after = await used();
    const tookMs = lab.now() - sinceMs;
    const percents = after.map((one, index) => ((one.processorMs - (before[index]?.processorMs ?? 0)) / tookMs) * 100);
    const mebibytes = after.map((one) => Math.round(one.memoryBytes / 1_048_576));
    console.log(
      `five nodes idle: ${percents.map((one) => one.toFixed(1)).join(", ")} % of a core, ${mebibytes.join(", ")} MiB`,
    );
    // The least of them is what an idle daemon costs; the others may have been disturbed.
    expect(Math.min(...percents)).toBeLessThan(IDLE_LIMIT_PERCENT);

    const { holder, client } = await watchSite(lab);
    const [second = ""] = others(lab, holder);
    const fromMs = await lab.node(holder).powerOff();
    await client.pageAfter(fromMs, { from: second });
    await pause(500);
    expect((await client.summary({ fromMs })).worstGapMs).toBeLessThan(GAP_LIMIT_MS);
    expect(await expectOneHolder(lab)).toBe(second);
    await expectNeverTwo(lab, fromMs);
  });
});
