/** The simulator as it is called: errors, totals, and that a printed command replays a failure. */

import { expect, test } from "vitest";
import { after } from "../core/base/time.ts";
import { realCore } from "./campaign.fixture.ts";
import { main } from "./main.ts";
import type { MakeCore } from "./process.ts";

/** A core that holds on to its gates for longer than its evidence lasts. */
const greedy: MakeCore = (options) => {
  const core = realCore(options);
  return {
    step: (input) => {
      const { effects, wakeAt } = core.step(input);
      const longer = effects.map((effect) =>
        effect.kind === "open" ? { ...effect, until: after(effect.until, 300) } : effect,
      );
      return { effects: longer, wakeAt };
    },
    view: (now) => core.view(now),
  };
};

async function call(line: string, makeCore: MakeCore = realCore, isInterrupted?: () => boolean) {
  const told: string[] = [];
  const complaints: string[] = [];
  const code = await main(line.split(" "), {
    makeCore,
    print: (text) => told.push(text),
    complain: (text) => complaints.push(text),
    ...(isInterrupted && { isInterrupted }),
  });
  return { code, told: told.join("\n"), complaints: complaints.join("\n") };
}

test("nonsense is refused with usage and exit code 2", async () => {
  const { code, told, complaints } = await call("--sed 3");
  expect([code, told]).toEqual([2, ""]);
  expect(complaints).toMatch(/^there is no --sed\nusage: npm run sim -- /);
});

test("help is no mistake, and a fault that the schedule does not have is one", async () => {
  expect(await call("--help")).toMatchObject({ code: 0, complaints: "", told: expect.stringMatching(/^usage: /) });
  const { code, told, complaints } = await call("--seed 3 --mix calm --seconds 1 --nodes 2 --once --only 0,7");
  expect([code, told]).toEqual([2, ""]);
  expect(complaints).toBe("--only 0,7: the schedule of seed 3 has no such fault in this run");
});

test("a good seed ends with 0 and totals of faults, checks and speed", async () => {
  const { code, told } = await call("--seed 3 --mix chaos --seconds 3 --nodes 2");
  expect(code).toBe(0);
  expect(told).toMatch(/^1 seed: 0 failed; \d+ simulated seconds in [\d.]+ s \(\d+ × real time\)$/m);
  expect(told).toMatch(/^checker "one holder" ran \d+ times$/m);
  expect(told).toMatch(/^faults inflicted \d+: /m);
});

/** The commands that a failure printed, without their npm. */
function commands(told: string): string[] {
  return [...told.matchAll(/replay(?: it)?: npm run sim -- (.*)$/gm)].map((match) => match[1] as string);
}

/** The first violation that was told. */
const violation = (told: string) => /^ {2}at [\d.]+ s, "([^"]+)"/m.exec(told)?.[1];

test("a failing seed prints a shorter schedule, its trace and commands that replay it", {
  timeout: 120_000,
}, async () => {
  const { code, told } = await call("--seed 5 --mix chaos --nodes 3 --seconds 6 --once", greedy);
  expect(code).toBe(1);
  expect(told).toContain("seed 5 FAILED");
  const [whole, short] = commands(told);
  expect(whole).toBe("--seed 5 --nodes 3 --seconds 6 --mix chaos");
  expect(told).toMatch(/shortest schedule found: \d+ of \d+ faults, 2 nodes/);
  expect(told).toContain("VIOLATION");
  for (const command of [whole, short]) {
    const again = await call(`${command} --brief --once`, greedy);
    expect(again.code, command).toBe(1);
    expect(violation(again.told), command).toBe(violation(told));
    expect((await call(`${command} --brief --once`)).code, `${command} with the real core`).toBe(0);
  }
});

test("a failure in the middle of hours is replayed by its command as well", { timeout: 120_000 }, async () => {
  // It turns bad long after the first round.
  const late: MakeCore = (options) => {
    const good = realCore(options);
    let begun: number | undefined;
    return {
      step: (input) => {
        begun ??= input.now;
        const { effects, wakeAt } = good.step(input);
        const isLate = input.now - begun > 40_000;
        return {
          effects: isLate
            ? effects.map((effect) =>
                effect.kind === "open" ? { ...effect, until: after(effect.until, 300) } : effect,
              )
            : effects,
          wakeAt,
        };
      },
      view: (now) => good.view(now),
    };
  };
  const { code, told } = await call("--seed 2 --mix chaos --nodes 2 --seconds 5 --hours 0.05 --once", late);
  expect(code).toBe(1);
  for (const command of commands(told)) {
    expect(command).toContain("--hours 0.05");
    const again = await call(`${command} --brief --once`, late);
    expect(violation(again.told), command).toBe(violation(told));
  }
});

test("it runs on until it is interrupted, or until something fails", async () => {
  let asked = 0;
  const { code, told } = await call("--forever --mix power --seconds 2 --nodes 2 --once", realCore, () => asked++ >= 3);
  expect(code).toBe(0);
  expect(told).toContain("3 seeds: 0 failed");
  const failing = await call("--forever --mix chaos --seconds 3 --nodes 2 --brief --once", greedy);
  expect(failing.code).toBe(1);
  expect(failing.told).toContain("FAILED");
});
