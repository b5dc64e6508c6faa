import { expect, test } from "vitest";

import { until } from "../../lab/clock.ts";
import { Applier } from "./applier.ts";

/** An apply that ends when the test says so. */
function controlled() {
  const begun: number[] = [];
  const finish: (() => void)[] = [];
  const applier = new Applier<number, string>({
    gatherMs: 5,
    apply: (wanted) => {
      begun.push(wanted);
      return new Promise((resolve) => finish.push(() => resolve(`did ${wanted}`)));
    },
  });
  return { applier, begun, finishNext: () => finish.shift()?.() };
}

test("many changes within a moment are one apply of the latest", async () => {
  const { applier, begun } = controlled();
  for (let i = 1; i <= 100; i += 1) applier.want(i);
  await until("it began", () => begun.length > 0);
  expect(begun).toEqual([100]);
});

test("one is under way at a time, and of what is wanted meanwhile the latest follows", async () => {
  const { applier, begun, finishNext } = controlled();
  const first = applier.now(1);
  applier.want(2);
  applier.want(3);
  const last = applier.now(4);
  expect(begun).toEqual([1]);
  finishNext();
  expect(await first).toBe("did 1");
  expect(begun).toEqual([1, 4]);
  finishNext();
  expect(await last).toBe("did 4");
  expect(begun).toEqual([1, 4]);
});

test("who waits gets the result of an apply that contained the wish or something newer", async () => {
  const { applier, begun, finishNext } = controlled();
  const first = applier.now(1);
  const second = applier.now(2);
  applier.want(3);
  finishNext();
  await first;
  finishNext();
  expect(await second).toBe("did 3");
  expect(begun).toEqual([1, 3]);
});

test("what is wanted in the very turn that ended the last apply is not lost", async () => {
  const { applier, begun, finishNext } = controlled();
  const first = applier.now(1).then(() => applier.now(2));
  finishNext();
  await until("the second began", () => begun.length === 2);
  finishNext();
  expect(await first).toBe("did 2");
});

test("closing waits for what is under way and begins nothing more", async () => {
  const { applier, begun, finishNext } = controlled();
  void applier.now(1);
  applier.want(2);
  const closed = applier.close();
  finishNext();
  await closed;
  expect(begun).toEqual([1]);
});
