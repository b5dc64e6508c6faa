/** The alarm on the real clock. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Alarm } from "./alarm.ts";
import { bootTimeMs } from "./libc.ts";

let alarm: Alarm;
let rings: number[];
const ring = (): void => void rings.push(bootTimeMs());

beforeEach(() => {
  alarm = new Alarm();
  rings = [];
});
afterEach(() => alarm.close());

test("An alarm rings once and not early, also when it is set again while it rings", async () => {
  const startedAt = bootTimeMs();
  alarm.set(20.4, () => {
    ring();
    alarm.set(1_030.6, ring);
  });
  await vi.waitFor(() => expect(rings).toHaveLength(2), 5_000);
  expect((rings[0] as number) - startedAt).toBeGreaterThanOrEqual(20.4);
  expect((rings[1] as number) - (rings[0] as number)).toBeGreaterThanOrEqual(1_030.6);
});

test("An alarm that is put off rings at its new time only, and one that is cleared never", async () => {
  const startedAt = bootTimeMs();
  alarm.set(5, ring);
  alarm.set(60, ring);
  await vi.waitFor(() => expect(rings).toHaveLength(1), 5_000);
  expect((rings[0] as number) - startedAt).toBeGreaterThanOrEqual(60);
  alarm.set(5, ring);
  alarm.clear();
  const other = new Alarm();
  let otherRang = false;
  other.set(80, () => (otherRang = true));
  await vi.waitFor(() => expect(otherRang).toBe(true), 5_000);
  other.close();
  expect(rings).toHaveLength(1);
});

test("An alarm that rang and is not set again does not keep the thread busy", async () => {
  alarm.set(1, ring);
  await vi.waitFor(() => expect(rings).toHaveLength(1), 5_000);
  const before = process.cpuUsage();
  await new Promise<void>((resolve) => alarm.set(300, resolve));
  const { user, system } = process.cpuUsage(before);
  expect(user + system).toBeLessThan(250_000);
});
