/** Bad paths and strangers: what arrives late, twice, forged or from nobody must not move anything. */

import { writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { effort } from "../../../test/effort.ts";
import { pause, until } from "../clock.ts";
import type { ClusterFile } from "../cluster-file.ts";
import { withLab } from "../lab.ts";
import { expectNeverTwo, expectNoMove, expectOneHolder, watchSite } from "./site.fixture.ts";

/** A first look, or ten minutes. */
const LOSS_MS = effort({ usual: 10_000, long: 600_000 });

test("30 % packet loss on both of two links moves nothing", { timeout: LOSS_MS + 60_000 }, async () => {
  await withLab({}, async (lab) => {
    const site = await watchSite(lab);
    const lapses = async (): Promise<number> => (await lab.view(site.holder)).counters.lapses;
    const before = await lapses();
    const fromMs = lab.now();
    await lab.node(site.standby).lose({ loss: { kind: "share", percent: 30 } });
    await pause(LOSS_MS);
    const { pages } = await site.client.summary({ fromMs });
    expect(Object.keys(pages)).toEqual([site.holder]);
    await expectNeverTwo(lab, fromMs);
    console.log(`30 % loss for ${LOSS_MS} ms: the gate closed ${(await lapses()) - before} times`);
    await lab.node(site.standby).healCables();
    expect(await expectOneHolder(lab)).toBe(site.holder);
  });
});

test("late, doubled, reordered, repeated and random datagrams move nothing and are counted", async () => {
  await withLab({}, async (lab) => {
    const site = await watchSite(lab);
    const fromMs = lab.now();
    await lab.relayHeartbeats({ delayMs: [1, 40], duplicatePercent: 50, duplicateAfterMs: 30 });
    await pause(5_000);
    await expectNoMove(lab, site, fromMs);
    expect((await lab.call("wireCounts")).relayed).toBeGreaterThan(100);
    const { peers, counters } = await lab.view(site.holder);
    expect(peers.map((peer) => peer.state)).toEqual(["up"]);
    expect(counters.rejected.replayed + counters.stale).toBeGreaterThan(10);
    await lab.relayHeartbeats(undefined);
    await expectNeverTwo(lab, fromMs);

    // A recorded conversation played again.
    const recordedMs = lab.now();
    await lab.call("record", { port: 694 });
    await pause(1_500);
    const before = (await lab.view(site.holder)).counters;
    expect(await lab.call("replay", { times: 3 })).toBeGreaterThan(50);
    await pause(1_000);
    await expectNoMove(lab, site, recordedMs);
    const { rejected, stale } = (await lab.view(site.holder)).counters;
    expect(rejected.replayed + stale).toBeGreaterThan(before.rejected.replayed + before.stale);
    await expectNeverTwo(lab, recordedMs);

    // Random bytes of every size at the port.
    const thrownMs = lab.now();
    const sum = (counts: Readonly<Record<string, number>>): number =>
      Object.values(counts).reduce((total, count) => total + count, 0);
    const known = sum((await lab.view(site.holder)).counters.rejected);
    const address = lab.node(site.holder).plan.cables[0]?.addresses[0]?.split("/")[0] ?? "";
    for (const bytes of [0, 1, 16, 200, 1_400, 9_000, 65_507]) {
      await lab.makeNoise("client", { address, port: 694, count: 20, bytes });
    }
    await pause(500);
    await expectNoMove(lab, site, thrownMs);
    expect(sum((await lab.view(site.holder)).counters.rejected) - known).toBeGreaterThanOrEqual(100);
    await expectNeverTwo(lab, thrownMs);
  });
});

test("another key on the standby never makes two holders, and an alert names it", async () => {
  await withLab({}, async (lab) => {
    const site = await watchSite(lab);
    const fromMs = lab.now();
    await lab.node(site.standby).stopDaemon();
    writeFileSync(lab.node(site.standby).paths.keyFile, `${randomBytes(32).toString("hex")}\n`, { mode: 0o600 });
    await lab.node(site.standby).startDaemon();
    await pause(8_000); // beyond the initial wait
    await expectNoMove(lab, site, fromMs);
    expect((await lab.view(site.holder)).counters.rejected["wrong-key"]).toBeGreaterThan(0);
    await expectNeverTwo(lab, fromMs);
  });
});

test("a foreign cluster with the same key and addresses on the same port is counted and never a second holder", async () => {
  const cluster = (file: ClusterFile, node: string): void => {
    if (node === "srv2") file.cluster = "another";
  };
  await withLab({ cluster, startDaemons: false }, async (lab) => {
    await lab.holders.start();
    const client = await lab.startClient();
    await lab.node("srv1").startDaemon();
    await client.pageAfter(lab.now(), { from: "srv1", limitMs: 20_000 }); // alone, it waits its initial wait
    const fromMs = lab.now();
    await lab.node("srv2").startDaemon();
    await until(
      "the foreign frames are counted",
      async () => (await lab.view("srv1")).counters.rejected["foreign-cluster"] > 10,
    );
    await pause(7_000); // beyond the foreign node's initial wait
    await expectNeverTwo(lab, fromMs);
    expect(Object.keys((await client.summary({ fromMs })).pages)).toEqual(["srv1"]);
  });
});
