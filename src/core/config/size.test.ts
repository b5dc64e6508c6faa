import fc from "fast-check";
import { expect, test } from "vitest";
import { formatSize, nearestSize, parseSize, SIZE_PATTERN } from "./size.ts";

test("units are powers of 1024, as nginx and PHP have them", () => {
  expect(parseSize("30MB")).toBe(30 * 1_024 * 1_024);
  expect(parseSize("128kB")).toBe(131_072);
  expect(parseSize("128KB")).toBe(131_072);
  expect(parseSize("1.5GiB")).toBe(1_610_612_736);
  expect(parseSize("0.5kB")).toBe(512);
  expect(parseSize("7B")).toBe(7);
});

test("what is no size, or no whole number of bytes, is none", () => {
  for (const text of [
    "",
    "30",
    "30M",
    "30m",
    "30 MB",
    "MB",
    "-1MB",
    "1e3B",
    "0.3B",
    "1.0001kB",
    "1TB",
    "9999999999999B",
  ])
    expect(parseSize(text), text).toBeUndefined();
});

test("a size without its unit's B is guessed", () => {
  expect(nearestSize("30m")).toBe("30MB");
  expect(nearestSize("128k")).toBe("128kB");
  expect(nearestSize("30 mib")).toBe("30MB");
  expect(nearestSize("5")).toBe("5B");
  expect(nearestSize("thirty")).toBeUndefined();
});

test("every number of bytes is written so that it reads back", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 39 }), (bytes) => {
      const text = formatSize(bytes);
      expect(parseSize(text)).toBe(bytes);
      expect(text).toMatch(new RegExp(SIZE_PATTERN));
    }),
  );
});
