import fc from "fast-check";
import { expect, test } from "vitest";
import {
  attribute,
  attributeList,
  attributes,
  decodeMessages,
  encodeMessage,
  nested,
  text,
  u32be,
  u64be,
} from "./netlink.ts";

test("attributes of any length are read back in order", () => {
  const one = fc.tuple(fc.integer({ min: 1, max: 0x3fff }), fc.uint8Array({ maxLength: 40 }));
  fc.assert(
    fc.property(fc.array(one, { maxLength: 10 }), (list) => {
      const encoded = Buffer.concat(list.map(([type, value]) => attribute(type, value)));
      const read = attributeList(encoded).map(({ type, value }) => [type, Uint8Array.from(value)]);
      expect(read).toEqual(list.map(([type, value]) => [type, Uint8Array.from(value)]));
    }),
  );
});

test("a nested attribute holds its parts and says so", () => {
  const [outer] = attributeList(nested(3, attribute(1, text("a")), attribute(2, u32be(7))));
  expect(outer).toMatchObject({ type: 3, nested: true });
  expect(attributes(outer?.value ?? Buffer.alloc(0)).get(2)).toEqual(Buffer.from([0, 0, 0, 7]));
});

test("messages of one datagram are told apart", () => {
  const first = encodeMessage({ type: 16, flags: 5, body: Buffer.from([1, 2, 3]) }, 1);
  const second = encodeMessage({ type: 17, flags: 0, body: Buffer.alloc(0) }, 2);
  const messages = decodeMessages(Buffer.concat([first, second]));
  expect(messages.map(({ type, flags, sequence }) => ({ type, flags, sequence }))).toEqual([
    { type: 16, flags: 5, sequence: 1 },
    { type: 17, flags: 0, sequence: 2 },
  ]);
  expect(messages[0]?.body).toEqual(Buffer.from([1, 2, 3]));
});

test("arbitrary bytes are read without a throw and without end", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      attributeList(Buffer.from(bytes));
      decodeMessages(Buffer.from(bytes));
    }),
  );
});

test("64-bit numbers are in network order", () => {
  expect(u64be(0x1_0000_0002)).toEqual(Buffer.from([0, 0, 0, 1, 0, 0, 0, 2]));
});
