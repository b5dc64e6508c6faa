import { expect, test } from "vitest";
import {
  addressBytes,
  arpReply,
  arpRequest,
  destinationOf,
  isDatagramTo,
  macBytes,
  macText,
  neighbourSolicitation,
  readArpRequest,
  readUse,
  withChecksum,
} from "./frames.ts";

const mac = macBytes("02:75:73:00:00:ff");
const vip = addressBytes("192.0.2.10");
const asker = addressBytes("192.0.2.230");

test("addresses become their bytes, also when zeros are left out", () => {
  expect([...vip]).toEqual([192, 0, 2, 10]);
  expect(addressBytes("2001:db8:2::10").toString("hex")).toBe("20010db8000200000000000000000010");
  expect(addressBytes("::1").toString("hex")).toBe("00000000000000000000000000000001");
  expect(addressBytes("fe80::").toString("hex")).toBe("fe800000000000000000000000000000");
  expect(macText(mac)).toBe("02:75:73:00:00:ff");
});

test("a question about the VIP does not use it, its answer does and names the asker", () => {
  const question = arpRequest({ mac, source: asker, target: vip });
  expect(readUse(question, vip)).toBeUndefined();
  expect(readArpRequest(question)).toEqual({ asker: { mac, address: asker }, target: vip });
  const answer = arpReply({ mac: macBytes("02:00:00:00:00:01"), address: vip }, { mac, address: asker });
  expect(readUse(answer, vip)).toEqual({ answersTo: asker });
  expect(destinationOf(answer)).toBe("02:75:73:00:00:ff");
  expect(readArpRequest(answer)).toBeUndefined();
});

test("a gratuitous ARP request uses the address but answers nobody", () => {
  expect(readUse(arpRequest({ mac, source: vip, target: vip }), vip)).toEqual({ answersTo: undefined });
});

test("an IPv4 packet uses its source address only", () => {
  const frame = Buffer.alloc(60);
  frame.writeUInt16BE(0x0800, 12);
  frame[14] = 0x45;
  frame[23] = 17;
  vip.copy(frame, 26);
  asker.copy(frame, 30);
  frame.writeUInt16BE(694, 36);
  expect(readUse(frame, vip)).toEqual({ answersTo: undefined });
  expect(readUse(frame, asker)).toBeUndefined();
  expect(isDatagramTo(frame, 694)).toBe(true);
  expect(isDatagramTo(frame, 53)).toBe(false);
});

test("a neighbour solicitation has the checksum that RFC 4443 asks for", () => {
  const frame = neighbourSolicitation({
    mac,
    source: addressBytes("2001:db8:2::f0"),
    target: addressBytes("2001:db8:2::10"),
  });
  expect(destinationOf(frame)).toBe("33:33:ff:00:00:10");
  // Adding up everything including the checksum gives all ones.
  const pseudo = Buffer.concat([frame.subarray(22, 54), Buffer.from([0, 0, 0, 32, 0, 0, 0, 58]), frame.subarray(54)]);
  let sum = 0;
  for (let index = 0; index < pseudo.length; index += 2) sum += pseudo.readUInt16BE(index);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  expect(sum).toBe(0xffff);
});

test("an IPv6 datagram gets a checksum over its pseudo-header", () => {
  const frame = Buffer.alloc(54 + 11);
  frame.writeUInt16BE(0x86dd, 12);
  frame.writeUInt16BE(11, 18);
  frame[20] = 17;
  addressBytes("2001:db8:2::11").copy(frame, 22);
  addressBytes("2001:db8:2::12").copy(frame, 38);
  frame.writeUInt16BE(694, 56);
  frame.writeUInt16BE(11, 58);
  frame.writeUInt16BE(0x1234, 60); // what a sender with offloading leaves
  frame.write("abc", 62);
  const fixed = withChecksum(frame);
  const pseudo = Buffer.concat([
    fixed.subarray(22, 54),
    Buffer.from([0, 0, 0, 11, 0, 0, 0, 17]),
    fixed.subarray(54),
    Buffer.alloc(1),
  ]);
  let sum = 0;
  for (let index = 0; index < pseudo.length; index += 2) sum += pseudo.readUInt16BE(index);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  expect(sum).toBe(0xffff);
  expect(frame.readUInt16BE(60)).toBe(0x1234);
});
