/** What the daemons recorded is enough to see afterwards why they did what they did, and to report it. */

import { expect, test } from "vitest";
import { pause } from "../clock.ts";
import { withLab } from "../lab.ts";
import { expectNeverTwo, watchSite } from "./site.fixture.ts";

test("after the holder was killed, the recordings of both nodes replay to the same decisions, the takeover among them", async () => {
  await withLab({}, async (lab) => {
    const { holder, standby, client } = await watchSite(lab);
    await pause(2_000);
    const fromMs = await lab.node(holder).killDaemon();
    await client.pageAfter(fromMs, { from: standby });
    await pause(3_000);
    const taker = await lab.understudy(standby, ["replay", lab.node(standby).paths.stateDirectory]);
    expect(taker.stderr).toBe("");
    expect(taker.stdout).toMatch(new RegExp(`${holder} is dead|PEER_DEAD`));
    expect(taker.stdout).toContain("GROUP_TAKEN");
    expect(taker.stdout).toContain(`because=${holder} is dead`);
    expect(taker.stdout).toMatch(/the same \d+ decisions/);
    expect(taker.code).toBe(0);
    const dead = await lab.understudy(standby, ["replay", lab.node(holder).paths.stateDirectory, "--json"]);
    const lines = dead.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.at(-1)).toMatchObject({ kind: "summary", ok: true });
    expect(lines.some((line) => line["reason"] === "GROUP_TAKEN")).toBe(true);
    expect(dead.code).toBe(0);
    await expectNeverTwo(lab, fromMs);
  });
});
