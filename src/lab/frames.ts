/** Ethernet frames that the lab sends and reads: ARP, neighbour discovery, and who used an address as its own. */

const ARP = 0x0806;
const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const UDP = 17;
const ICMPV6 = 58;
const NEIGHBOUR_SOLICITATION = 135;
const NEIGHBOUR_ADVERTISEMENT = 136;
const BROADCAST = Buffer.from("ffffffffffff", "hex");

export function macBytes(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(":", ""), "hex");
}

export function macText(bytes: Buffer): string {
  return bytes.toString("hex").replaceAll(/(..)(?!$)/g, "$1:");
}

/** An IPv4 or IPv6 address as its 4 or 16 bytes. */
export function addressBytes(address: string): Buffer {
  if (!address.includes(":")) return Buffer.from(address.split(".").map(Number));
  const [head = "", tail] = address.split("::");
  const groups = (text: string): string[] => (text === "" ? [] : text.split(":"));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const zeros = Array.from({ length: tail === undefined ? 0 : 8 - before.length - after.length }, () => "0");
  return Buffer.from([...before, ...zeros, ...after].map((group) => group.padStart(4, "0")).join(""), "hex");
}

/** ARP request "who has `target`, tell `source`". */
export function arpRequest({ mac, source, target }: { mac: Buffer; source: Buffer; target: Buffer }): Buffer {
  return arp(1, BROADCAST, { mac, address: source }, { mac: Buffer.alloc(6), address: target });
}

/** ARP reply "`source` is at `mac`", to one host. */
export function arpReply(
  from: { readonly mac: Buffer; readonly address: Buffer },
  to: { readonly mac: Buffer; readonly address: Buffer },
): Buffer {
  return arp(2, to.mac, from, to);
}

interface Host {
  readonly mac: Buffer;
  readonly address: Buffer;
}

function arp(operation: number, destination: Buffer, sender: Host, target: Host): Buffer {
  const header = Buffer.from([0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, operation]);
  return Buffer.concat([destination, sender.mac, header, sender.mac, sender.address, target.mac, target.address]);
}

/** Neighbour solicitation for `target` from `source`, with the sender's hardware address as an option. */
export function neighbourSolicitation({
  mac,
  source,
  target,
}: {
  mac: Buffer;
  source: Buffer;
  target: Buffer;
}): Buffer {
  const low = target.subarray(13);
  const destination = Buffer.concat([Buffer.from("ff0200000000000000000001ff", "hex"), low]);
  const message = Buffer.concat([
    Buffer.from([NEIGHBOUR_SOLICITATION, 0, 0, 0, 0, 0, 0, 0]),
    target,
    Buffer.from([1, 1]),
    mac,
  ]);
  message.writeUInt16BE(checksum6(ICMPV6, source, destination, message), 2);
  const header = Buffer.from([0x60, 0, 0, 0, 0, message.length, ICMPV6, 255]);
  return Buffer.concat([
    Buffer.from("3333ff", "hex"),
    low,
    mac,
    Buffer.from([0x86, 0xdd]),
    header,
    source,
    destination,
    message,
  ]);
}

/** The Internet checksum over an IPv6 pseudo-header and a message (RFC 8200, section 8.1). */
function checksum6(protocol: number, source: Buffer, destination: Buffer, message: Buffer): number {
  const tail = Buffer.from([0, 0, message.length >>> 8, message.length & 255, 0, 0, 0, protocol]);
  const all = Buffer.concat([source, destination, tail, message]);
  let sum = 0;
  for (let index = 0; index < all.length; index += 2) sum += (all[index] as number) * 256 + (all[index + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** A frame in which its sender uses `address` as its own. */
export interface Use {
  /** Address of the asker that it answers, when it is an ARP or NDP answer. */
  readonly answersTo: Buffer | undefined;
}

/**
 * Says whether the sender of this frame uses `address` as its own: as the sender of an ARP message (questions
 * of RFC 5227 carry none), as the target of a neighbour advertisement, or as the source of an IP packet.
 */
export function readUse(frame: Buffer, address: Buffer): Use | undefined {
  if (frame.length < 42) return undefined;
  const type = frame.readUInt16BE(12);
  if (address.length === 4) {
    if (type === ARP) {
      if (!frame.subarray(28, 32).equals(address)) return undefined;
      return { answersTo: frame.readUInt16BE(20) === 2 ? Buffer.from(frame.subarray(38, 42)) : undefined };
    }
    return type === IPV4 && frame.subarray(26, 30).equals(address) ? { answersTo: undefined } : undefined;
  }
  if (type !== IPV6 || frame.length < 54) return undefined;
  const isAdvertisement = frame[20] === ICMPV6 && frame[54] === NEIGHBOUR_ADVERTISEMENT && frame.length >= 78;
  if (isAdvertisement && frame.subarray(62, 78).equals(address))
    return { answersTo: Buffer.from(frame.subarray(38, 54)) };
  return frame.subarray(22, 38).equals(address) ? { answersTo: undefined } : undefined;
}

/** An ARP request's asker and target; undefined for any other frame. */
export function readArpRequest(frame: Buffer): { readonly asker: Host; readonly target: Buffer } | undefined {
  if (frame.length < 42 || frame.readUInt16BE(12) !== ARP || frame.readUInt16BE(20) !== 1) return undefined;
  return {
    asker: { mac: Buffer.from(frame.subarray(22, 28)), address: Buffer.from(frame.subarray(28, 32)) },
    target: Buffer.from(frame.subarray(38, 42)),
  };
}

/** Is this a UDP datagram to `port`? */
export function isDatagramTo(frame: Buffer, port: number): boolean {
  if (frame.length < 42) return false;
  const type = frame.readUInt16BE(12);
  if (type === IPV4) {
    const start = 14 + ((frame[14] as number) & 15) * 4;
    return frame[23] === UDP && frame.length >= start + 4 && frame.readUInt16BE(start + 2) === port;
  }
  return type === IPV6 && frame[20] === UDP && frame.length >= 58 && frame.readUInt16BE(56) === port;
}

/**
 * A copy of a UDP frame with a checksum that any receiver accepts. A frame captured on a virtual cable carries
 * only a part of it, because its sender left the rest to hardware that does not exist.
 */
export function withChecksum(frame: Buffer): Buffer {
  const copy = Buffer.from(frame);
  if (copy.readUInt16BE(12) === IPV4) {
    const start = 14 + ((copy[14] as number) & 15) * 4;
    copy.writeUInt16BE(0, start + 6); // zero: the sender computed none (RFC 768)
    return copy;
  }
  const datagram = copy.subarray(54, 54 + copy.readUInt16BE(18));
  datagram.writeUInt16BE(0, 6);
  const sum = checksum6(UDP, copy.subarray(22, 38), copy.subarray(38, 54), datagram);
  datagram.writeUInt16BE(sum === 0 ? 0xffff : sum, 6);
  return copy;
}

/** Hardware address that the frame is for. */
export function destinationOf(frame: Buffer): string {
  return macText(frame.subarray(0, 6));
}
