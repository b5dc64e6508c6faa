/** Cables: the holder cut off from everybody, or from somebody, for short and for long. */

import { expect, test } from "vitest";
import { effort } from "../../../test/effort.ts";
import { pause } from "../clock.ts";
import type { LinkChoice } from "../lab-node.ts";
import { withLab } from "../lab.ts";
import { expectNeverTwo, expectNoMove, expectOneHolder, watchSite } from "./site.fixture.ts";

const HEARS_AGAIN_MS = 1_500;
/** Longer than an address lives without its daemon: 2 s. */
const LONG_CUT_MS = effort({ usual: 3_000, long: 5_000 });

test.each([
  { carrier: true, how: "with loss of carrier" },
  { carrier: false, how: "without loss of carrier" },
])(
  "a holder cut off $how, for short and for long, never makes two holders, and one serves afterwards",
  async ({ carrier }) => {
    await withLab({}, async (lab) => {
      for (const ms of [50, 200, 450, LONG_CUT_MS]) {
        const { holder, client } = await watchSite(lab);
        const fromMs = await lab.node(holder).cut({ carrier });
        await pause(ms);
        await lab.node(holder).healCables();
        await client.pageAfter(lab.now());
        await pause(700); // long enough for a holder that comes back late to show itself
        await expectOneHolder(lab);
        await expectNeverTwo(lab, fromMs);
        await client.stop();
      }
    });
  },
);

test("the group moves when the holder's public cable dies while the private link lives", async () => {
  await withLab({}, async (lab) => {
    const { holder, standby, client } = await watchSite(lab);
    const fromMs = await lab.node(holder).cut({ link: "public", carrier: false });
    await client.pageAfter(fromMs, { from: standby });
    await pause(500);
    expect((await client.summary({ fromMs })).worstGapMs).toBeLessThan(600);
    await lab.node(holder).healCables();
    await pause(500);
    expect(await expectOneHolder(lab)).toBe(standby);
    await expectNeverTwo(lab, fromMs);
  });
});

test("nothing moves when the holder's private cable dies, or any one of the standby's", async () => {
  const cables: readonly { readonly victim: "holder" | "standby"; readonly link: LinkChoice }[] = [
    { victim: "holder", link: "private" },
    { victim: "standby", link: "public" },
    { victim: "standby", link: "private" },
  ];
  await withLab({}, async (lab) => {
    const site = await watchSite(lab);
    for (const { victim, link } of cables) {
      const fromMs = await lab.node(site[victim]).cut({ link, carrier: false });
      await pause(2_000);
      await expectNoMove(lab, site, fromMs);
      await lab.node(site[victim]).healCables();
      expect(await expectOneHolder(lab)).toBe(site.holder);
      await expectNeverTwo(lab, fromMs);
    }
  });
});

test("nothing moves when both nodes lose the public wire, and the holder serves again afterwards", async () => {
  await withLab({}, async (lab) => {
    const { holder } = await watchSite(lab);
    const fromMs = lab.now();
    await Promise.all(lab.nodes.map((node) => node.cut({ link: "public", carrier: false })));
    await pause(1_500);
    await Promise.all(lab.nodes.map((node) => node.healCables()));
    expect(await expectOneHolder(lab)).toBe(holder);
    await expectNeverTwo(lab, fromMs);
  });
});

test("one-way loss on the holder's public cable, from it or to it, never makes two holders", async () => {
  await withLab({}, async (lab) => {
    for (const direction of ["from-node", "to-node"] as const) {
      const { holder, client } = await watchSite(lab);
      const fromMs = await lab.node(holder).cut({ link: "public", carrier: false, direction });
      await pause(2_000);
      await lab.node(holder).healCables();
      await pause(500);
      await expectOneHolder(lab);
      await expectNeverTwo(lab, fromMs);
      await client.stop();
    }
  });
});

test("a holder that heard nothing for a while serves again as soon as it hears", async () => {
  await withLab({}, async (lab) => {
    // What it asked in vain must not spoil the dates of the answers that come again.
    for (let round = 0; round < 3; round += 1) {
      const { holder, client } = await watchSite(lab);
      const fromMs = await lab.node(holder).cut({ carrier: false, direction: "to-node" });
      await pause(1_200);
      const healedMs = await lab.node(holder).healCables();
      await client.pageAfter(lab.now(), { limitMs: HEARS_AGAIN_MS });
      expect(lab.now() - healedMs).toBeLessThan(HEARS_AGAIN_MS);
      await expectOneHolder(lab);
      await expectNeverTwo(lab, fromMs);
      await client.stop();
    }
  });
});

test("a firewall that drops port 694 both ways makes no second holder, also when the standby is rebooted then", async () => {
  await withLab({}, async (lab) => {
    const site = await watchSite(lab);
    const fromMs = await lab.node(site.standby).lose({ loss: { kind: "cluster-port" } });
    await pause(2_000);
    await lab.node(site.standby).powerOff();
    await lab.node(site.standby).powerOn();
    await pause(7_000); // beyond the initial wait, after which a node that hears nobody acts alone
    await expectNeverTwo(lab, fromMs);
    await expectNoMove(lab, site, fromMs);
    await lab.node(site.standby).healCables();
    await expectOneHolder(lab);
    await expectNeverTwo(lab, fromMs);
  });
});
