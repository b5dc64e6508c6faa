/**
 * New connections that arrive in the few milliseconds of a planned move. The old holder has closed its gate, so
 * the kernel drops their first packet, and a client would try again only after a second. Here that packet is
 * caught by a packet socket, beside the closed gate, kept until the new holder serves, and handed on to its
 * hardware address: what a switch would have done had it known. Nothing is answered here.
 *
 * Segments made on the same machine come with an unfinished checksum; the virtio header that travels with each
 * frame tells the kernel to finish it on the way out.
 */

import { isIPv4 } from "node:net";
import type { Arrivals } from "../ports.ts";
import { addressText, canonicalAddress, macBytes } from "./addressing.ts";
import * as libc from "./libc.ts";
import { SystemError, type FilterInstruction } from "./libc.ts";
import { ETHERTYPE, linkAddress } from "./packets.ts";

/** Frames kept for one device; more new connections than that in a move try again by themselves. */
const MAX_KEPT = 512;
/** What was caught is sent again so long after it was first handed on. */
const AGAIN_AFTER_MS = [10, 30, 80];
const VIRTIO_HEADER_BYTES = 10;
const ETHERNET_BYTES = 14;
const PACKET_VNET_HDR = 15;

/** One device on which arrivals are caught. */
interface Catch {
  readonly fd: number;
  readonly index: number;
  readonly ownMac: Buffer;
  readonly addresses: ReadonlySet<string>;
  readonly stop: () => void;
  readonly timer: NodeJS.Timeout;
  readonly kept: Buffer[];
  to: Buffer | undefined;
}

export class LinuxArrivals implements Arrivals {
  readonly #catches = new Map<string, Catch>();
  readonly #frame = Buffer.alloc(4_096);

  collect(device: string, addresses: readonly string[], forMs: number): void {
    this.#end(device);
    const index = libc.deviceIndex(device);
    if (index === undefined) return;
    const isV4 = addresses.every((address) => isIPv4(address));
    const isV6 = addresses.every((address) => !isIPv4(address));
    const fd = libc.openSocket(libc.AF_PACKET, libc.SOCK_RAW | libc.SOCK_NONBLOCK, 0);
    try {
      libc.setOption(fd, libc.SOL_PACKET, PACKET_VNET_HDR, 1);
      libc.attachFilter(fd, OPENING_SEGMENTS);
      libc.bindSocket(fd, linkAddress(index, isV4 ? ETHERTYPE.ipv4 : isV6 ? ETHERTYPE.ipv6 : ETH_P_ALL));
    } catch (error) {
      libc.closeDescriptor(fd);
      throw error;
    }
    this.#catches.set(device, {
      fd,
      index,
      ownMac: Buffer.from(libc.socketName(fd).subarray(12, 18)),
      addresses: new Set(addresses.map(canonicalAddress)),
      stop: libc.onReadable(fd, () => this.#read(device)),
      timer: setTimeout(() => this.#end(device), forMs),
      kept: [],
      to: undefined,
    });
  }

  handOn(device: string, mac: string): void {
    const entry = this.#catches.get(device);
    if (entry === undefined) return;
    entry.to = macBytes(mac);
    this.#read(device);
    for (const frame of entry.kept) transmit(entry, frame);
    // The new holder's address may be a few milliseconds behind its gate; a repeated first packet harms nobody.
    for (const delayMs of AGAIN_AFTER_MS) {
      setTimeout(() => {
        if (this.#catches.get(device) === entry) for (const frame of entry.kept) transmit(entry, frame);
      }, delayMs);
    }
  }

  close(): void {
    for (const device of [...this.#catches.keys()]) this.#end(device);
  }

  #end(device: string): void {
    const entry = this.#catches.get(device);
    if (entry === undefined) return;
    this.#catches.delete(device);
    clearTimeout(entry.timer);
    entry.stop();
    libc.closeDescriptor(entry.fd);
  }

  #read(device: string): void {
    for (let count = 0; count < MAX_KEPT; count++) {
      const entry = this.#catches.get(device);
      if (entry === undefined) return;
      const length = receive(entry, this.#frame);
      if (length === undefined) return;
      if (length > this.#frame.length) continue;
      const frame = Buffer.from(this.#frame.subarray(0, length));
      if (!entry.addresses.has(destinationOf(frame))) continue;
      if (entry.to !== undefined) transmit(entry, frame);
      if (entry.kept.length < MAX_KEPT) entry.kept.push(frame);
    }
  }
}

const ETH_P_ALL = 0x0003;
const ACCEPT: FilterInstruction = [0x06, 0, 0, 0xffffffff];
const DROP: FilterInstruction = [0x06, 0, 0, 0];

/** TCP segments with SYN and without ACK, unfragmented, addressed to this machine; classic BPF. */
const OPENING_SEGMENTS: readonly FilterInstruction[] = [
  [0x28, 0, 0, 0xfffff004], // packet type: 0 is "to us"
  [0x15, 0, 17, 0],
  [0x28, 0, 0, 12], // ethertype
  [0x15, 0, 8, 0x0800],
  [0x30, 0, 0, ETHERNET_BYTES + 9], // IPv4: protocol
  [0x15, 0, 13, 6],
  [0x28, 0, 0, ETHERNET_BYTES + 6], // fragment
  [0x45, 11, 0, 0x3fff],
  [0xb1, 0, 0, ETHERNET_BYTES], // header length
  [0x50, 0, 0, ETHERNET_BYTES + 13], // flags
  [0x54, 0, 0, 0x12],
  [0x15, 6, 7, 0x02],
  [0x15, 0, 6, 0x86dd],
  [0x30, 0, 0, ETHERNET_BYTES + 6], // IPv6: next header
  [0x15, 0, 4, 6],
  [0x30, 0, 0, ETHERNET_BYTES + 40 + 13],
  [0x54, 0, 0, 0x12],
  [0x15, 0, 1, 0x02],
  ACCEPT,
  DROP,
];

function receive(entry: Catch, buffer: Buffer): number | undefined {
  try {
    return libc.receive(entry.fd, buffer);
  } catch (error) {
    // The device went away: nothing more arrives on it.
    if (error instanceof SystemError) return undefined;
    throw error;
  }
}

/** Sends a caught frame on, from this device's hardware address; a frame that cannot be sent is lost. */
function transmit(entry: Catch, frame: Buffer): void {
  if (entry.to === undefined) return;
  entry.to.copy(frame, VIRTIO_HEADER_BYTES);
  entry.ownMac.copy(frame, VIRTIO_HEADER_BYTES + 6);
  try {
    libc.send(entry.fd, frame, linkAddress(entry.index, frame.readUInt16BE(VIRTIO_HEADER_BYTES + 12)));
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
  }
}

/** Address that a caught frame is for. */
function destinationOf(frame: Buffer): string {
  const at = VIRTIO_HEADER_BYTES + ETHERNET_BYTES;
  const isV4 = frame.readUInt16BE(VIRTIO_HEADER_BYTES + 12) === ETHERTYPE.ipv4;
  const bytes = isV4 ? frame.subarray(at + 16, at + 20) : frame.subarray(at + 24, at + 40);
  return canonicalAddress(addressText(bytes));
}
