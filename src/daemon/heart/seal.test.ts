/** The seal is an HMAC-SHA256 like any other, whatever the key's length. */

import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { createSeal } from "./seal.ts";

const HEAD = new Uint8Array(32).fill(1);

test("A seal is the HMAC-SHA256 of head and body, for keys shorter and longer than a block and every body", () => {
  for (const keyBytes of [32, 64, 65, 200]) {
    const key = new Uint8Array(keyBytes).map((_, i) => i * 7 + keyBytes);
    const seal = createSeal([key]);
    for (const bodyBytes of [0, 1, 300, 1_336, 2]) {
      const body = new Uint8Array(bodyBytes).map((_, i) => i);
      const expected = createHmac("sha256", key).update(HEAD).update(body).digest();
      expect(Buffer.from(seal.sign(HEAD, body)).equals(expected)).toBe(true);
      expect(seal.verify(seal.keyId, HEAD, body, expected)).toBe(true);
    }
    expect(seal.keyId).toBe(createHmac("sha256", key).update("understudy key id").digest().readUInt32BE(0));
  }
});

test("A changed byte, another key, an unknown key and a short seal are refused", () => {
  const [first, second] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const both = createSeal([first, second]);
  const other = createSeal([second]);
  const body = new Uint8Array(300).fill(65);
  const mac = other.sign(HEAD, body);
  expect(both.verify(other.keyId, HEAD, body, mac)).toBe(true);
  expect(both.verify(both.keyId, HEAD, body, mac)).toBe(false);
  expect(both.verify(12_345, HEAD, body, mac)).toBe(false);
  expect(both.verify(other.keyId, HEAD, body, mac.subarray(0, 31))).toBe(false);
  for (const at of [0, 150, 299]) {
    const changed = body.map((byte, i) => (i === at ? byte ^ 1 : byte));
    expect(both.verify(other.keyId, HEAD, changed, mac)).toBe(false);
  }
  expect(
    both.verify(
      other.keyId,
      HEAD.map((byte) => byte ^ 1),
      body,
      mac,
    ),
  ).toBe(false);
});
