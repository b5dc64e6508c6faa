/** Somebody on the wire answers every ARP question, as broken proxies and some fabrics do for the dead. */

import { expect, test } from "vitest";
import type { EventRecord } from "../../api/types.ts";
import { pause } from "../clock.ts";
import { withLab } from "../lab.ts";
import { expectNeverTwo, expectNoMove, watchSite } from "./site.fixture.ts";

const GAP_LIMIT_MS = 1_000;
/** Visitors believe whom they hear first, and no cluster can help those that hear the liar first. */
const LATE_MS = 10;
const STRANGER_MAC = "02:75:73:00:00:66";

test.each([
  { whose: "its own hardware address", stolen: false, told: ["STRANGER_ANSWERS"] },
  { whose: "the holder's hardware address", stolen: true, told: ["FABRIC_ANSWERS"] },
])("the site survives somebody who answers for everything with $whose", async ({ stolen, told }) => {
  await withLab({}, async (lab) => {
    const site = await watchSite(lab);
    const { holder, standby, client } = site;
    const mac = stolen ? (lab.node(holder).plan.cables[0]?.mac ?? "") : STRANGER_MAC;
    const fromMs = lab.now();
    await lab.call("responder", { options: { mac, delayMs: LATE_MS } });
    await pause(2_000);
    await expectNoMove(lab, site, fromMs);
    const offMs = await lab.node(holder).powerOff();
    await client.pageAfter(offMs, { from: standby });
    await pause(500);
    expect((await client.summary({ fromMs: offMs })).worstGapMs).toBeLessThan(GAP_LIMIT_MS);
    expect((await lab.call("wireCounts")).lies).toBeGreaterThan(0);
    const events = (await lab.ask(standby, "GET", "/v1/events")) as EventRecord[];
    const alerts = events.filter((event) => event.severity === "alert").map((event) => event.reason);
    expect(alerts).toEqual(expect.arrayContaining(told));
    // A node that comes back among lies finds its place, too.
    await lab.node(holder).powerOn();
    await pause(3_000);
    await client.pageAfter(lab.now(), { from: standby });
    await expectNeverTwo(lab, fromMs);
  });
});
