/** Ethernet frames of ARP (RFC 826, 5227), neighbour discovery (RFC 4861) and ICMP echo, made and read. */

import { addressBytes, addressText, macText } from "./addressing.ts";
import { AF_PACKET } from "./libc.ts";

export const ETHERTYPE = { arp: 0x0806, ipv4: 0x0800, ipv6: 0x86dd } as const;
export const BROADCAST_MAC = Buffer.alloc(6, 0xff);
const NO_MAC = Buffer.alloc(6);
const ARP_REQUEST = 1;
const ARP_REPLY = 2;
const ICMP_ECHO_REPLY = 0;
const ICMP_ECHO_REQUEST = 8;
const ICMPV6_ECHO_REQUEST = 128;
const ICMPV6_ECHO_REPLY = 129;
const SOLICITATION = 135;
const ADVERTISEMENT = 136;
const OPTION_SOURCE_MAC = 1;
const OPTION_TARGET_MAC = 2;
const ALL_NODES = addressBytes("ff02::1");
const PROTOCOL_ICMP = 1;
const PROTOCOL_ICMPV6 = 58;

/** An ARP message to be sent. */
export interface ArpFrame {
  readonly form: "request" | "reply";
  readonly toMac: Buffer;
  readonly ownMac: Buffer;
  readonly senderIp: Buffer;
  readonly targetMac: Buffer;
  readonly targetIp: Buffer;
}

export function arpFrame(arp: ArpFrame): Buffer {
  const body = Buffer.from([0, 1, 8, 0, 6, 4, 0, arp.form === "request" ? ARP_REQUEST : ARP_REPLY]);
  return Buffer.concat([
    ethernet(arp.toMac, arp.ownMac, ETHERTYPE.arp),
    body,
    arp.ownMac,
    arp.senderIp,
    arp.targetMac,
    arp.targetIp,
  ]);
}

/** "Who has `address`?"; with no `source` an RFC 5227 probe. */
export function arpQuestion(ownMac: Buffer, address: string, source: string | undefined): Buffer {
  const senderIp = source === undefined ? Buffer.alloc(4) : addressBytes(source);
  return arpFrame({
    form: "request",
    toMac: BROADCAST_MAC,
    ownMac,
    senderIp,
    targetMac: NO_MAC,
    targetIp: addressBytes(address),
  });
}

/** "`address` is at `ownMac`", in the two forms of which every device heeds at least one. */
export function arpAnnouncements(ownMac: Buffer, address: string, toMac: Buffer): Buffer[] {
  const ip = addressBytes(address);
  return [
    arpFrame({ form: "request", toMac, ownMac, senderIp: ip, targetMac: NO_MAC, targetIp: ip }),
    arpFrame({ form: "reply", toMac, ownMac, senderIp: ip, targetMac: toMac, targetIp: ip }),
  ];
}

/** The multicast MAC of an IPv6 multicast address. */
function multicastMac(address: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x33, 0x33]), address.subarray(12)]);
}

function solicitedNode(address: Buffer): Buffer {
  return Buffer.concat([addressBytes("ff02::1:ff00:0").subarray(0, 13), address.subarray(13)]);
}

/** Multicast MACs at which neighbour discovery about an IPv6 address arrives. */
export function discoveryMacs(address: string): Buffer[] {
  return [multicastMac(ALL_NODES), multicastMac(solicitedNode(addressBytes(address)))];
}

/** Neighbour solicitation; with no `source` in the form of duplicate address detection. */
export function solicitation(ownMac: Buffer, address: string, source: string | undefined): Buffer {
  const target = addressBytes(address);
  const to = solicitedNode(target);
  const option = source === undefined ? Buffer.alloc(0) : Buffer.concat([Buffer.from([OPTION_SOURCE_MAC, 1]), ownMac]);
  const from = source === undefined ? Buffer.alloc(16) : addressBytes(source);
  const body = Buffer.concat([Buffer.from([SOLICITATION, 0, 0, 0, 0, 0, 0, 0]), target, option]);
  return ipv6Frame({ toMac: multicastMac(to), ownMac, from, to, hopLimit: 255, body });
}

