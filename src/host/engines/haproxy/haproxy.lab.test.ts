/**
 * The driver with the real HAProxy, each scenario in network, mount and process namespaces of its own (see
 * fixtures/scenarios.ts): what it does under load, when somebody dies, when it is refused, and over a change of its own
 * daemon. Needs root and HAProxy.
 */

import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { findProgram } from "../programs.ts";
import { LIMIT_MS, playScenario } from "../scenario.fixture.ts";
import { PROGRAM } from "./program.ts";

const SCENARIOS = fileURLToPath(new URL("./fixtures/scenarios.ts", import.meta.url));
const FIXTURES = fileURLToPath(new URL("./fixtures", import.meta.url));
const LACKS = process.getuid?.() !== 0 || findProgram(PROGRAM) === undefined;
/** Before a release: 50 reloads at 2,000 requests per second for a minute. */
const RELOADS = Number(process.env["UNDERSTUDY_RELOADS"] ?? 10);
const PER_SECOND = Number(process.env["UNDERSTUDY_RELOAD_RATE"] ?? 400);

/** A stand-in of systemctl is found first. */
function lab<T>(scenario: string, options: object = {}): Promise<T> {
  return playScenario({ file: SCENARIOS, scenario, options, programs: FIXTURES });
}

describe.skipIf(LACKS)("the driver of HAProxy (needs root and haproxy)", { timeout: LIMIT_MS }, () => {
  test("reloads under load lose no request, on kept connections and on new ones", async () => {
    type Facts = {
      results: { sent: number; answered: number; failures: object }[];
      reloads: number;
      medianMs: number;
      mostOld: number;
      memoryKb: object;
    };
    const milliseconds = RELOADS * 600 + 2_000;
    const facts = await lab<Facts>("reloads", { reloads: RELOADS, perSecond: PER_SECOND, milliseconds });
    console.log(JSON.stringify(facts));
    expect(facts.reloads).toBe(RELOADS);
    for (const { sent, answered, failures } of facts.results) {
      expect(sent).toBeGreaterThan(((PER_SECOND / 2) * milliseconds) / 1_000 - 10);
      expect(failures).toEqual({});
      expect(answered).toBe(sent);
    }
    expect(facts.mostOld).toBeLessThanOrEqual(16);
  });

  test("a dead master, a dead worker and hung ones are told, and it can be started again at once", async () => {
    type Death = { toldMs: number; stopped: string; by: string; backMs: number; detail: string };
    type Facts = Record<"masterKilled" | "workerKilled" | "workerHangs" | "masterHangs", Death> & { left: string[] };
    const { left, ...deaths } = await lab<Facts>("deaths");
    for (const [name, death] of Object.entries(deaths)) {
      expect(death, name).toMatchObject({ stopped: "stopped", by: "start" });
      expect(death.toldMs, name).toBeLessThan(name.endsWith("Killed") ? 500 : 5_000);
      if (name === "masterKilled") expect(death.detail).toMatch(/^haproxy \(process \d+\) ended$/);
      expect(death.backMs, name).toBeLessThan(name.endsWith("Killed") ? 2_000 : 7_000);
    }
    expect(deaths.workerKilled.detail).toContain("exited with code 137");
    expect(deaths.workerHangs.detail).toContain("worker does not answer");
    expect(deaths.masterHangs.detail).toContain("master does not answer");
    expect(left).toEqual([]);
  });

  test("what HAProxy refuses changes nothing, in its own words, and the next good config is taken", async () => {
    type Facts = Record<
      "unknownPool" | "missingCertificate" | "occupiedAddress" | "occupiedPort" | "after" | "start",
      string[]
    > & {
      isSame: boolean;
      waiting: number;
      status: number;
      startedThen: string;
    };
    const facts = await lab<Facts>("refusals");
    expect(facts.unknownPool[0]).toMatch(/^ENGINE_CONFIG_REFUSED: .*'nobody'/);
    expect(facts.unknownPool.join("\n")).toMatch(/haproxy\.cfg:\d+ \(frontend http:8080\).* in the line "use_backend/);
    expect(facts.missingCertificate).toEqual(["FILE_MISSING: there is no file /nowhere/site.pem"]);
    expect(facts.occupiedAddress).toEqual([
      expect.stringMatching(/^ENGINE_RELOAD_FAILED: .*Address already in use.*127\.0\.0\.2:8080/),
    ]);
    expect(facts.occupiedPort).toEqual([
      "ENGINE_PORT_IN_USE: haproxy cannot listen on 127.0.0.1:8081: Address already in use",
    ]);
    // The files are the former ones, and the master waits for nothing.
    expect(facts).toMatchObject({ isSame: true, waiting: 0, status: 200, after: ["nothing", "reload"] });
    expect(facts.start[0]).toMatch(/^ENGINE_NOT_STARTED: .*Address already in use.*127\.0\.0\.1:8080/);
    expect(facts.startedThen).toBe("start");
  });

  test("what somebody changed by hand on its socket is found, and put right with as little as it takes", async () => {
    expect(await lab<object>("altered")).toEqual({
      nothing: false,
      weight: [true, "runtime", false],
      maintenance: [true, "reload", false],
      map: [true, "runtime", false],
      stopped: false,
    });
  });

  test("who is down stays down and who is drained stays drained over a reload; a new address begins anew", async () => {
    const facts = await lab<Record<string, unknown>>("health");
    const down = { "apache/srv1": "up 9001 0", "apache/srv2": "down 9002 100" };
    const all = { "apache:all/srv1": "up 9001 0", "apache:all/srv2": "up 9002 100" };
    expect(facts).toMatchObject({
      heard: { kind: "member", key: { pool: "apache", member: "srv2" }, isUp: false },
      drainedBy: "runtime",
      before: { ...down, ...all },
      by: "reload",
      after: { ...down, ...all },
      undrainedBy: "runtime",
      undrained: { "apache/srv1": "up 9001 100", "apache/srv2": "down 9002 100", "apache:all/srv1": "up 9001 100" },
      movedBy: "reload",
      moved: { "apache/srv1": "up 9001 100", "apache/srv2": expect.stringContaining("9003 100") },
      commandBy: "runtime",
      commanded: { "apache/srv2": expect.stringContaining("9004 100"), "apache:all/srv2": "up 9004 100" },
      panicBy: "runtime",
      panic: expect.stringContaining("apache on"),
    });
  });

  test("the daemon's next self takes over what runs, mends what somebody changed, and believes no stranger", async () => {
    const facts = await lab<Record<string, unknown>>("adoption");
    expect(facts).toMatchObject({
      adopted: true,
      pid: { state: "running" },
      applied: ["runtime", "nothing"],
      weight: 100,
      reload: "reload",
      ended: { kind: "ended" },
      again: false,
      stranger: false,
    });
  });

  test("a daemon that is killed at any step of a change leaves nothing that its next self cannot set right", async () => {
    const { wrong, applied } = await lab<{ wrong: string[]; applied: Record<string, number> }>("interrupted", {
      rounds: 14,
    });
    console.log(JSON.stringify(applied));
    expect(wrong).toEqual([]);
    // Some had a reload to do still, some only a command.
    expect(Object.values(applied).reduce((sum, count) => sum + count, 0)).toBe(14);
  });

  test("ended in the midst of a start or a reload, it leaves nothing running", async () => {
    expect(await lab("ended-early")).toEqual({ left: [] });
  });

  test("a daemon that replaced itself by exec notices the end of a child that its Node does not know", async () => {
    const facts = await lab<{ adopted: boolean; toldMs: number; isReaped: boolean; by: string }>("execed");
    expect(facts).toMatchObject({ adopted: true, isReaped: true, by: "start" });
    expect(facts.toldMs).toBeLessThan(500);
  });

  test("a renewed certificate is served without a reload, a bad one is refused", async () => {
    expect(await lab("certificates")).toEqual({
      started: "start",
      first: "first",
      renewed: "runtime",
      second: "second",
      again: "nothing",
      bad: [expect.stringMatching(/^CERTIFICATE_KEY_MISMATCH/)],
      third: "second",
      reloaded: "reload",
      fourth: "second",
      mode: "600",
    });
  });

  test("the packaged unit's command line is started, reloaded, taken over and ended as a child is", async () => {
    const start = "start --no-block understudy-haproxy.service";
    expect(await lab("unit")).toEqual({
      started: "start",
      status: 200,
      reloaded: "reload",
      adopted: true,
      again: "start",
      gone: 0,
      asked: [start, start, "stop understudy-haproxy.service"],
    });
  });

  test("a request in an old worker ends well and is counted until then", async () => {
    expect(await lab("old-workers")).toMatchObject({
      applied: { by: "reload", oldWorkers: 1 },
      during: { old: 1, sessions: 1, requests: 1 },
      body: "az",
      after: { old: 0, sessions: 0, requests: 1 },
    });
  });

  test("a change of one of a thousand members takes effect within 100 ms", async () => {
    const facts = await lab<{ bestMs: number; medianMs: number }>("many-members", { members: 1_000 });
    console.log(JSON.stringify(facts));
    // The best of twenty: a machine that does other things meanwhile says nothing about us.
    expect(facts.bestMs).toBeLessThan(100);
  });
});
