import fc from "fast-check";
import { expect, test } from "vitest";
import { macBytes } from "./addressing.ts";
import {
  advertisement,
  arpAnnouncements,
  arpQuestion,
  BROADCAST_MAC,
  checksum,
  discoveryMacs,
  echoRequest,
  readFrame,
  solicitation,
} from "./packets.ts";

const OWN = "02:00:00:00:00:01";
const OTHER = "02:00:00:00:00:02";
const own = macBytes(OWN);

test("a question with a source is read as its sender's claim to the source", () => {
  expect(readFrame(arpQuestion(own, "192.0.2.10", "192.0.2.1"))).toMatchObject({
    kind: "claim",
    address: "192.0.2.1",
    mac: OWN,
    isReply: false,
  });
  expect(readFrame(solicitation(own, "2001:db8::10", "2001:db8::1"))).toMatchObject({
    kind: "claim",
    address: "2001:db8::1",
    mac: OWN,
    isReply: false,
  });
});

test("a question without a source is read as a probe for the address", () => {
  expect(readFrame(arpQuestion(own, "192.0.2.10", undefined))).toMatchObject({
    kind: "probe",
    address: "192.0.2.10",
    mac: OWN,
  });
  expect(readFrame(solicitation(own, "2001:db8::10", undefined))).toMatchObject({
    kind: "probe",
    address: "2001:db8::10",
    mac: OWN,
  });
});

test("an announcement claims the address, to all and to one", () => {
  const [request, reply] = arpAnnouncements(own, "192.0.2.10", BROADCAST_MAC).map(readFrame);
  expect(request).toMatchObject({
    kind: "claim",
    address: "192.0.2.10",
    mac: OWN,
    frameTo: "ff:ff:ff:ff:ff:ff",
    isReply: false,
  });
  expect(reply).toMatchObject({ kind: "claim", address: "192.0.2.10", mac: OWN, isReply: true });
  expect(readFrame(advertisement(own, "2001:db8::10"))).toMatchObject({
    kind: "claim",
    address: "2001:db8::10",
    mac: OWN,
    frameTo: "33:33:00:00:00:01",
  });
  expect(readFrame(advertisement(own, "2001:db8::10", macBytes(OTHER)))).toMatchObject({ frameTo: OTHER });
});

test("an echo request turned round is read as an answer from the MAC of its frame", () => {
  const request = echoRequest({
    ownMac: own,
    toMac: macBytes(OTHER),
    source: "192.0.2.1",
    address: "192.0.2.10",
    id: 7,
    sequence: 1,
  });
  expect(readFrame(request)).toBeUndefined();
  const reply = Buffer.concat([
    own,
    macBytes(OTHER),
    request.subarray(12, 26),
    request.subarray(30, 34),
    request.subarray(26, 30),
    request.subarray(34),
  ]);
  reply.writeUInt8(0, 34);
  expect(readFrame(reply)).toMatchObject({ kind: "echo", address: "192.0.2.10", mac: OTHER });
});

test("checksums add up to nothing, over the header and over the message", () => {
  const ipv4 = echoRequest({
    ownMac: own,
    toMac: own,
    source: "192.0.2.1",
    address: "192.0.2.10",
    id: 0xffff,
    sequence: 0x12345,
  });
  expect(checksum(ipv4.subarray(14, 34))).toBe(0);
  expect(checksum(ipv4.subarray(34))).toBe(0);
});

test("neighbour discovery from another segment (hop limit below 255) is not believed", () => {
  const frame = advertisement(own, "2001:db8::10");
  frame.writeUInt8(254, 14 + 7);
  expect(readFrame(frame)).toBeUndefined();
});

test("the solicited-node address becomes its multicast MAC", () => {
  expect(discoveryMacs("2001:db8::12:3456").map((mac) => mac.toString("hex"))).toEqual([
    "333300000001",
    "3333ff123456",
  ]);
});

test("arbitrary and cut frames are read without a throw", () => {
  const whole = [
    arpQuestion(own, "192.0.2.1", undefined),
    advertisement(own, "2001:db8::10"),
    solicitation(own, "2001:db8::10", "2001:db8::1"),
  ];
  fc.assert(
    fc.property(fc.constantFrom(...whole), fc.nat(100), fc.uint8Array({ maxLength: 80 }), (frame, cut, noise) => {
      const header = frame.subarray(0, 14);
      readFrame(frame.subarray(0, cut));
      readFrame(Buffer.from(noise));
      readFrame(Buffer.concat([header, Buffer.from(noise)]));
    }),
  );
});
