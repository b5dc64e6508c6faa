/** Races: nodes that start at once, and survivors that must agree although they hear each other badly. */

import { test } from "vitest";
import { effort } from "../../../test/effort.ts";
import { pause, until } from "../clock.ts";
import { heal } from "../faults/catalog.ts";
import { withLab } from "../lab.ts";
import { PUBLIC_VIP } from "../plan.ts";
import { expectNeverTwo, expectOneHolder, watchSite } from "./site.fixture.ts";

/** Rounds of each race. */
const STARTS = effort({ usual: 10, long: 200 });
const SURVIVALS = effort({ usual: 5, long: 100 });

test("both nodes start at once, again and again, and never are two holders", {
  timeout: STARTS * 8_000 + 30_000,
}, async () => {
  await withLab({ startDaemons: false, waitForCalm: false }, async (lab) => {
    await lab.holders.start();
    for (let round = 0; round < STARTS; round += 1) {
      const fromMs = lab.now();
      await Promise.all(lab.nodes.map((node) => node.startDaemon()));
      const isServed = async (): Promise<boolean> => (await lab.holders.serving())[PUBLIC_VIP]?.length === 1;
      await until(`round ${round}: one holder`, isServed, { limitMs: 15_000 });
      await pause(300); // long enough for a second one to appear
      await until(`round ${round}: still one holder`, isServed);
      await expectNeverTwo(lab, fromMs);
      await Promise.all(
        lab.nodes.map((node) => lab.call("stop", { node: node.name, program: "daemon", how: "SIGKILL" })),
      );
    }
  });
});

test("two survivors of three that lose packets between them never both take over", {
  timeout: SURVIVALS * 15_000 + 30_000,
}, async () => {
  await withLab({ nodes: 3 }, async (lab) => {
    for (let round = 0; round < SURVIVALS; round += 1) {
      const { holder, client } = await watchSite(lab);
      const survivors = lab.nodes.filter((node) => node.name !== holder);
      const fromMs = lab.now();
      await Promise.all(survivors.map((node) => node.lose({ loss: { kind: "share", percent: 30 } })));
      const offMs = await lab.node(holder).powerOff();
      await until(`round ${round}: a page from a survivor`, async () => (await client.pageAfter(offMs)) !== holder, {
        limitMs: 10_000,
      });
      await pause(700);
      await expectNeverTwo(lab, fromMs);
      await heal(lab);
      await expectOneHolder(lab);
      await expectNeverTwo(lab, fromMs);
      await client.stop();
    }
  });
});
