/** Malformed and hostile requests on the holder's sockets: error answers, never a crash, and the site goes on. */

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { expect, test } from "vitest";
import { until } from "../clock.ts";
import type { RudeCall } from "../fixtures/rude-caller.ts";
import type { Lab } from "../lab.ts";
import { withLab } from "../lab.ts";
import { packageRoot } from "../plan.ts";
import { expectNeverTwo, expectNoMove, expectOneHolder, watchSite } from "./site.fixture.ts";

const CALLER = join(packageRoot, "src/lab/fixtures/rude-caller.ts");
/** More than the server takes at a time. */
const IDLERS = 80;
/** What a place that is taken by an idler becomes free in, with room for a busy machine. */
const FREED_WITHIN_MS = 12_000;
const MEMORY_LIMIT_BYTES = 400 * 1_048_576;

test("an operator's socket answers rude callers with errors, and soon has room again for polite ones", async () => {
  await withLab({}, async (lab) => {
    const site = await watchSite(lab);
    const fromMs = lab.now();
    const before = await lab.node(site.holder).processes();
    const path = join(lab.node(site.holder).paths.runtimeDirectory, "understudy.sock");
    const child = spawn(
      process.execPath,
      [CALLER, JSON.stringify({ where: { path }, idlers: IDLERS } satisfies RudeCall)],
      {
        stdio: ["pipe", "pipe", "inherit"],
      },
    );
    try {
      const answers = await new Promise<Record<string, string>>((resolve, reject) => {
        createInterface(child.stdout).once("line", (line) => resolve(JSON.parse(line) as Record<string, string>));
        child.once("close", (code) => reject(new Error(`the rude caller ended with ${code}`)));
      });
      for (const [manner, answer] of Object.entries(answers)) {
        const isCutOff = answer === "closed" && /half|endless|too large|without end/.test(manner);
        expect(isCutOff || /^HTTP\/1.1 4\d\d /.test(answer), `${manner}: ${answer}`).toBe(true);
      }
      // While the idlers hold on, nothing but patience is needed.
      const isAnswered = async (): Promise<boolean> => (await lab.understudy(site.holder, ["status"])).code === 0;
      await until("an operator is answered", isAnswered, { limitMs: FREED_WITHIN_MS, everyMs: 500 });
    } finally {
      child.stdin.end();
    }
    await expectUnharmed(lab, { holder: site.holder, before });
    await expectNoMove(lab, site, fromMs);
    expect(await expectOneHolder(lab)).toBe(site.holder);
    await expectNeverTwo(lab, fromMs);
  });
});

test("the nodes' control channel lets nobody in without the key, and the nodes go on talking", async () => {
  await withLab({}, async (lab) => {
    const site = await watchSite(lab);
    const fromMs = lab.now();
    const before = await lab.node(site.holder).processes();
    const host = lab.node(site.holder).plan.cables[0]?.addresses[0]?.split("/")[0] ?? "";
    const call: RudeCall = {
      where: { host, port: 694 },
      identity: `lab/${site.standby}/0123456789abcdef`,
      idlers: 0,
    };
    const { code, stdout, stderr } = await lab.run("client", [process.execPath, CALLER, JSON.stringify(call)], {
      timeoutMs: 60_000,
    });
    expect(`${code} ${stderr}`).toBe("0 ");
    for (const [manner, answer] of Object.entries(JSON.parse(stdout) as Record<string, string>)) {
      // A TLS alert is a few bytes that are no text.
      expect(/^(closed|refused|silence|[?(PF.]*)$/.test(answer), `${manner}: ${answer}`).toBe(true);
    }
    await until("the nodes talk over the channel", async () => {
      const { nodes } = await lab.status(site.standby);
      return nodes.find((one) => one.node === site.holder)?.contact === "reached";
    });
    await expectUnharmed(lab, { holder: site.holder, before });
    await expectNoMove(lab, site, fromMs);
    await expectNeverTwo(lab, fromMs);
  });
});

/** The very same process runs on, and is no larger than a daemon may be. */
async function expectUnharmed(lab: Lab, { holder, before }: { holder: string; before: number[] }): Promise<void> {
  expect(await lab.node(holder).processes()).toEqual(before);
  expect((await lab.node(holder).usage()).memoryBytes).toBeLessThan(MEMORY_LIMIT_BYTES);
}
