/** Cables: the holder cut off from everybody, or from somebody, for short and for long. */

import { describe, expect, test } from "vitest";
import { pause } from "../clock.ts";
import type { LinkChoice } from "../lab-node.ts";
import { withLab } from "../lab.ts";
import { expectNeverTwo, expectNoMove, expectOneHolder, watchSite } from "./site.fixture.ts";

describe.each([
  { carrier: true, how: "with loss of carrier" },
  { carrier: false, how: "without loss of carrier" },
])("a holder cut off $how", ({ carrier }) => {
  test.each([50, 200, 450, 5_000])("for %i ms never makes two holders, and one serves afterwards", async (ms) => {
    await withLab({}, async (lab) => {
      const { holder, client } = await watchSite(lab);
      const fromMs = await lab.node(holder).cut({ carrier });
      await pause(ms);
      await lab.node(holder).healCables();
      await client.pageAfter(lab.now());
      await pause(700); // long enough for a holder that comes back late to show itself
      await expectOneHolder(lab);
      await expectNeverTwo(lab, fromMs);
    });
  });
});

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

test.each<{ what: string; victim: "holder" | "standby"; link: LinkChoice }>([
  { what: "the holder's private cable", victim: "holder", link: "private" },
  { what: "the standby's public cable", victim: "standby", link: "public" },
  { what: "the standby's private cable", victim: "standby", link: "private" },
])("nothing moves when $what dies", async ({ victim, link }) => {
  await withLab({}, async (lab) => {
    const site = await watchSite(lab);
    const fromMs = await lab.node(site[victim]).cut({ link, carrier: false });
    await pause(2_000);
    await expectNoMove(lab, site, fromMs);
    await lab.node(site[victim]).healCables();
    expect(await expectOneHolder(lab)).toBe(site.holder);
    await expectNeverTwo(lab, fromMs);
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

test.each(["from-node", "to-node"] as const)(
  "one-way loss %s on the holder's public cable never makes two holders",
  async (direction) => {
    await withLab({}, async (lab) => {
      const { holder } = await watchSite(lab);
      const fromMs = await lab.node(holder).cut({ link: "public", carrier: false, direction });
      await pause(2_000);
      await lab.node(holder).healCables();
      await pause(500);
      await expectOneHolder(lab);
      await expectNeverTwo(lab, fromMs);
    });
  },
);

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
