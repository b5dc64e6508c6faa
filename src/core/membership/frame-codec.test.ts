/** The frame codec against golden bytes, random frames, random bytes and captures that come again. */

import { createHmac } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_FRAME_BYTES, MAX_GROUPS } from "../base/limits.ts";
import { chooseVersion, ENVELOPE_BYTES, FrameCodec, type FrameSeal, SIGNED_HEAD_BYTES, tagOf } from "./frame-codec.ts";
import { FRAME_VERSION, type Frame } from "./frame.ts";

const OWN = "00000000000000b0";
const NODES = [
  { name: "srv1", links: 2 },
  { name: "srv2", links: 2 },
  { name: "srv3", links: 2 },
];

function sealWith(secret: string, keyId = 0x01020304): FrameSeal {
  const mac = (head: Uint8Array, body: Uint8Array) => createHmac("sha256", secret).update(head).update(body).digest();
  return { keyId, sign: mac, verify: (id, head, body, given) => id === keyId && mac(head, body).equals(given) };
}

function codecOf(node: string, extra: { cluster?: string; seal?: FrameSeal; speaks?: number } = {}): FrameCodec {
  return new FrameCodec({
    cluster: extra.cluster ?? "example",
    node,
    incarnation: OWN,
    nodes: NODES,
    seal: extra.seal ?? sealWith("secret"),
    speaks: extra.speaks,
  });
}

const BEAT: Frame = {
  version: 2,
  speaks: 2,
  kind: "beat",
  node: "srv1",
  incarnation: "0123456789abcdef",
  sequence: 7,
  link: 1,
  config: "c0ffee",
  mode: "online",
  restartMs: 0,
  heard: [{ link: 1, incarnation: OWN, sequence: 41, ageMs: 12.5 }],
  groups: [
    {
      name: "www",
      epoch: 3,
      granted: 4,
      holder: "srv1",
      role: "holding",
      leaseMs: 130,
      eligible: true,
      reason: "",
      soft: false,
      to: undefined,
      seen: undefined,
    },
  ],
  reach: [2, 1],
  claims: [],
  claimAnswers: [],
  wishes: [],
};

function sent(frame: Frame, to = "srv2"): Uint8Array {
  const bytes = codecOf(frame.node).encode(frame, to);
  if (bytes === undefined) throw new Error("the frame does not fit");
  return bytes;
}

/** Signs a datagram again after it was changed, as somebody with the key could. */
function resigned(bytes: Uint8Array): Uint8Array {
  bytes.set(
    sealWith("secret").sign(bytes.subarray(0, SIGNED_HEAD_BYTES), bytes.subarray(ENVELOPE_BYTES)),
    SIGNED_HEAD_BYTES,
  );
  return bytes;
}

function withBody(text: string): Uint8Array {
  return resigned(new Uint8Array([...sent(BEAT).subarray(0, ENVELOPE_BYTES), ...Buffer.from(text, "latin1")]));
}

test("A frame's bytes are these and no others, so that versions in the field stay readable", () => {
  const bytes = Buffer.from(sent(BEAT));
  const tags = [tagOf("example"), tagOf("srv1"), (tagOf("srv2") ^ (tagOf("srv2") >>> 16)) & 0xffff];
  expect(tags).toEqual([0x8bf23ea1, 0x74b752d9, 0x3f97]);
  expect(bytes.subarray(0, 32).toString("hex")).toBe(
    "55730202010203048bf23ea10123456789abcdef0000000774b752d901003f97",
  );
  expect(bytes.subarray(64).toString()).toBe(
    `{"config":"c0ffee","mode":"online","heard":[[1,"${OWN}",41,12.5]],"groups":[["www",3,4,"srv1",2,130,1,"",0,0]],` +
      `"claims":[],"answers":[],"wishes":[],"reach":[2,1],"restart":0}`,
  );
});

test("Version 1 has one reach for the whole node and no restart, and is read by version 2", () => {
  const bytes = sent({ ...BEAT, version: 1, restartMs: 500 });
  expect(Buffer.from(bytes.subarray(64)).toString()).toContain(`"wishes":[],"reach":2}`);
  expect(codecOf("srv2").decode(bytes, 1)).toEqual({
    ok: true,
    frame: { ...BEAT, version: 1, reach: [2, 2], restartMs: 0 },
  });
});

const name = fc
  .string({ minLength: 1, maxLength: 20, unit: "binary" })
  .filter((s) => s.length <= 63 && s.isWellFormed());
