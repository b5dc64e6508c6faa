/** The loop with a pretended clock, pretended timers and a pretended core: order and timing, no real second. */

import { expect, test } from "vitest";
import { type Instant, instant, NEVER } from "../../core/base/time.ts";
import type { Effect } from "../../core/node/effects.ts";
import type { Input } from "../../core/node/inputs.ts";
import { type Happening, Loop, type Timers } from "./loop.ts";

const START: Happening = {
  kind: "start",
  incarnation: "0".repeat(16),
  epochs: {},
  wishes: [],
  gateways: [],
  handover: undefined,
};
const ANSWER: Happening = {
  kind: "answer",
  link: 0,
  probe: "arp",
  address: "192.0.2.1",
  mac: "02:00:00:00:00:01",
  sentAt: instant(0),
};

/** Virtual time: timers run in the order in which they are due, and time stands still while code runs. */
class World implements Timers {
  time = 1_000;
  readonly log: string[] = [];
  readonly inputs: Input[] = [];
  readonly recorded: string[] = [];
  wake: (input: Input) => Instant = () => NEVER;
  effects: (input: Input) => readonly Effect[] = () => [];
  performed: (effects: readonly Effect[]) => void = () => {};
  #queue: { at: number; order: number; run: () => void }[] = [];
  #order = 0;
  readonly loop: Loop;

  constructor(options: { intervalMs?: number; pauseMs?: number; feedLimitMs?: number } = {}) {
    this.loop = new Loop({
      node: {
        step: (input) => {
          this.inputs.push(input);
          this.log.push(`step ${input.kind}`);
          return { effects: this.effects(input), wakeAt: this.wake(input) };
        },
      },
      clock: { now: () => instant(this.time) },
      timers: this,
      perform: (effects) => {
        this.log.push(...effects.map((e) => `perform ${e.kind}`));
        this.performed(effects);
      },
      turned: () => {},
      recorded: (input, effects, thrown) => {
        this.recorded.push(
          `${input.kind} ${effects.map((e) => e.kind).join()}${thrown === undefined ? "" : `: ${thrown}`}`,
        );
      },
      broken: (error) => this.log.push(`broken: ${(error as Error).message}`),
      intervalMs: options.intervalMs ?? 100,
      pauseMs: options.pauseMs ?? 230,
      feedLimitMs: options.feedLimitMs ?? 1_000,
    });
  }

  after(delayMs: number, run: () => void): unknown {
    const entry = { at: this.time + delayMs, order: (this.#order += 1), run };
    this.#queue.push(entry);
    return entry;
  }

  cancel(timer: unknown): void {
    this.#queue = this.#queue.filter((e) => e !== timer);
  }

  soon(run: () => void): void {
    this.after(0, run);
  }

  /** Runs the first due timer; false when none is due by `until`. */
  one(until: number): boolean {
    this.#queue.sort((a, b) => a.at - b.at || a.order - b.order);
    const next = this.#queue[0];
    if (next === undefined || next.at > until) return false;
    this.#queue.shift();
    this.time = Math.max(this.time, next.at);
    next.run();
    return true;
  }

  runFor(ms: number): void {
    const until = this.time + ms;
    while (this.one(until));
    this.time = until;
  }
}

test("A turn happens every interval even when the core asks for none", () => {
  const world = new World();
  world.loop.start(START);
  world.runFor(1_000);
  const ticks = world.inputs.filter((i) => i.kind === "tick").map((i) => i.now - 1_000);
  expect(ticks).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000]);
});

test("The core is woken when it asked, also when an input moved the wake-up forward", () => {
  const world = new World();
  world.wake = (input) => (input.kind === "start" ? instant(1_080) : input.kind === "answer" ? instant(1_030) : NEVER);
  world.loop.start(START);
  world.runFor(10);
  world.loop.feed(ANSWER);
  world.runFor(30);
  expect(world.inputs.map((i) => [i.kind, i.now])).toEqual([
    ["start", 1_000],
    ["answer", 1_010],
    ["tick", 1_030],
  ]);
});

test("After a pause the core hears of it, and its effects are performed, before what arrived meanwhile", () => {
  const world = new World();
  world.effects = (input) => (input.kind === "paused" ? [{ kind: "close", vips: [], remove: false }] : []);
  world.loop.start(START);
  world.time += 229;
  world.loop.feed(ANSWER);
  expect(world.log).toEqual(["step start", "step answer"]);
  world.log.length = 0;
  world.time += 230;
  world.loop.feed(ANSWER);
  expect(world.log).toEqual(["step paused", "perform close", "step answer"]);
  expect(world.inputs.at(-2)).toMatchObject({ kind: "paused", gapMs: 230 });
});

