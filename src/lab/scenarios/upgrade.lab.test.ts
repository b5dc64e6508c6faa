/** A cluster is upgraded node by node: the one still runs a program that knows only the previous frames. */

import { join } from "node:path";
import { expect, test } from "vitest";
import { pause, until } from "../clock.ts";
import { heal } from "../faults/catalog.ts";
import type { Lab } from "../lab.ts";
import { withLab } from "../lab.ts";
import { packageRoot } from "../plan.ts";
import { expectNeverTwo, expectNoMove, expectOneHolder, watchSite } from "./site.fixture.ts";

const GAP_LIMIT_MS = 600;

/** Starts a node's daemon as the older program. */
async function startOlder(lab: Lab, name: string): Promise<void> {
  const { clusterFile, stateDirectory, runtimeDirectory, daemonLog } = lab.node(name).paths;
  const daemon = [
    ...[join(packageRoot, "bin/understudy"), "daemon", "--config", clusterFile, "--node", name],
    ...["--state-dir", stateDirectory, "--runtime-dir", runtimeDirectory],
  ];
  const environment = ["UNDERSTUDY_LAB_FAULTS=1", "UNDERSTUDY_FRAME_VERSION=1"];
  const script = 'log=$1; shift; setsid "$@" </dev/null >>"$log" 2>&1 &';
  await lab.node(name).run(["sh", "-c", script, "sh", daemonLog, "env", ...environment, ...daemon]);
}

test("nodes of two versions see each other and take over from each other, until both are upgraded", async () => {
  await withLab({ startDaemons: false }, async (lab) => {
    await startOlder(lab, "srv1");
    await lab.node("srv2").startDaemon();
    const site = await watchSite(lab);
    const fromMs = lab.now();

    // The older one cannot be told to wait, so the newer one may not stretch its leases.
    const restarted = await lab.understudy("srv2", ["restart"]);
    expect(restarted.code).toBe(1);
    expect(restarted.stderr).toMatch(/srv1 runs an older version/);
    await expectNoMove(lab, site, fromMs);

    // Each of them dies while it holds.
    let holder = site.holder;
    for (const standby of [site.standby, site.holder]) {
      const offMs = await lab.node(holder).freeze();
      await site.client.pageAfter(offMs, { from: standby });
      await pause(500);
      expect((await site.client.summary({ fromMs: offMs })).worstGapMs).toBeLessThan(GAP_LIMIT_MS);
      await heal(lab);
      expect(await expectOneHolder(lab)).toBe(standby);
      holder = standby;
    }

    // The older one is upgraded; from then on the daemons restart without anybody noticing.
    await lab.node("srv1").stopDaemon();
    await lab.node("srv1").startDaemon();
    const now = await expectOneHolder(lab);
    const upgradedMs = lab.now();
    const before = (await lab.view(now, 5_000)).incarnation;
    expect(await lab.understudy(now, ["restart"])).toMatchObject({ code: 0 });
    await until("the next self speaks", async () => {
      const view = await lab.view(now).catch(() => undefined);
      return view !== undefined && view.incarnation !== before && view.mode === "online";
    });
    await pause(500);
    expect(Object.keys((await site.client.summary({ fromMs: upgradedMs })).pages)).toEqual([now]);
    expect(await expectOneHolder(lab)).toBe(now);
    await expectNeverTwo(lab, fromMs);
  });
});
