/** Which notices about addresses are news. */

import { expect, test } from "vitest";
import { KnownAddresses } from "./interfaces.ts";
import { attribute } from "./netlink.ts";
import { HEADER_BYTES, IFA, RTM } from "./rtnetlink.ts";

function notice(type: number, last: number, options: { flags?: number; device?: number } = {}) {
  const header = Buffer.alloc(HEADER_BYTES.address);
  header.writeUInt8(2, 0);
  header.writeUInt8(options.flags ?? 0, 2);
  header.writeUInt32LE(options.device ?? 3, 4);
  return { type, body: Buffer.concat([header, attribute(IFA.local, Buffer.from([192, 0, 2, last]))]) };
}

test("An address is news when it comes, and its renewal only every few seconds", () => {
  const known = new KnownAddresses();
  expect(known.isRenewal(notice(RTM.newAddress, 10), 1_000)).toBe(false);
  expect(known.isRenewal(notice(RTM.newAddress, 10), 1_900)).toBe(true);
  expect(known.isRenewal(notice(RTM.newAddress, 10), 5_900)).toBe(true);
  expect(known.isRenewal(notice(RTM.newAddress, 10), 6_000)).toBe(false);
  expect(known.isRenewal(notice(RTM.newAddress, 10), 6_900)).toBe(true);
});

test("Another address, device or flag is news of its own", () => {
  const known = new KnownAddresses();
  known.isRenewal(notice(RTM.newAddress, 10), 0);
  expect(known.isRenewal(notice(RTM.newAddress, 11), 1)).toBe(false);
  expect(known.isRenewal(notice(RTM.newAddress, 10, { device: 4 }), 2)).toBe(false);
  expect(known.isRenewal(notice(RTM.newAddress, 10, { flags: 0x40 }), 3)).toBe(false);
  expect(known.isRenewal(notice(RTM.newAddress, 10), 4)).toBe(true);
});

test("After an address went, a device changed or notices were lost, every address is news again", () => {
  for (const type of [RTM.deleteAddress, RTM.newLink, RTM.deleteLink]) {
    const known = new KnownAddresses();
    known.isRenewal(notice(RTM.newAddress, 10), 0);
    expect(known.isRenewal(notice(type, 10), 1)).toBe(false);
    expect(known.isRenewal(notice(RTM.newAddress, 10), 2)).toBe(false);
  }
  const known = new KnownAddresses();
  known.isRenewal(notice(RTM.newAddress, 10), 0);
  known.forget();
  expect(known.isRenewal(notice(RTM.newAddress, 10), 1)).toBe(false);
});
