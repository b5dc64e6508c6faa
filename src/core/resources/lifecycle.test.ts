import { expect, test } from "vitest";
import { instant } from "../base/time.ts";
import { Lifecycle, type LifecycleNews, type ManagedService, type Order } from "./lifecycle.ts";

function service(id: string, change: Partial<ManagedService> = {}): ManagedService {
  return { id, everyMs: 1_000, attempts: 2, timeoutMs: { start: 2_000, stop: 1_000, status: 500 }, ...change };
}

/** Drives a lifecycle; every order is written down and, unless held back, answered at once. */
class Bench {
  readonly log: string[] = [];
  readonly lifecycle: Lifecycle;
  /** Answers: true and false end the action at once, "none" never. */
  answer: (order: Order) => boolean | "none" = () => true;
  now = 0;
  pending: Order[] = [];

  constructor(...services: ManagedService[]) {
    this.lifecycle = new Lifecycle(services, { last: 0 });
  }

  /** Lets everything happen that is due. */
  settle(): void {
    for (let guard = 0; guard < 100; guard++) {
      const { order, news } = this.lifecycle.advance(instant(this.now));
      if (order === undefined && news === undefined) return;
      this.#tell(news);
      if (order === undefined) continue;
      this.log.push(`${this.now} ${order.action} ${order.service}`);
      const result = this.answer(order);
      if (result === "none") this.pending.push(order);
      else this.finish(order, result);
    }
    throw new Error("the lifecycle never settles");
  }

  finish(order: Order, ok: boolean): void {
    this.#tell(this.lifecycle.finished(order.token, ok, ok ? "exit 0" : "exit 1", instant(this.now)));
  }

  /** Lets time pass, waking when asked to. */
  until(end: number): void {
    this.settle();
    for (let guard = 0; guard < 100 && this.lifecycle.wakeAt() <= end; guard++) {
      this.now = Math.max(this.now, this.lifecycle.wakeAt());
      this.settle();
    }
    this.now = end;
  }

  #tell(news: LifecycleNews | undefined): void {
    if (news === undefined) return;
    const details = "service" in news ? ` ${news.service}: ${news.detail}` : "";
    this.log.push(`${this.now} ${news.kind}${details}${news.kind === "start-failed" && news.final ? " (final)" : ""}`);
  }
}

const noStatus = { timeoutMs: { start: 2_000, stop: 1_000, status: undefined } };

test("Services start in order and stop in reverse", () => {
  const bench = new Bench(service("a", noStatus), service("b", noStatus), service("c", noStatus));
  bench.lifecycle.start(instant(0));
  bench.settle();
  expect(bench.log).toEqual(["0 start a", "0 start b", "0 start c", "0 started"]);
  bench.log.length = 0;
  bench.lifecycle.stop(instant(0));
  bench.settle();
  expect(bench.log).toEqual(["0 stop c", "0 stop b", "0 stop a", "0 stopped"]);
  expect(bench.lifecycle.phase).toBe("stopped");
});

test("The next service waits for the one before it", () => {
  const bench = new Bench(service("a"), service("b"));
  bench.answer = () => "none";
  bench.lifecycle.start(instant(0));
  bench.until(1_000);
  expect(bench.log).toEqual(["0 start a"]);
  bench.finish(bench.pending[0] as Order, true);
  bench.settle();
  expect(bench.log).toEqual(["0 start a", "1000 start b"]);
});

test("A failed start is tried again after a while, and is final at the limit", () => {
  const bench = new Bench(service("a", { attempts: 3 }));
  bench.answer = () => false;
  bench.lifecycle.start(instant(0));
  bench.until(1_000);
  expect(bench.log).toEqual([
    "0 start a",
    "0 start-failed a: exit 1",
    "500 start a",
    "500 start-failed a: exit 1",
    "1000 start a",
    "1000 start-failed a: exit 1 (final)",
  ]);
});

test("A service that starts at the second attempt has its full number of attempts later", () => {
  const bench = new Bench(service("a", noStatus), service("b", noStatus));
  let calls = 0;
  bench.answer = () => ++calls !== 1 && calls !== 3;
  bench.lifecycle.start(instant(0));
  bench.until(2_000);
  expect(bench.log.filter((line) => line.includes("final"))).toEqual([]);
  expect(bench.log.at(-1)).toBe("1000 started");
});

test("A start that never answers counts as failed after its limit and some grace", () => {
  const bench = new Bench(service("a"));
  bench.answer = () => "none";
  bench.lifecycle.start(instant(0));
  bench.until(8_000);
  expect(bench.log).toEqual(["0 start a", "7000 start-failed a: no result within its time limit", "7500 start a"]);
});

test("Late and repeated results are ignored", () => {
  const bench = new Bench(service("a"), service("b"));
  bench.answer = () => "none";
  bench.lifecycle.start(instant(0));
  bench.until(7_500);
  const [first, second] = bench.pending as [Order, Order];
  bench.finish(first, true);
  bench.settle();
  expect(bench.log.at(-1)).toBe("7500 start a");
  bench.finish(second, true);
  bench.finish(second, true);
  bench.finish(second, false);
  bench.settle();
  expect(bench.log.slice(-1)).toEqual(["7500 start b"]);
  expect(bench.pending).toHaveLength(3);
});