/** Unsolicited neighbour advertisement with the override flag, to all nodes or in a frame to one of them. */
export function advertisement(ownMac: Buffer, address: string, toMac?: Buffer): Buffer {
  const target = addressBytes(address);
  const OVERRIDE = 0x20;
  const body = Buffer.concat([
    Buffer.from([ADVERTISEMENT, 0, 0, 0, OVERRIDE, 0, 0, 0]),
    target,
    Buffer.from([OPTION_TARGET_MAC, 1]),
    ownMac,
  ]);
  return ipv6Frame({
    toMac: toMac ?? multicastMac(ALL_NODES),
    ownMac,
    from: target,
    to: ALL_NODES,
    hopLimit: 255,
    body,
  });
}

/** An ICMP or ICMPv6 echo request in a frame to `toMac`. */
export function echoRequest(echo: {
  readonly ownMac: Buffer;
  readonly toMac: Buffer;
  readonly source: string;
  readonly address: string;
  readonly id: number;
  readonly sequence: number;
}): Buffer {
  const from = addressBytes(echo.source);
  const to = addressBytes(echo.address);
  const numbers = Buffer.alloc(4);
  numbers.writeUInt16BE(echo.id, 0);
  numbers.writeUInt16BE(echo.sequence & 0xffff, 2);
  const { ownMac, toMac } = echo;
  if (to.length === 16) {
    const body = Buffer.concat([Buffer.from([ICMPV6_ECHO_REQUEST, 0, 0, 0]), numbers]);
    return ipv6Frame({ toMac, ownMac, from, to, hopLimit: 64, body });
  }
  const icmp = Buffer.concat([Buffer.from([ICMP_ECHO_REQUEST, 0, 0, 0]), numbers]);
  icmp.writeUInt16BE(checksum(icmp), 2);
  const header = Buffer.from([0x45, 0, 0, 20 + icmp.length, 0, 0, 0x40, 0, 64, PROTOCOL_ICMP, 0, 0, ...from, ...to]);
  header.writeUInt16BE(checksum(header), 10);
  return Buffer.concat([ethernet(toMac, ownMac, ETHERTYPE.ipv4), header, icmp]);
}

function ethernet(to: Buffer, from: Buffer, type: number): Buffer {
  const ethertype = Buffer.alloc(2);
  ethertype.writeUInt16BE(type);
  return Buffer.concat([to, from, ethertype]);
}

function ipv6Frame(frame: {
  readonly toMac: Buffer;
  readonly ownMac: Buffer;
  readonly from: Buffer;
  readonly to: Buffer;
  readonly hopLimit: number;
  readonly body: Buffer;
}): Buffer {
  const { from, to, body } = frame;
  const header = Buffer.from([0x60, 0, 0, 0, 0, body.length, PROTOCOL_ICMPV6, frame.hopLimit]);
  const pseudo = Buffer.concat([from, to, Buffer.from([0, 0, 0, body.length, 0, 0, 0, PROTOCOL_ICMPV6]), body]);
  body.writeUInt16BE(checksum(pseudo), 2);
  return Buffer.concat([ethernet(frame.toMac, frame.ownMac, ETHERTYPE.ipv6), header, from, to, body]);
}

/** The Internet checksum (RFC 1071). */
export function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i + 1 < bytes.length; i += 2) sum += bytes.readUInt16BE(i);
  if (bytes.length % 2 === 1) sum += bytes.readUInt8(bytes.length - 1) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** What a frame says about who has an address. */
export interface Heard {
  readonly kind: /** "It is at this MAC", said to one machine or to all. */
    | "claim"
    /** "Does anybody have it?", asked by somebody who wants it. */
    | "probe"
    /** A reply to an echo request. */
    | "echo";
  readonly address: string;
  readonly mac: string;
  /** MACs of the frame itself. */
  readonly frameFrom: string;
  readonly frameTo: string;
  /** True for an ARP reply or a neighbour advertisement: can be the answer to a question. */
  readonly isReply: boolean;
}