test("A timer that fires late after a pause says so first as well", () => {
  const world = new World();
  world.loop.start(START);
  world.time += 10_000;
  world.one(world.time);
  expect(world.log).toEqual(["step start", "step paused", "step tick"]);
});

test("Time spent inside a turn counts: a system call that hung is a pause", () => {
  const world = new World();
  world.effects = (input) => (input.kind === "answer" ? [{ kind: "close", vips: [], remove: false }] : []);
  world.performed = () => {
    world.time += 400;
    world.performed = () => {};
  };
  world.loop.start(START);
  world.loop.feed(ANSWER);
  world.runFor(1);
  expect(world.log).toEqual(["step start", "step answer", "perform close", "step paused", "step tick"]);
});

test("An input that comes while effects are performed waits for its own turn", () => {
  const world = new World();
  world.effects = (input) =>
    input.kind === "start"
      ? [
          { kind: "place", vips: [] },
          { kind: "watch", vips: [] },
        ]
      : [];
  world.performed = () => world.loop.feed(ANSWER);
  world.loop.start(START);
  expect(world.log).toEqual(["step start", "perform place", "perform watch", "step answer"]);
});

test("Unfed for longer than the limit the core is told once, and once more when the feed is back", () => {
  const world = new World();
  world.loop.start(START);
  world.runFor(900);
  world.loop.fed();
  world.runFor(1_000);
  expect(world.log).not.toContain("step stalled");
  world.runFor(1_000);
  const stalls = () => world.inputs.filter((i) => i.kind === "stalled");
  expect(stalls()).toMatchObject([{ stalled: true, now: 3_000 }]);
  world.loop.fed();
  world.loop.fed();
  expect(stalls()).toMatchObject([{ stalled: true }, { stalled: false, now: 3_900 }]);
});

test("A pause of the whole process is no stall of the main thread", () => {
  const world = new World();
  world.loop.start(START);
  world.time += 60_000;
  world.runFor(500);
  world.loop.fed();
  world.runFor(500);
  expect(world.log).toContain("step paused");
  expect(world.log).not.toContain("step stalled");
});

test("When the feed is the first to run after a pause, the pause is told all the same", () => {
  const world = new World();
  world.loop.start(START);
  world.time += 5_000;
  world.loop.fed();
  expect(world.log).toEqual(["step start", "step paused"]);
});

test("A core that throws ends everything, and nothing runs after that", () => {
  const world = new World();
  world.effects = (input) => {
    if (input.kind === "answer") throw new Error("a defect");
    return [];
  };
  world.loop.start(START);
  world.loop.feed(ANSWER);
  world.loop.feed(ANSWER);
  world.runFor(1_000);
  expect(world.log).toEqual(["step start", "step answer", "broken: a defect"]);
});

test("A core that always wants to be woken now does not take the whole processor", () => {
  const world = new World();
  world.wake = (input) => input.now;
  world.loop.start(START);
  let turns = 0;
  while (turns < 1_000 && world.one(world.time + 50)) turns += 1;
  expect(world.time).toBeGreaterThanOrEqual(1_000 + 40);
});

test("Inputs without end while one turn runs are a defect, not a full memory", () => {
  const world = new World();
  world.effects = () => [{ kind: "watch", vips: [] }];
  world.performed = () => {
    for (let i = 0; i < 2_000; i += 1) world.loop.feed(ANSWER);
  };
  world.loop.start(START);
  expect(world.log.at(-1)).toContain("broken: more than 1000 inputs");
});

test("Nothing reaches the core before the start or after the end", () => {
  const world = new World();
  world.loop.feed(ANSWER);
  world.loop.start(START);
  world.loop.end();
  world.loop.feed(ANSWER);
  world.runFor(1_000);
  expect(world.log).toEqual(["step start"]);
});

test("every step is recorded after its effects, also one that throws and one whose effects cannot be performed", () => {
  const world = new World();
  world.effects = (input) => {
    if (input.kind === "stalled") throw new Error("an assertion");
    return input.kind === "start" ? [{ kind: "watch", vips: [] }] : [];
  };
  world.performed = () => expect(world.recorded).toEqual([]);
  world.loop.start({ kind: "start", incarnation: "", epochs: {}, wishes: [], gateways: [], handover: undefined });
  world.loop.feed({ kind: "stalled", stalled: true });
  expect(world.recorded).toEqual(["start watch", "stalled : an assertion"]);
  const other = new World();
  other.effects = () => [{ kind: "watch", vips: [] }];
  other.performed = () => {
    throw new Error("the kernel is gone");
  };
  other.loop.start({ kind: "start", incarnation: "", epochs: {}, wishes: [], gateways: [], handover: undefined });
  expect(other.recorded).toEqual(["start watch"]);
  expect(other.log.at(-1)).toBe("broken: the kernel is gone");
});
