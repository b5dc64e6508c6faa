/** The short way to read a body against the long one. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { readBody, rereadBody, type FrameBody, type SaidBody, writeBody } from "./frame-body.ts";

const word = fc.string({ minLength: 1, maxLength: 12 });
const count = fc.integer({ min: 0, max: 1_000 });
const heard = fc.record({
  link: fc.integer({ min: 0, max: 7 }),
  incarnation: fc.constantFrom("0123456789abcdef", "00000000000000b0"),
  sequence: count,
  ageMs: count,
});
const report = fc.record({
  name: word,
  epoch: count,
  granted: count,
  holder: fc.option(word, { nil: undefined }),
  role: fc.constantFrom("idle" as const, "holding" as const),
  leaseMs: count,
  eligible: fc.boolean(),
  reason: fc.oneof(word, fc.constantFrom('"heard":[', '],"groups":', "\\")),
  soft: fc.boolean(),
  to: fc.option(word, { nil: undefined }),
  seen: fc.option(word, { nil: undefined }),
});
const body: fc.Arbitrary<FrameBody> = fc.record({
  config: fc.oneof(word, fc.constantFrom("c0ffee", '"heard":[', '],"groups":')),
  mode: fc.constantFrom("online" as const, "standby" as const),
  restartMs: count,
  heard: fc.array(heard, { maxLength: 3 }),
  groups: fc.array(report, { maxLength: 2 }),
  reach: fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 3 }),
  claims: fc.array(fc.record({ group: word, epoch: count }), { maxLength: 2 }),
  claimAnswers: fc.constant([]),
  wishes: fc.constant([]),
});

/** As the codec does it: only what stands between equal ends is read. */
function theShortWay(text: string, last: string, said: SaidBody): SaidBody | undefined {
  const { before, behind } = said;
  const end = text.length - behind;
  if (before === 0 || end < before) return undefined;
  const isFramed = text.startsWith(last.slice(0, before)) && text.endsWith(last.slice(last.length - behind));
  return isFramed ? rereadBody(text.slice(before, end), said) : undefined;
}

test("A body that differs from the last in what was heard is read the short way, and as the long way would", () => {
  let short = 0;
  fc.assert(
    fc.property(body, fc.array(heard, { maxLength: 3 }), fc.constantFrom(1, 2), (first, other, version) => {
      const last = writeBody(first, version);
      const said = readBody(last, version, 2);
      const text = writeBody({ ...first, heard: other }, version);
      if (said === undefined) return;
      const reread = theShortWay(text, last, said);
      if (reread === undefined) return;
      short++;
      expect(reread).toEqual(readBody(text, version, 2));
      expect(reread.body.groups).toBe(said.body.groups);
    }),
  );
  expect(short).toBeGreaterThan(50);
});

test("A text that is cut, joined or crossed with another is never read otherwise the short way than the long way", () => {
  const piece = fc.record({
    at: fc.nat(400),
    length: fc.nat(60),
    text: fc.oneof(word, fc.constantFrom("],[", "]]", '"heard":[]')),
  });
  fc.assert(
    fc.property(body, body, piece, ({ ...first }, second, { at, length, text: put }) => {
      const last = writeBody(first, 2);
      const said = readBody(last, 2, 2);
      if (said === undefined) return;
      const whole = writeBody({ ...second, config: first.config, mode: first.mode }, 2);
      for (const text of [whole, whole.slice(0, at) + put + whole.slice(at + length)]) {
        const reread = theShortWay(text, last, said);
        if (reread !== undefined) expect(reread.body).toEqual(readBody(text, 2, 2)?.body);
      }
    }),
    { numRuns: 2_000 },
  );
});

test("Where the list's place is not certain, nothing is read the short way", () => {
  const plain = { mode: "online", groups: [], claims: [], answers: [], wishes: [], reach: [0], restart: 0 };
  const twice = `{"config":"c","mode":"online","heard":[],"groups":[],"claims":[],"answers":[],"wishes":[],"reach":[0],"restart":0,"heard":[[0,"0123456789abcdef",1,0]]}`;
  const nested = JSON.stringify({ config: "c", x: { heard: [] }, heard: [], ...plain });
  for (const text of [twice, nested]) {
    const said = readBody(text, 2, 2);
    expect(said).toBeDefined();
    expect(said?.before).toBe(0);
  }
});
