/** The holder's daemon dies, freezes or hangs while its machine and kernel live on. */

import { expect, test } from "vitest";
import { effort } from "../../../test/effort.ts";
import { pause } from "../clock.ts";
import { heal } from "../faults/catalog.ts";
import { withLab } from "../lab.ts";
import { PUBLIC_VIP } from "../plan.ts";
import { expectNeverTwo, expectOneHolder, watchSite } from "./site.fixture.ts";

const GAP_LIMIT_MS = 600;
/** Longer than an address lives without its daemon: 2 s. */
const FROZEN_MS = effort({ usual: 4_000, long: 10_000 });

test("when the holder's daemon is killed its peer takes over, and the daemon comes back without a word", async () => {
  await withLab({}, async (lab) => {
    const { holder, standby, client } = await watchSite(lab);
    const fromMs = await lab.node(holder).killDaemon();
    await client.pageAfter(fromMs, { from: standby });
    await pause(3_000);
    await lab.node(holder).startDaemon();
    expect(await expectOneHolder(lab)).toBe(standby);
    expect((await client.summary({ fromMs })).worstGapMs).toBeLessThan(GAP_LIMIT_MS);
    await expectNeverTwo(lab, fromMs);
  });
});

test("a holder frozen for seconds is replaced, and thawed it sends nothing from the address", async () => {
  await withLab({}, async (lab) => {
    const { holder, standby, client } = await watchSite(lab);
    const fromMs = await lab.node(holder).freeze();
    await client.pageAfter(fromMs, { from: standby });
    await pause(FROZEN_MS);
    const thawedMs = await lab.node(holder).thaw();
    await pause(1_500);
    expect(await expectOneHolder(lab)).toBe(standby);
    expect((await client.summary({ fromMs })).worstGapMs).toBeLessThan(GAP_LIMIT_MS);
    await expectNeverTwo(lab, fromMs);
    const since = (await lab.holders.report({ fromMs: thawedMs })).vips[PUBLIC_VIP];
    expect(since?.order).toEqual([standby]);
  });
});

test("a holder whose main thread hangs is replaced", async () => {
  await withLab({ environment: { UNDERSTUDY_LAB_BLOCK_MS: "4000" } }, async (lab) => {
    const { holder, standby, client } = await watchSite(lab);
    const fromMs = await lab.node(holder).blockMainThread();
    await client.pageAfter(fromMs, { from: standby });
    await pause(4_500);
    await heal(lab);
    expect(await expectOneHolder(lab)).toBe(standby);
    await expectNeverTwo(lab, fromMs);
  });
});

test("a power failure of the holder leaves a gap of at most 0.4 s", async () => {
  await withLab({}, async (lab) => {
    for (let round = 0; round < 3; round += 1) {
      const { holder, standby, client } = await watchSite(lab);
      await pause(Math.random() * 200); // a phase of the heartbeat
      const fromMs = await lab.node(holder).powerOff();
      await client.pageAfter(fromMs, { from: standby });
      await pause(500);
      expect((await client.summary({ fromMs })).worstGapMs).toBeLessThan(400);
      await heal(lab);
      expect(await expectOneHolder(lab)).toBe(standby);
      await expectNeverTwo(lab, fromMs);
      await client.stop();
    }
  });
});