/** Reads a frame; undefined when it says nothing of the kind. */
export function readFrame(frame: Buffer): Heard | undefined {
  if (frame.length < 14) return undefined;
  const body = frame.subarray(14);
  switch (frame.readUInt16BE(12)) {
    case ETHERTYPE.arp:
      return readArp(frame, body);
    case ETHERTYPE.ipv4:
      return readIpv4(frame, body);
    case ETHERTYPE.ipv6:
      return readIpv6(frame, body);
    default:
      return undefined;
  }
}

function ends(frame: Buffer): { frameFrom: string; frameTo: string } {
  return { frameFrom: macText(frame.subarray(6, 12)), frameTo: macText(frame.subarray(0, 6)) };
}

function readArp(frame: Buffer, arp: Buffer): Heard | undefined {
  const isEthernetIpv4 = arp.length >= 28 && arp.readUInt32BE(0) === 0x00010800 && arp.readUInt16BE(4) === 0x0604;
  if (!isEthernetIpv4) return undefined;
  const operation = arp.readUInt16BE(6);
  const mac = macText(arp.subarray(8, 14));
  const isReply = operation === ARP_REPLY;
  const isProbe = operation === ARP_REQUEST && arp.readUInt32BE(14) === 0;
  if (isProbe) return { kind: "probe", address: addressText(arp.subarray(24, 28)), mac, isReply, ...ends(frame) };
  return { kind: "claim", address: addressText(arp.subarray(14, 18)), mac, isReply, ...ends(frame) };
}

function readIpv4(frame: Buffer, packet: Buffer): Heard | undefined {
  const headerBytes = ((packet[0] ?? 0) % 16) * 4;
  const isEchoReply =
    packet.length >= headerBytes + 8 &&
    headerBytes >= 20 &&
    packet[9] === PROTOCOL_ICMP &&
    packet[headerBytes] === ICMP_ECHO_REPLY;
  if (!isEchoReply) return undefined;
  const { frameFrom, frameTo } = ends(frame);
  return {
    kind: "echo",
    address: addressText(packet.subarray(12, 16)),
    mac: frameFrom,
    frameFrom,
    frameTo,
    isReply: true,
  };
}

function readIpv6(frame: Buffer, packet: Buffer): Heard | undefined {
  if (packet.length < 48 || packet[6] !== PROTOCOL_ICMPV6) return undefined;
  const { frameFrom, frameTo } = ends(frame);
  const source = packet.subarray(8, 24);
  const type = packet[40];
  if (type === ICMPV6_ECHO_REPLY)
    return { kind: "echo", address: addressText(source), mac: frameFrom, frameFrom, frameTo, isReply: true };
  // A hop limit below 255 came from outside the segment (RFC 4861, 7.1).
  const isDiscovery = (type === SOLICITATION || type === ADVERTISEMENT) && packet.length >= 64 && packet[7] === 255;
  if (!isDiscovery) return undefined;
  const target = addressText(packet.subarray(48, 64));
  if (type === ADVERTISEMENT) {
    const mac = discoveryOption(packet.subarray(64), OPTION_TARGET_MAC) ?? frameFrom;
    return { kind: "claim", address: target, mac, frameFrom, frameTo, isReply: true };
  }
  const isProbe = source.every((byte) => byte === 0);
  if (isProbe) return { kind: "probe", address: target, mac: frameFrom, frameFrom, frameTo, isReply: false };
  // An ordinary question: its sender uses its own source address.
  const mac = discoveryOption(packet.subarray(64), OPTION_SOURCE_MAC) ?? frameFrom;
  return { kind: "claim", address: addressText(source), mac, frameFrom, frameTo, isReply: false };
}

function discoveryOption(options: Buffer, wanted: number): string | undefined {
  for (let at = 0; at + 8 <= options.length; ) {
    const length = (options[at + 1] ?? 0) * 8;
    if (length === 0) return undefined;
    if (options[at] === wanted) return macText(options.subarray(at + 2, at + 8));
    at += length;
  }
  return undefined;
}

/** struct sockaddr_ll: a device and what kind of frames a packet socket sends or receives there. */
export function linkAddress(index: number, ethertype: number): Buffer {
  const address = Buffer.alloc(20);
  address.writeUInt16LE(AF_PACKET, 0);
  address.writeUInt16BE(ethertype, 2);
  address.writeInt32LE(index, 4);
  return address;
}
