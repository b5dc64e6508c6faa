import { expect, test } from "vitest";

import { pause, until } from "../../lab/clock.ts";
import { balancer } from "../../core/balancer/pretended-balancer.ts";
import { wantedOf } from "../../core/balancer/wanted.ts";
import type { Problem } from "../../core/base/report.ts";
import type { DecisionEvent } from "../../core/node/effects.ts";
import { Keeper } from "./keeper.ts";
import { PretendedEngine } from "./pretended-engine.ts";

const GOOD = wantedOf(balancer());
const OTHER = wantedOf(balancer({ maxConnections: 7 }));
const BAD = wantedOf(balancer({ maxConnections: 1 }));
const PROBLEM: Problem = { code: "ENGINE_REFUSED", severity: "error", message: "line 7: unknown keyword 'bidn'" };

interface Kept {
  readonly keeper: Keeper;
  readonly engine: PretendedEngine;
  readonly verdicts: string[];
  readonly reasons: string[];
  readonly events: Omit<DecisionEvent, "at">[];
  nowMs: number;
}

function keep(pausesMs: readonly number[] = [0, 5, 10]): Kept {
  const engine = new PretendedEngine();
  engine.refuses = (wanted) => (wanted === BAD ? PROBLEM : undefined);
  const kept = { engine, verdicts: [] as string[], reasons: [] as string[], events: [] as Kept["events"], nowMs: 0 };
  const keeper = new Keeper({
    engine,
    node: "srv1",
    judged: (verdict, detail) => kept.verdicts.push(`${verdict}: ${detail}`),
    record: (event) => {
      kept.events.push(event);
      kept.reasons.push(event.reason);
    },
    explain: async (problem) => problem,
    begun: () => engine.did.push("begun"),
    pausesMs,
    now: () => kept.nowMs,
  });
  return {
    ...kept,
    keeper,
    get nowMs() {
      return kept.nowMs;
    },
    set nowMs(ms) {
      kept.nowMs = ms;
    },
  };
}

const UP = "up: haproxy 2.6.12 runs";

test("an engine that does not run is started, and only then the node is worth something", async () => {
  const { keeper, engine, verdicts, reasons } = keep();
  await keeper.start(GOOD);
  expect(engine.did).toEqual(["adopt", "probe", "apply", "begun"]);
  expect(engine.carries).toBe(GOOD);
  expect(verdicts).toEqual([UP]);
  expect(reasons).toEqual(["ENGINE_STARTED"]);
  expect(keeper.state).toMatchObject({ state: "running", version: "2.6.12", problems: [] });
});

test("one that an earlier self left running goes on, and gets what is wanted now", async () => {
  const { keeper, engine, verdicts, reasons } = keep();
  engine.wasRunning = true;
  await keeper.start(GOOD);
  expect(reasons).toEqual(["ENGINE_ADOPTED", "ENGINE_RELOADED"]);
  expect(engine.carries).toBe(GOOD);
  expect(verdicts.map((line) => line.split(":")[0])).toEqual(["up"]);
});

test("a refused config leaves the one before in place, is told once, and goes with the next good one", async () => {
  const { keeper, engine, verdicts, reasons } = keep();
  await keeper.start(GOOD);
  expect(await keeper.apply(BAD)).toMatchObject({ ok: false, problems: [PROBLEM] });
  expect(await keeper.apply(BAD)).toMatchObject({ ok: false });
  expect(engine.carries).toBe(GOOD);
  expect(reasons).toEqual(["ENGINE_STARTED", "ENGINE_REFUSED"]);
  expect(keeper.state).toMatchObject({ state: "running", problems: [PROBLEM] });
  expect(verdicts).toEqual([UP]);
  await keeper.apply(OTHER);
  expect(keeper.state).toMatchObject({ state: "running", problems: [], reloads: 1 });
});

test("an engine that dies with a refused config wanted is started with the one before", async () => {
  const { keeper, engine, verdicts } = keep();
  await keeper.start(GOOD);
  await keeper.apply(BAD);
  engine.die("ended by SIGKILL");
  await until("it runs again", () => verdicts.length === 3);
  expect(engine.carries).toBe(GOOD);
  expect(verdicts).toEqual([UP, "down: ended by SIGKILL", UP]);
  expect(keeper.state.problems).toEqual([PROBLEM]);
});

test("what was refused at such a start is tried again, and in effect when it is accepted", async () => {
  const { keeper, engine } = keep();
  await keeper.start(GOOD);
  let isBusy = true;
  engine.refuses = (wanted) => (wanted === OTHER && isBusy ? PROBLEM : undefined);
  engine.isRunning = false;
  await keeper.apply(OTHER);
  expect(engine.carries).toBe(GOOD);
  isBusy = false;
  await until("it was applied", () => engine.carries === OTHER);
  expect(keeper.state.problems).toEqual([]);
});

