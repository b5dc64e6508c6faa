import { expect, test } from "vitest";

import { member, pool } from "../../core/balancer/pretended-balancer.ts";
import { memberId } from "../../core/balancer/wanted.ts";
import type { CheckConfig } from "../../core/config/balancer.ts";
import type { MemberProbe } from "../../host/probes/member.ts";
import type { ProbeResult } from "../../host/probes/outcome.ts";
import { MemberChecks } from "./checks.ts";

const CHECK: CheckConfig = { probe: { kind: "tcp" }, everyMs: 1, timeoutMs: 100, fall: 3, rise: 2, port: undefined };

/** Answers each probe when told, so that no clock takes part in what is judged. */
class Desk {
  readonly asked: { readonly probe: MemberProbe; readonly answer: (outcome: ProbeResult["outcome"]) => void }[] = [];
  readonly news: string[] = [];
  readonly checks: MemberChecks;

  constructor(parallel?: number) {
    this.checks = new MemberChecks({
      changed: ({ key, isUp }) => this.news.push(`${memberId(key)} ${isUp ? "up" : "down"}`),
      probe: (probe) =>
        new Promise((resolve) => {
          this.asked.push({ probe, answer: (outcome) => resolve({ outcome, detail: outcome }) });
        }),
      ...(parallel !== undefined && { parallel }),
    });
  }

  /** Answers the next probe that is asked. */
  async next(outcome: ProbeResult["outcome"]): Promise<MemberProbe> {
    await expect.poll(() => this.asked.length, { interval: 1 }).toBeGreaterThan(0);
    const [one] = this.asked.splice(0, 1);
    one?.answer(outcome);
    await new Promise((resolve) => setImmediate(resolve));
    if (one === undefined) throw new Error("nobody asked");
    return one.probe;
  }
}

test("a member is up with its first success, down after `fall` failures, and up again after `rise` successes", async () => {
  const desk = new Desk();
  desk.checks.watch([pool("web", [member("a")], { check: CHECK })]);
  for (const outcome of ["up", "down", "down", "up", "down", "down"] as const) await desk.next(outcome);
  expect(desk.news).toEqual(["web/a up"]);
  await desk.next("down");
  await desk.next("up");
  expect(desk.news).toEqual(["web/a up", "web/a down"]);
  await desk.next("up");
  expect(desk.news).toEqual(["web/a up", "web/a down", "web/a up"]);
  desk.checks.close();
});

test("what could not be found out makes nobody down", async () => {
  const desk = new Desk();
  desk.checks.watch([pool("web", [member("a")], { check: CHECK })]);
  for (const outcome of ["up", "unknown", "unknown", "unknown", "unknown", "unknown"] as const)
    await desk.next(outcome);
  expect(desk.news).toEqual(["web/a up"]);
  desk.checks.close();
});

test("pools that ask the same of the same place share one probe, and each judges by its own limits", async () => {
  const desk = new Desk();
  desk.checks.watch([
    pool("web", [member("a")], { check: CHECK }),
    pool("api", [member("b")], { check: { ...CHECK, fall: 1 } }),
    pool("other", [member("c")], { check: { ...CHECK, port: 9_000 } }),
    pool("unchecked", [member("d")], { check: undefined }),
  ]);
  expect(desk.asked.map(({ probe }) => probe.port)).toEqual([8_000, 9_000]);
  await desk.next("down");
  expect(desk.news).toEqual(["api/b down"]);
  desk.checks.close();
});

test("a change of the config keeps verdicts of probes that stay, and ends those that go", async () => {
  const desk = new Desk();
  desk.checks.watch([pool("web", [member("a")], { check: { ...CHECK, fall: 2 } })]);
  await desk.next("up");
  await desk.next("down");
  desk.checks.watch([pool("web", [member("a"), member("b", { port: 8_001 })], { check: { ...CHECK, fall: 2 } })]);
  // The second failure in a row, counted over the change.
  for (let index = 0; index < 2; index++) await desk.next("down");
  expect(desk.news).toContain("web/a down");
  desk.checks.watch([]);
  desk.asked.splice(0).forEach(({ answer }) => answer("down"));
  await new Promise((resolve) => setImmediate(resolve));
  expect(desk.news.filter((news) => news.startsWith("web/b"))).toEqual([]);
  desk.checks.close();
});

test("no more probes run at a time than allowed, and everybody gets a turn", async () => {
  const desk = new Desk(2);
  const members = Array.from({ length: 6 }, (_, index) => member(`m${index}`, { port: 8_000 + index }));
  desk.checks.watch([pool("web", members, { check: { ...CHECK, everyMs: 60_000 } })]);
  const ports = [];
  for (let index = 0; index < 6; index++) {
    expect(desk.asked.length).toBeLessThanOrEqual(2);
    ports.push((await desk.next("up")).port);
  }
  expect(ports).toEqual([8_000, 8_001, 8_002, 8_003, 8_004, 8_005]);
  desk.checks.close();
});
