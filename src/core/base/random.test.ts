import { expect, test } from "vitest";
import { Random } from "./random.ts";

test("the same seed gives the same numbers, another seed others", () => {
  const draw = (seed: number | string) => {
    const random = new Random(seed);
    return Array.from({ length: 8 }, () => random.next());
  };
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
  expect(draw("7/network")).not.toEqual(draw("7/faults"));
});

test("numbers stay within their bounds and reach both ends", () => {
  const random = new Random(1);
  const seen = new Set<number>();
  for (let i = 0; i < 1_000; i++) {
    seen.add(random.integer(1, 4));
    const real = random.between(-2, 3);
    expect(real).toBeGreaterThanOrEqual(-2);
    expect(real).toBeLessThan(3);
  }
  expect([...seen].sort()).toEqual([1, 2, 3, 4]);
});

test("a probability of a quarter comes true about a quarter of the time", () => {
  const random = new Random("quarter");
  let hits = 0;
  for (let i = 0; i < 10_000; i++) if (random.chance(0.25)) hits++;
  expect(hits).toBeGreaterThan(2_300);
  expect(hits).toBeLessThan(2_700);
});

test("hexadecimal text has the asked length", () => {
  expect(new Random(3).hexadecimal(16)).toMatch(/^[0-9a-f]{16}$/);
});
