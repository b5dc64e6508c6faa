/** Other programs and people on the holder's machine change what the daemon has set up in the kernel. */

import { expect, test } from "vitest";
import type { EventRecord } from "../../api/types.ts";
import { pause, until } from "../clock.ts";
import type { Lab } from "../lab.ts";
import { withLab } from "../lab.ts";
import { PUBLIC_VIP } from "../plan.ts";
import { expectNeverTwo, expectNoMove, expectOneHolder, watchSite } from "./site.fixture.ts";

/** What is mended at once is not felt, but for what else goes on on the machine; what is not mended is felt for ever. */
const MENDED_GAP_MS = 600;
const MOVED_GAP_MS = 1_000;
const ROUNDS = 10;

async function countEvents(lab: Lab, node: string, reason: string): Promise<number> {
  const events = (await lab.ask(node, "GET", "/v1/events")) as EventRecord[];
  return events.filter((event) => event.reason === reason && event.node === node).length;
}

test("a flushed ruleset and a removed guard are mended at once, time and again, and told", async () => {
  await withLab({}, async (lab) => {
    const site = await watchSite(lab);
    const node = lab.node(site.holder);
    const fromMs = lab.now();
    for (let round = 0; round < ROUNDS; round += 1) {
      // Kernels that know owners of tables leave ours alone; on others it is made anew.
      expect(await node.run(["nft", "flush", "ruleset"])).toMatchObject({ code: 0 });
      expect(await node.run(["tc", "qdisc", "del", "dev", "eth0", "clsact"])).toMatchObject({ code: 0 });
      await until("the rules stand again", async () => {
        const rules = await node.run(["nft", "list", "ruleset"]);
        const guard = await node.run(["tc", "filter", "show", "dev", "eth0", "egress"]);
        return rules.stdout.includes("understudy") && guard.stdout.includes("understudy");
      });
    }
    await until("it is told", async () => (await countEvents(lab, site.holder, "GATE_MENDED")) > 0);
    await expectNoMove(lab, site, fromMs);
    const { worstGapMs } = await site.client.summary({ fromMs });
    console.log(`${ROUNDS} times mended: the longest gap was ${Math.round(worstGapMs)} ms`);
    expect(worstGapMs).toBeLessThan(MENDED_GAP_MS);
    expect(await expectOneHolder(lab)).toBe(site.holder);
    await expectNeverTwo(lab, fromMs);
  });
});

test("on a standby whose rules were flushed an address added by hand stays closed", async () => {
  await withLab({}, async (lab) => {
    const site = await watchSite(lab);
    const { holder, standby } = site;
    const fromMs = lab.now();
    await lab.node(standby).run(["nft", "flush", "ruleset"]);
    await lab.node(standby).run(["ip", "address", "add", `${PUBLIC_VIP}/32`, "dev", "eth0"]);
    await pause(1_000);
    await lab.node(standby).run(["ip", "address", "del", `${PUBLIC_VIP}/32`, "dev", "eth0"]);
    await expectNoMove(lab, site, fromMs);
    expect(await expectOneHolder(lab)).toBe(holder);
    await expectNeverTwo(lab, fromMs);
  });
});

test("an address that somebody removes from the holder is put back at once, and told", async () => {
  await withLab({}, async (lab) => {
    const site = await watchSite(lab);
    const fromMs = lab.now();
    for (let round = 0; round < ROUNDS; round += 1) {
      await lab.node(site.holder).run(["ip", "address", "del", `${PUBLIC_VIP}/32`, "dev", "eth0"]);
      await until("the address is back", async () =>
        (await lab.node(site.holder).run(["ip", "-o", "address", "show", "to", PUBLIC_VIP])).stdout.includes("eth0"),
      );
    }
    await until("it is told", async () => (await countEvents(lab, site.holder, "ADDRESS_LOST")) > 0);
    await expectNoMove(lab, site, fromMs);
    const { worstGapMs } = await site.client.summary({ fromMs });
    console.log(`${ROUNDS} removed addresses: the longest gap was ${Math.round(worstGapMs)} ms`);
    expect(worstGapMs).toBeLessThan(MENDED_GAP_MS);
    expect(await expectOneHolder(lab)).toBe(site.holder);
    await expectNeverTwo(lab, fromMs);
  });
});

test("a device that is replaced by another one under its name serves again, guarded as before", async () => {
  await withLab({}, async (lab) => {
    const { holder, client } = await watchSite(lab);
    const fromMs = lab.now();
    for (let round = 0; round < 3; round += 1) {
      const now = await lab.calm();
      const atMs = await lab.node(now).replaceDevice("public");
      await client.pageAfter(atMs);
      await pause(500);
      expect((await client.summary({ fromMs: atMs })).worstGapMs).toBeLessThan(MOVED_GAP_MS);
      await expectOneHolder(lab);
    }
    const told = await Promise.all(["ADDRESS_LOST", "CARRIER_LOST"].map((reason) => countEvents(lab, holder, reason)));
    expect(Math.max(...told)).toBeGreaterThan(0);
    await expectNeverTwo(lab, fromMs);
  });
});