const word = fc.string({ maxLength: 20 });
const epoch = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const tenths = fc.nat({ max: 100_000 }).map((n) => n / 10);
const hex16 = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }).map((n) => n.toString(16).padStart(16, "0"));
const frames: fc.Arbitrary<Frame> = fc.record({
  version: fc.constant(2),
  speaks: fc.integer({ min: 1, max: 9 }),
  kind: fc.constantFrom("beat", "probe", "answer"),
  node: fc.constant("srv1"),
  incarnation: hex16,
  sequence: fc.integer({ min: 0, max: 0xffff_ffff }),
  link: fc.integer({ min: 0, max: 1 }),
  config: word,
  mode: fc.constantFrom("observing", "online", "standby", "left"),
  restartMs: tenths,
  heard: fc.array(
    fc.record({ link: fc.integer({ min: 0, max: 7 }), incarnation: hex16, sequence: fc.nat(), ageMs: tenths }),
    { maxLength: 2 },
  ),
  groups: fc.array(
    fc.record({
      name,
      epoch,
      granted: epoch,
      holder: fc.option(name, { nil: undefined }),
      role: fc.constantFrom("idle", "starting", "holding", "lapsed", "stopping", "stuck"),
      leaseMs: tenths,
      eligible: fc.boolean(),
      reason: word,
      soft: fc.boolean(),
      to: fc.option(name, { nil: undefined }),
      seen: fc.option(name, { nil: undefined }),
    }),
    { maxLength: 2 },
  ),
  reach: fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 8 }),
  claims: fc.array(fc.record({ group: name, epoch }), { maxLength: 1 }),
  claimAnswers: fc.array(fc.record({ group: name, epoch, granted: fc.boolean(), reason: word }), { maxLength: 1 }),
  wishes: fc.array(fc.record({ key: word, value: word, version: epoch, node: name }), { maxLength: 1 }),
});

test("Whatever frame is written is read back the same", () => {
  let compared = 0;
  fc.assert(
    fc.property(frames, (frame) => {
      const bytes = codecOf("srv1").encode(frame, "srv2");
      if (bytes === undefined) return;
      expect(bytes.length).toBeLessThanOrEqual(MAX_FRAME_BYTES);
      expect(codecOf("srv2").decode(bytes, frame.link)).toEqual({ ok: true, frame });
      compared += 1;
    }),
  );
  expect(compared).toBeGreaterThan(50);
});

test("Durations are rounded up to a tenth and an endless one is cut", () => {
  const frame = { ...BEAT, restartMs: Number.POSITIVE_INFINITY, heard: [{ ...BEAT.heard[0]!, ageMs: 0.01 }] };
  const decoded = codecOf("srv2").decode(sent(frame), 1);
  expect(decoded).toMatchObject({ ok: true, frame: { restartMs: 1e9, heard: [{ ageMs: 0.1 }] } });
});

test("Random bytes are refused and never throw", () => {
  const codec = codecOf("srv2");
  fc.assert(fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => !codec.decode(bytes, 0).ok));
});

test("One changed byte anywhere is refused", () => {
  const original = sent(BEAT);
  for (let i = 0; i < original.length; i += 1) {
    const bytes = original.slice();
    bytes[i] = (bytes[i] as number) ^ 0x01;
    expect(codecOf("srv2").decode(bytes, 1).ok, `byte ${i}`).toBe(false);
  }
});

test("A body that is signed but senseless is malformed, whatever it is", () => {
  const codec = codecOf("srv2");
  const good = Buffer.from(sent(BEAT).subarray(64)).toString();
  const bad = [
    "",
    "null",
    "[]",
    "{}",
    good.slice(0, -1),
    good.replace(`"online"`, `"Online"`),
    good.replace(`"reach":[2,1]`, `"reach":[3,1]`),
    good.replace(`"reach":[2,1]`, `"reach":2`),
    good.replace(`"www",3`, `"www",-3`),
    good.replace(`"www",3`, `"www",1e300`),
    good.replace(`"www"`, `""`),
    good.replace(`"srv1",2,130`, `"srv1",6,130`),
    good.replace(`,"",0,0]`, `,"",0]`),
    good.replace(`"claims":[]`, `"claims":{"length":0}`),
    good.replace(OWN, OWN.toUpperCase()),
    good.replace("c0ffee", "c0ff\u00e9"),
  ];
  for (const [i, text] of bad.entries()) {
    const bytes = withBody(text);
    bytes[23] = i + 1;
    expect(codec.decode(resigned(bytes), 1), text).toEqual({ ok: false, why: "malformed" });
  }
  fc.assert(
    fc.property(fc.json({ maxDepth: 3 }), (text) => {
      const decoded = codecOf("srv2").decode(withBody(text), 1);
      expect(decoded.ok).toBe(false);
    }),
  );
});

