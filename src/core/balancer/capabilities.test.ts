import { expect, test } from "vitest";
import { CAPABILITIES, capabilityOf, ENGINES, nginxRate } from "./capabilities.ts";

test("every capability has a word of its own, an engine that has it, and a reason or a way for each", () => {
  expect(new Set(CAPABILITIES.map(({ name }) => name)).size).toBe(CAPABILITIES.length);
  for (const row of CAPABILITIES) {
    expect(row.engines.length, row.name).toBeGreaterThan(0);
    expect(row.title, row.name).toMatch(/\.$/);
    for (const engine of ENGINES) expect(row[engine], row.name).not.toBe("");
    expect(capabilityOf(row.name)).toBe(row);
  }
});

test("nginx limits by whole requests in a second or in a minute", () => {
  expect(nginxRate({ requests: 20, periodMs: 1_000, burst: 0 })).toEqual({ count: 20, per: "s" });
  expect(nginxRate({ requests: 100, periodMs: 10_000, burst: 0 })).toEqual({ count: 10, per: "s" });
  expect(nginxRate({ requests: 5, periodMs: 10_000, burst: 0 })).toEqual({ count: 30, per: "m" });
  expect(nginxRate({ requests: 1, periodMs: 3_600_000, burst: 0 })).toBeUndefined();
  expect(nginxRate({ requests: 5, periodMs: 7_000, burst: 0 })).toBeUndefined();
});
