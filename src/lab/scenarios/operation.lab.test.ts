/** What an operator does, and what a machine's clock does, while the site is used. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { BROKEN } from "../checks/tries.ts";
import { pause, until } from "../clock.ts";
import { withLab } from "../lab.ts";
import { expectNeverTwo, expectNoMove, expectOneHolder, watchSite } from "./site.fixture.ts";

const LONGEST_DELAY_MS = 250;

test("a planned switchover under load refuses no connection and delays none for long", async () => {
  await withLab({}, async (lab) => {
    const { holder, standby, client: limited } = await watchSite(lab);
    await limited.stop();
    // Without limits, so that the kernel's retransmission of a lost SYN shows as a delay of a second.
    const client = await lab.startClient({ isUnlimited: true, established: 10 });
    await until("connections stand", async () => (await client.numbers()).established.opened === 10);
    for (const [from, to] of [
      [holder, standby],
      [standby, holder],
      [holder, standby],
      [standby, holder],
    ] as const) {
      const fromMs = lab.now();
      const answer = await lab.understudy(from, ["switch", "www", "--to", to]);
      expect(answer).toMatchObject({ code: 0 });
      await client.pageAfter(fromMs, { from: to });
      await pause(1_500); // beyond a SYN's first retransmission
      const seen = await client.summary({ fromMs });
      // Connections that stood may break; none may be refused.
      expect(Object.keys(seen.failures).filter((word) => word !== BROKEN)).toEqual([]);
      expect(seen.worstLatencyMs).toBeLessThan(LONGEST_DELAY_MS);
      expect(seen.worstGapMs).toBeLessThan(LONGEST_DELAY_MS);
      expect(await expectOneHolder(lab)).toBe(to);
      await expectNeverTwo(lab, fromMs);
    }
    const { broken, opened } = (await client.numbers()).established;
    console.log(`four switchovers broke ${broken} of ${opened} established connections`);
  });
});

test("of two switches at once one wins and the other is told", async () => {
  await withLab({ nodes: 3 }, async (lab) => {
    const { holder } = await watchSite(lab);
    const [one = "", two = ""] = lab.nodes.map((node) => node.name).filter((name) => name !== holder);
    const fromMs = lab.now();
    const answers = await Promise.all([
      lab.understudy(one, ["switch", "www", "--to", one]),
      lab.understudy(two, ["switch", "www", "--to", two]),
    ]);
    await pause(500);
    const winner = await expectOneHolder(lab);
    await expectNeverTwo(lab, fromMs);
    expect([one, two]).toContain(winner);
    const [first, second] = answers;
    const [won, lost] = winner === one ? [first, second] : [second, first];
    expect(won).toMatchObject({ code: 0 });
    // Either it was refused, or it was asked after the winner's move and moved nothing any more.
    expect(lost?.code, `${lost?.stdout}${lost?.stderr}`).toBe(1);
    expect(lost?.stderr).toMatch(/MOVE_IN_PROGRESS|NOT_SETTLED/);
    expect(lost?.stderr).toMatch(/understudy why www/);
  });
});

test("a restart of the holder's daemon is felt by nobody", async () => {
  await withLab({}, async (lab) => {
    const site = await watchSite(lab);
    const fromMs = lab.now();
    const before = (await lab.view(site.holder)).incarnation;
    expect(await lab.understudy(site.holder, ["restart"])).toMatchObject({ code: 0 });
    await until("the next self speaks", async () => {
      const view = await lab.view(site.holder).catch(() => undefined);
      return view !== undefined && view.incarnation !== before && view.mode === "online";
    });
    await pause(500);
    await expectNoMove(lab, site, fromMs);
    const { failed, worstGapMs } = await site.client.summary({ fromMs });
    expect(failed).toBe(0);
    expect(worstGapMs).toBeLessThan(100);
    await expectNeverTwo(lab, fromMs);
  });
});

test.each([3_600_000, -3_600_000])(
  "a wall clock stepped by %i ms on the holder and on the standby has no effect",
  async (stepMs) => {
    const preload = new URL("../fixtures/stepped-clock.ts", import.meta.url);
    // Each member has its own /run.
    const environment = { NODE_OPTIONS: `--import=${preload.href}`, STEPPED_CLOCK_FILE: "/run/clock-step" };
    await withLab({ environment }, async (lab) => {
      const site = await watchSite(lab);
      const fromMs = lab.now();
      for (const node of lab.nodes) {
        writeFileSync(join(node.paths.directory, "run/clock-step"), String(stepMs));
        await pause(1_500);
        const { time } = await lab.status(node.name);
        expect(Math.abs(time - Date.now() - stepMs)).toBeLessThan(10_000);
      }
      await expectNoMove(lab, site, fromMs);
      expect(await expectOneHolder(lab)).toBe(site.holder);
      await expectNeverTwo(lab, fromMs);
    });
  },
);

test("a standby node lets go, and online may hold again", async () => {
  await withLab({}, async (lab) => {
    const { holder, standby, client } = await watchSite(lab);
    const fromMs = lab.now();
    expect(await lab.understudy(standby, ["standby", holder])).toMatchObject({ code: 0 });
    await client.pageAfter(fromMs, { from: standby });
    expect(await lab.understudy(standby, ["online", holder])).toMatchObject({ code: 0 });
    expect(await expectOneHolder(lab)).toBe(standby);
    await expectNeverTwo(lab, fromMs);
  });
});