test("Never do two actions run for one resource, also when everything is stopped in the middle of a start", () => {
  const bench = new Bench(service("a"), service("b"));
  bench.answer = () => "none";
  bench.lifecycle.start(instant(0));
  bench.settle();
  bench.lifecycle.stop(instant(0));
  bench.until(100);
  expect(bench.log).toEqual(["0 start a"]);
  bench.answer = () => true;
  bench.finish(bench.pending[0] as Order, true);
  bench.settle();
  expect(bench.log).toEqual(["0 start a", "100 stop b", "100 stop a", "100 stopped"]);
});

test("A start that hangs does not keep the rest from being stopped for ever", () => {
  const bench = new Bench(service("a"));
  bench.answer = ({ action }) => (action === "start" ? "none" : true);
  bench.lifecycle.start(instant(0));
  bench.settle();
  bench.lifecycle.stop(instant(10));
  bench.until(10_000);
  expect(bench.log).toEqual(["0 start a", "7000 stop a", "7000 stopped"]);
});

test("A stop that fails twice is stuck, and can be tried again", () => {
  const bench = new Bench(service("a"), service("b"));
  bench.lifecycle.start(instant(0));
  bench.settle();
  bench.log.length = 0;
  bench.answer = ({ service: id }) => id !== "a";
  bench.lifecycle.stop(instant(0));
  bench.until(5_000);
  expect(bench.log).toEqual(["0 stop b", "0 stop a", "500 stop a", "500 stop-failed a: exit 1"]);
  expect(bench.lifecycle.phase).toBe("stuck");
  bench.answer = () => true;
  bench.lifecycle.stop(instant(5_000));
  bench.settle();
  expect(bench.log.slice(-3)).toEqual(["5000 stop b", "5000 stop a", "5000 stopped"]);
});

test("A running service is asked for its status, and one that died is started again", () => {
  const bench = new Bench(service("a", noStatus), service("b"));
  bench.lifecycle.start(instant(0));
  bench.until(1_500);
  expect(bench.log).toEqual(["0 start a", "0 start b", "0 started", "1000 status b"]);
  bench.answer = ({ action }) => action !== "status";
  bench.log.length = 0;
  bench.until(2_500);
  expect(bench.log).toEqual(["2000 status b", "2000 died b: exit 1", "2000 start b", "2000 started"]);
});

test("A status that is under way when everything is stopped does not count any more", () => {
  const bench = new Bench(service("a"));
  bench.answer = ({ action }) => (action === "status" ? "none" : true);
  bench.lifecycle.start(instant(0));
  bench.until(1_000);
  bench.lifecycle.stop(instant(1_000));
  bench.settle();
  expect(bench.log.at(-1)).toBe("1000 status a");
  bench.finish(bench.pending[0] as Order, false);
  bench.settle();
  expect(bench.log.slice(-2)).toEqual(["1000 stop a", "1000 stopped"]);
});

test("What a former self started is believed to run, and is looked after", () => {
  const bench = new Bench(service("a"));
  bench.lifecycle.resume(instant(0));
  bench.until(1_200);
  expect(bench.log).toEqual(["1000 status a"]);
});

test("Asked to start while it starts already, it goes on where it is", () => {
  const bench = new Bench(service("a"), service("b"));
  bench.answer = ({ service: id }) => (id === "b" ? "none" : true);
  bench.lifecycle.start(instant(0));
  bench.settle();
  bench.lifecycle.start(instant(10));
  bench.finish(bench.pending[0] as Order, true);
  bench.settle();
  expect(bench.log).toEqual(["0 start a", "0 start b", "0 started"]);
});

test("Nothing to run starts and stops at once", () => {
  const bench = new Bench();
  bench.lifecycle.start(instant(0));
  bench.settle();
  bench.lifecycle.stop(instant(0));
  bench.settle();
  expect(bench.log).toEqual(["0 started", "0 stopped"]);
});

test("A service that says it started and never runs has failed to start, after as many attempts", () => {
  const bench = new Bench(service("a"));
  bench.answer = ({ action }) => action !== "status";
  bench.lifecycle.start(instant(0));
  bench.until(1_900);
  expect(bench.log).toEqual([
    "0 start a",
    "0 started",
    "1000 status a",
    "1000 died a: exit 1",
    "1000 start a",
    "1000 started",
  ]);
  bench.until(2_000);
  expect(bench.log.slice(6, 8)).toEqual([
    "2000 status a",
    "2000 start-failed a: its start ended well 2 times and it did not run: exit 1 (final)",
  ]);
});

test("A service that was seen running may die as often as it likes", () => {
  const bench = new Bench(service("a"));
  let looks = 0;
  bench.answer = ({ action }) => action !== "status" || ++looks % 2 === 1;
  bench.lifecycle.start(instant(0));
  bench.until(20_500);
  expect(bench.log.filter((line) => line.includes("died"))).toHaveLength(10);
  expect(bench.log.filter((line) => line.includes("start-failed"))).toEqual([]);
});