test("the first death costs no pause, the next ones more and more, and then the node waits to be believed", async () => {
  const { keeper, engine, verdicts, reasons } = keep([0, 30, 60]);
  await keeper.start(GOOD);
  for (let death = 1; death <= 3; death += 1) {
    engine.die(`death ${death}`);
    await until("it runs again", () => verdicts.length === 1 + 2 * death);
  }
  expect(verdicts).toEqual([UP, "down: death 1", UP, "down: death 2", UP, "down: death 3", UP]);
  expect(reasons.filter((reason) => reason === "ENGINE_DIED")).toHaveLength(3);
  expect(reasons.filter((reason) => reason === "ENGINE_STARTED")).toHaveLength(4);
});

test("one that dies again before it is believed does not make the node eligible in between", async () => {
  const { keeper, engine, verdicts, reasons } = keep([0, 200]);
  await keeper.start(GOOD);
  engine.die("first");
  await until("it runs again", () => verdicts.length === 3);
  engine.die("second");
  await until("it was started again", () => reasons.filter((reason) => reason === "ENGINE_STARTED").length === 3);
  engine.die("third");
  await until("it was started again", () => reasons.filter((reason) => reason === "ENGINE_STARTED").length === 4);
  expect(verdicts.slice(3).filter((line) => line === UP)).toEqual([]);
});

test("an engine that is not installed is a reason in its own words, and is looked for again", async () => {
  const { keeper, engine, verdicts, reasons } = keep([0, 5]);
  engine.lacks = {
    code: "ENGINE_MISSING",
    severity: "error",
    message: "haproxy is not installed",
    next: "apt install haproxy",
  };
  await keeper.start(GOOD);
  expect(verdicts).toEqual(["down: haproxy is not installed"]);
  expect(reasons).toEqual(["ENGINE_NOT_STARTED"]);
  expect(keeper.state).toMatchObject({ state: "down", problems: [engine.lacks] });
  engine.lacks = undefined;
  await until("it runs", () => verdicts.at(-1) === UP);
  expect(keeper.state.problems).toEqual([]);
});

test("an engine that hangs is ended before it is started anew", async () => {
  const { keeper, engine, verdicts } = keep();
  await keeper.start(GOOD);
  engine.did.length = 0;
  engine.say({ kind: "ended", detail: "no answer on its socket for 3 s" });
  await until("it runs again", () => verdicts.length === 3);
  expect(engine.did).toEqual(["stop 0", "apply", "begun"]);
});

test("what is wanted while it is dead waits for its next start", async () => {
  const { keeper, engine, verdicts } = keep([20, 20]);
  await keeper.start(GOOD);
  engine.die("gone");
  keeper.want(OTHER);
  await until("it runs again", () => verdicts.length === 3);
  expect(engine.carries).toBe(OTHER);
  expect(engine.did.filter((word) => word === "apply")).toHaveLength(2);
});

test("after the daemon's end nothing is started any more", async () => {
  const { keeper, engine } = keep([20]);
  await keeper.start(GOOD);
  engine.die("gone");
  await keeper.stop(500);
  expect(engine.did.slice(-1)).toEqual(["stop 500"]);
  // Twice the pause after which it would have been started.
  await pause(40);
  expect(engine.isRunning).toBe(false);
  expect(engine.did.slice(-1)).toEqual(["stop 500"]);
});

test("a driver that throws is a problem and no crash", async () => {
  const { keeper, engine, verdicts } = keep([0, 5]);
  let isBroken = true;
  engine.refuses = () => {
    if (isBroken) throw new Error("a defect");
    return undefined;
  };
  await keeper.start(GOOD);
  expect(verdicts).toEqual(["down: haproxy could not be driven: a defect"]);
  isBroken = false;
  await until("it runs", () => verdicts.at(-1) === UP);
});

test("a disk that does not take the engine's files is told as such, and nothing is lost by it", async () => {
  const { keeper, engine, verdicts } = keep();
  await keeper.start(GOOD);
  engine.refuses = () => {
    throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  };
  expect(await keeper.apply(OTHER)).toMatchObject({
    ok: false,
    problems: [{ code: "ENGINE_FILES_REFUSED", next: expect.stringContaining("df -h") }],
  });
  expect(engine.carries).toBe(GOOD);
  expect(verdicts).toEqual([UP]);
  // When there is room again, nobody needs to ask.
  engine.refuses = () => undefined;
  await until("it was applied", () => engine.carries === OTHER);
  expect(keeper.state.problems).toEqual([]);
});