test("Every reason to drop a datagram has its word, and the checks come in this order", () => {
  const why = (bytes: Uint8Array, link = 1, codec = codecOf("srv2")) => {
    const decoded = codec.decode(bytes, link);
    return decoded.ok ? "accepted" : decoded.why;
  };
  const patched = (at: number, value: number) => {
    const bytes = sent(BEAT);
    bytes[at] = value;
    return bytes;
  };
  expect(why(new Uint8Array(MAX_FRAME_BYTES + 1))).toBe("oversized");
  expect(why(sent(BEAT).subarray(0, 63))).toBe("malformed");
  expect(why(patched(0, 0))).toBe("malformed");
  expect(why(patched(2, FRAME_VERSION + 1))).toBe("unknown-version");
  expect(why(patched(2, 0))).toBe("unknown-version");
  expect(why(sent(BEAT), 1, codecOf("srv2", { cluster: "other" }))).toBe("foreign-cluster");
  expect(why(sent(BEAT), 1, codecOf("srv2", { seal: sealWith("other") }))).toBe("wrong-key");
  expect(why(sent(BEAT), 1, codecOf("srv2", { seal: sealWith("secret", 5) }))).toBe("wrong-key");
  expect(why(resigned(patched(24, 0)))).toBe("unknown-node");
  expect(why(sent(BEAT, "srv1"), 1, codecOf("srv1")), "our own frame").toBe("unknown-node");
  expect(why(sent(BEAT), 0)).toBe("wrong-link");
  expect(why(sent(BEAT, "srv3"))).toBe("wrong-link");
  expect(why(sent(BEAT))).toBe("accepted");
});

test("A frame is accepted once; duplicates and reordered ones are replays, other links and recipients apart", () => {
  const codec = codecOf("srv2");
  const at = (sequence: number, incarnation = BEAT.incarnation, link = 1) =>
    codec.decode(sent({ ...BEAT, sequence, incarnation, link }), link);
  expect(at(5).ok).toBe(true);
  expect(at(5)).toEqual({ ok: false, why: "replayed" });
  expect(at(4)).toEqual({ ok: false, why: "replayed" });
  expect(at(4, BEAT.incarnation, 0).ok).toBe(true);
  expect(at(1, "aaaaaaaaaaaaaaaa").ok, "a new incarnation is passed on").toBe(true);
  expect(at(6).ok).toBe(true);
});

test("Captures of many old incarnations do not make the living one forgotten", () => {
  const codec = codecOf("srv2");
  const at = (sequence: number, incarnation: string, heard = BEAT.heard) =>
    codec.decode(sent({ ...BEAT, sequence, incarnation, heard }), 1);
  expect(at(100, BEAT.incarnation).ok).toBe(true);
  for (let i = 0; i < 50; i += 1) at(1, i.toString(16).padStart(16, "0"), []);
  expect(at(100, BEAT.incarnation)).toEqual({ ok: false, why: "replayed" });
  expect(at(101, BEAT.incarnation).ok).toBe(true);
});

test("Twenty held groups fit into one datagram, and a frame that is larger than one is not written", () => {
  const group = { ...BEAT.groups[0]!, epoch: 12_345, granted: 12_345 };
  const groups = Array.from({ length: MAX_GROUPS }, (_, i) => ({ ...group, name: `g${i}` }));
  expect(codecOf("srv1").encode({ ...BEAT, groups: groups.slice(0, 20) }, "srv2")?.length).toBeLessThanOrEqual(
    MAX_FRAME_BYTES,
  );
  const long = groups.map((g) => ({ ...g, name: g.name.padEnd(63, "x") }));
  expect(codecOf("srv1").encode({ ...BEAT, groups: long }, "srv2")).toBeUndefined();
});

test("The version to write is the highest that all heard peers read", () => {
  expect(chooseVersion([])).toBe(FRAME_VERSION);
  expect(chooseVersion([7, 2])).toBe(2);
  expect(chooseVersion([2, 1])).toBe(1);
  expect(chooseVersion([0])).toBe(1);
});

test("A codec of the older version writes and tells it, and does not know the newer one", () => {
  const older = codecOf("srv1", { speaks: 1 });
  const bytes = older.encode(BEAT, "srv2") ?? new Uint8Array();
  expect(codecOf("srv2").decode(bytes, 1)).toMatchObject({ ok: true, frame: { version: 1, speaks: 1, node: "srv1" } });
  const answer = { ...BEAT, node: "srv2" };
  expect(older.decode(sent(answer, "srv1"), 1)).toEqual({ ok: false, why: "unknown-version" });
  expect(older.decode(sent({ ...answer, version: 1 }, "srv1"), 1)).toMatchObject({ ok: true, frame: { speaks: 2 } });
});
