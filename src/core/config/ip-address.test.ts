import { isIP } from "node:net";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  canonicalIpAddress,
  formatIpAddress,
  isNetworkOrBroadcast,
  kindOfAddress,
  networkContains,
  parseIpAddress,
  parseIpNetwork,
} from "./ip-address.ts";

/** The canonical text by another way: the URL standard's IPv6 serialiser follows RFC 5952 (but never mixes). */
function oracle(text: string): string {
  return new URL(`http://[${text}]/`).hostname.slice(1, -1);
}

const groups = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 });

test("an IPv6 address is printed as the URL standard prints it", () => {
  fc.assert(
    fc.property(groups, (parts) => {
      const long = parts.map((part) => part.toString(16)).join(":");
      if (parts.slice(0, 5).every((part) => part === 0) && parts[5] === 0xffff) return;
      expect(canonicalIpAddress(long)).toBe(oracle(long));
    }),
  );
});

test("what is printed reads back as the same address", () => {
  const address = fc.oneof(
    fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }).map((value) => ({ family: 4 as const, value })),
    fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).map((value) => ({ family: 6 as const, value })),
    fc
      .bigInt({ min: 0n, max: 2n ** 32n - 1n })
      .map((value) => ({ family: 6 as const, value: (0xffffn << 32n) | value })),
  );
  fc.assert(
    fc.property(address, (value) => {
      expect(parseIpAddress(formatIpAddress(value))).toEqual(value);
    }),
  );
});

test("any text is an address exactly when the system says so", () => {
  const text = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.string({ unit: fc.constantFrom("0", "1", "9", "f", ":", "::", ".", "255", "256", "01") }),
  );
  fc.assert(
    fc.property(text, (value) => {
      expect(parseIpAddress(value) !== undefined).toBe(isIP(value) !== 0);
    }),
    { numRuns: 2_000 },
  );
});

test("a network contains exactly the addresses that share its prefix", () => {
  const v4 = fc.bigInt({ min: 0n, max: 2n ** 32n - 1n });
  fc.assert(
    fc.property(v4, v4, fc.integer({ min: 0, max: 32 }), (a, b, prefixLength) => {
      const bits = (value: bigint) => value.toString(2).padStart(32, "0").slice(0, prefixLength);
      const network = { address: { family: 4 as const, value: a }, prefixLength };
      expect(networkContains(network, { family: 4, value: b })).toBe(bits(a) === bits(b));
    }),
  );
});

test("families never mix, not even at length 0", () => {
  const all = parseIpNetwork("0.0.0.0/0");
  const v6 = parseIpAddress("::1");
  expect(all !== undefined && v6 !== undefined && networkContains(all, v6)).toBe(false);
});

test.each(["192.0.2.1/33", "192.0.2.1/", "192.0.2.1", "2001:db8::/129", "192.0.2.1/024", "x/24", "/24"])(
  "%s is not a network",
  (text) => expect(parseIpNetwork(text)).toBeUndefined(),
);

test.each([
  ["192.0.2.1", "unicast"],
  ["0.0.0.0", "unspecified"],
  ["127.1.2.3", "loopback"],
  ["224.0.0.18", "multicast"],
  ["255.255.255.255", "broadcast"],
  ["169.254.0.1", "link-local"],
  ["::", "unspecified"],
  ["::1", "loopback"],
  ["fe80::1", "link-local"],
  ["febf::1", "link-local"],
  ["fec0::1", "unicast"],
  ["ff02::1", "multicast"],
  ["::ffff:192.0.2.1", "mapped"],
  ["2001:db8::1", "unicast"],
])("%s is %s", (text, kind) => {
  const address = parseIpAddress(text);
  expect(address && kindOfAddress(address)).toBe(kind);
});

test.each([
  ["192.0.2.0/24", true],
  ["192.0.2.255/24", true],
  ["192.0.2.10/24", false],
  ["192.0.2.0/31", false],
  ["2001:db8::/64", false],
])("%s is a network's own or broadcast address: %s", (text, expected) => {
  const network = parseIpNetwork(text);
  expect(network && isNetworkOrBroadcast(network)).toBe(expected);
});
