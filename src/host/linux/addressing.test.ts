import fc from "fast-check";
import { isIPv6 } from "node:net";
import { expect, test } from "vitest";
import { addressBytes, addressText, canonicalAddress, macBytes, macText } from "./addressing.ts";

test("any sixteen bytes become a valid IPv6 text and the same bytes again", () => {
  const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });
  // Zeros are what the short form is about; arbitrary bytes rarely have them.
  const words = fc.array(fc.constantFrom(0, 0, 0, 1, 0xff, 0xabcd), { minLength: 8, maxLength: 8 });
  fc.assert(
    fc.property(fc.oneof(bytes, words.map(bytesOf)), (value) => {
      const text = addressText(Buffer.from(value));
      expect(isIPv6(text)).toBe(true);
      expect(addressBytes(text).equals(Buffer.from(value))).toBe(true);
    }),
  );
});

test("any four bytes become an IPv4 text and the same bytes again", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (value) => {
      expect([...addressBytes(addressText(Buffer.from(value)))]).toEqual([...value]);
    }),
  );
});

test("all spellings of an address become the one of RFC 5952", () => {
  expect(canonicalAddress("2001:DB8:0:0:0:0:0:1")).toBe("2001:db8::1");
  expect(canonicalAddress("2001:db8:0:0:1:0:0:1")).toBe("2001:db8::1:0:0:1");
  expect(canonicalAddress("2001:db8:0:1:1:1:1:1")).toBe("2001:db8:0:1:1:1:1:1");
  expect(canonicalAddress("::")).toBe("::");
  expect(canonicalAddress("fe80::1%eth0")).toBe("fe80::1");
  expect(canonicalAddress("::ffff:192.0.2.1")).toBe("::ffff:c000:201");
  expect(canonicalAddress("192.0.2.1")).toBe("192.0.2.1");
});

test("what is no address is refused", () => {
  for (const text of ["", "192.0.2", "192.0.2.256", "example.com", "1::2::3"])
    expect(() => addressBytes(text)).toThrow("is not an IP address");
});

test("a hardware address is written in lower case with colons", () => {
  expect(macText(macBytes("0A:bc:00:01:02:FF"))).toBe("0a:bc:00:01:02:ff");
});

function bytesOf(words: readonly number[]): Uint8Array {
  return Uint8Array.from(words.flatMap((word) => [word >> 8, word & 0xff]));
}
