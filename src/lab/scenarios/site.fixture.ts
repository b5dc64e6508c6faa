/** What every scenario looks at: the site as a visitor and the wire see it. */

import { deepEqual, equal, ok } from "node:assert/strict";
import { until } from "../clock.ts";
import type { Lab } from "../lab.ts";
import type { LoadClient } from "../load-client.ts";
import { PUBLIC_VIP } from "../plan.ts";

/** The node that holds the site now, a visitor at work, the wire watched. */
export interface Site {
  readonly holder: string;
  readonly standby: string;
  readonly client: LoadClient;
}

export async function watchSite(lab: Lab): Promise<Site> {
  const holder = await lab.calm();
  const standby = lab.nodes.find((node) => node.name !== holder)?.name ?? holder;
  await lab.holders.start();
  const client = await lab.startClient();
  await client.pageAfter(lab.now(), { from: holder });
  await until("the wire shows the holder", async () => (await lab.holders.serving())[PUBLIC_VIP]?.join() === holder);
  return { holder, standby, client };
}

/** Since this moment the wire was watched, and never saw two holders. */
export async function expectNeverTwo(lab: Lab, fromMs: number): Promise<void> {
  const report = await lab.holders.report({ fromMs });
  for (const [vip, seen] of Object.entries(report.vips)) {
    ok(seen.questions > 100, `only ${seen.questions} questions about ${vip}`);
    ok(seen.evidence > 100, `only ${seen.evidence} frames that show who holds ${vip}`);
    deepEqual(seen.meetings, [], `two holders of ${vip}`);
  }
}

/** In the end there is exactly one holder, all agree, and the visitor's neighbour table is right. Returns the holder. */
export async function expectOneHolder(lab: Lab): Promise<string> {
  const holder = await lab.calm();
  // On a busy machine a holder may leave no trace for a moment; a second one is found by the report.
  await until(
    "the wire shows the holder alone",
    async () => (await lab.holders.serving())[PUBLIC_VIP]?.join() === holder,
  );
  equal(
    await lab.neighbour("client", PUBLIC_VIP),
    lab.node(holder).plan.cables[0]?.mac,
    "the visitor's neighbour table",
  );
  return holder;
}

/** Since this moment all pages came from the holder, and they still come. */
export async function expectNoMove(lab: Lab, site: Site, fromMs: number): Promise<void> {
  // What moves nothing may be over before enough was asked to say so.
  await until("enough pages were asked for", async () => (await site.client.summary({ fromMs })).requests > 20);
  const { pages } = await site.client.summary({ fromMs });
  deepEqual(Object.keys(pages), [site.holder], "nodes that pages came from");
  await site.client.pageAfter(lab.now(), { from: site.holder });
}
