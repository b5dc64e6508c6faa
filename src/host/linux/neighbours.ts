/**
 * ARP, NDP and ICMP echo by packet sockets. What leaves here does not pass the kernel's neighbour table, so a
 * question reaches the wire although the table holds an answer, and a frame can be sent to a MAC that no table
 * knows. What comes in is filtered in the kernel, so a busy network costs nothing.
 *
 * A frame that cannot be sent (device down, queue full) is a lost frame, nothing more.
 */

import { constants } from "node:os";
import { randomInt } from "node:crypto";
import { isIPv4 } from "node:net";
import type { NeighbourMessage, Neighbours } from "../ports.ts";
import { addressBytes, addressText, canonicalAddress, macBytes, macText } from "./addressing.ts";
import * as libc from "./libc.ts";
import { SystemError } from "./libc.ts";
import type { FilterInstruction } from "./libc.ts";
import { attribute, attributes, NetlinkSocket, u32le } from "./netlink.ts";
import {
  advertisement,
  arpAnnouncements,
  arpQuestion,
  BROADCAST_MAC,
  discoveryMacs,
  echoRequest,
  ETHERTYPE,
  linkAddress,
  readFrame,
  solicitation,
} from "./packets.ts";
import type { Heard } from "./packets.ts";
import { HEADER_BYTES, NDA, NETLINK_ROUTE, RTM } from "./rtnetlink.ts";

/** How long a multicast advertisement may be the answer to a question of the duplicate-detection form. */
const ANSWER_WINDOW_MS = 2_000;
/** With more followed addresses the kernel filter lets all ARP through: jumps of classic BPF are short. */
const MAX_FILTERED = 100;
const { ENETDOWN, ENODEV, ENXIO, ENOBUFS, EAGAIN } = constants.errno;
const LOST_FRAME: readonly number[] = [ENETDOWN, ENODEV, ENXIO, ENOBUFS, EAGAIN];

interface PacketSocket {
  readonly fd: number;
  readonly stop: () => void;
}

interface Listener {
  readonly index: number;
  readonly heard: (message: NeighbourMessage) => void;
  readonly arp: PacketSocket;
  readonly ipv6: PacketSocket;
  /** Opened with the first echo: it looks at every IPv4 packet. */
  ipv4: PacketSocket | undefined;
  /** When a question of the duplicate-detection form was last sent, by address. */
  readonly probedAt: Map<string, number>;
}

/** Packet sockets in this network namespace. */
export class LinuxNeighbours implements Neighbours {
  readonly #listeners = new Map<string, Listener>();
  #followed = new Set<string>();
  #route: NetlinkSocket | undefined;
  readonly #frame = Buffer.alloc(2_048);
  readonly #echoId = randomInt(1, 0x10000);
  #echoSequence = 0;

  listen(device: string, heard: (message: NeighbourMessage) => void): void {
    this.unlisten(device);
    const index = libc.deviceIndex(device);
    if (index === undefined) throw new SystemError(`listen on ${device}`, ENODEV);
    const arp = this.#openPacket(device, index, ETHERTYPE.arp, this.#arpFilter());
    const ipv6 = this.#openPacket(device, index, ETHERTYPE.ipv6, ipv6Filter(this.#echoId));
    this.#joinMulticast(ipv6.fd, index);
    this.#listeners.set(device, { index, heard, arp, ipv6, ipv4: undefined, probedAt: new Map() });
  }

  unlisten(device: string): void {
    const listener = this.#listeners.get(device);
    if (listener === undefined) return;
    this.#listeners.delete(device);
    for (const socket of [listener.arp, listener.ipv6, listener.ipv4]) {
      if (socket === undefined) continue;
      socket.stop();
      libc.closeDescriptor(socket.fd);
    }
  }

  follow(addresses: readonly string[]): void {
    this.#followed = new Set(addresses.map(canonicalAddress));
    for (const { arp, ipv6, index } of this.#listeners.values()) {
      libc.attachFilter(arp.fd, this.#arpFilter());
      this.#joinMulticast(ipv6.fd, index);
    }
  }

  ask(device: string, address: string, source: string | undefined): void {
    const listener = this.#listeners.get(device);
    if (listener === undefined) return;
    const mac = ownMac(listener);
    // What waits here was no answer to this question, and must not be taken for one.
    this.#read(device, isIPv4(address) ? listener.arp.fd : listener.ipv6.fd);
    if (isIPv4(address)) return transmit(listener, arpQuestion(mac, address, source));
    if (source === undefined) listener.probedAt.set(canonicalAddress(address), libc.bootTimeMs());
    transmit(listener, solicitation(mac, address, source));
  }

  echo(device: string, address: string, source: string, mac: string): void {
    const listener = this.#listeners.get(device);
    if (listener === undefined) return;
    if (isIPv4(address))
      listener.ipv4 ??= this.#openPacket(device, listener.index, ETHERTYPE.ipv4, ipv4Filter(this.#echoId));
    this.#read(device, isIPv4(address) ? (listener.ipv4?.fd ?? listener.arp.fd) : listener.ipv6.fd);
    this.#echoSequence++;
    const numbers = { id: this.#echoId, sequence: this.#echoSequence };
    transmit(listener, echoRequest({ ownMac: ownMac(listener), toMac: macBytes(mac), source, address, ...numbers }));
  }

  announce(device: string, address: string): void {
    const listener = this.#listeners.get(device);
    if (listener === undefined) return;
    const mac = ownMac(listener);
    const frames = isIPv4(address) ? arpAnnouncements(mac, address, BROADCAST_MAC) : [advertisement(mac, address)];
    for (const frame of frames) transmit(listener, frame);
  }

  announceTo(device: string, address: string, macs: readonly string[]): void {
    const listener = this.#listeners.get(device);
    if (listener === undefined) return;
    const own = ownMac(listener);
    for (const mac of macs) {
      const to = macBytes(mac);
      const frames = isIPv4(address) ? arpAnnouncements(own, address, to) : [advertisement(own, address, to)];
      for (const frame of frames) transmit(listener, frame);
    }
  }

  table(device: string): readonly { readonly address: string; readonly mac: string }[] {
    const index = libc.deviceIndex(device);
    if (index === undefined) return [];
    this.#route ??= new NetlinkSocket(NETLINK_ROUTE);
    const body = Buffer.concat([Buffer.alloc(HEADER_BYTES.neighbour), attribute(NDA.device, u32le(index))]);
    return this.#route
      .dump({ type: RTM.getNeighbour, flags: 0, body }, "list neighbours")
      .flatMap((answer) => neighbourOf(answer.body, index));
  }

  close(): void {
    for (const device of [...this.#listeners.keys()]) this.unlisten(device);
    this.#route?.close();
    this.#route = undefined;
  }

  #openPacket(device: string, index: number, ethertype: number, filter: readonly FilterInstruction[]): PacketSocket {
    // Protocol 0 until bound: nothing comes in before the filter stands.
    const fd = libc.openSocket(libc.AF_PACKET, libc.SOCK_RAW | libc.SOCK_NONBLOCK, 0);
    try {
      libc.attachFilter(fd, filter);
      libc.bindSocket(fd, linkAddress(index, ethertype));
    } catch (error) {
      libc.closeDescriptor(fd);
      throw error;
    }
    return { fd, stop: libc.onReadable(fd, () => this.#read(device, fd)) };
  }

  #read(device: string, fd: number): void {
    for (;;) {
      let length: number | undefined;
      try {
        length = libc.receive(fd, this.#frame);
      } catch (error) {
        // The device went down or away; whoever follows the devices decides what that means.
        if (error instanceof SystemError && LOST_FRAME.includes(error.errno)) return;
        throw error;
      }
      if (length === undefined) return;
      const heard = readFrame(this.#frame.subarray(0, Math.min(length, this.#frame.length)));
      const listener = this.#listeners.get(device);
      if (listener === undefined) return;
      if (heard !== undefined && this.#followed.has(heard.address)) this.#tell(device, listener, heard);
    }
  }

  #tell(device: string, listener: Listener, heard: Heard): void {
    const { address, mac } = heard;
    const own = this.#ownMacs();
    // With two devices on one wire each hears the other.
    if (own.has(heard.frameFrom) || own.has(mac)) return;
    if (heard.kind === "probe") return listener.heard({ kind: "announcement", device, address, mac, probe: true });
    if (heard.kind === "echo") return listener.heard({ kind: "answer", probe: "echo", device, address, mac });
    if (heard.isReply && own.has(heard.frameTo))
      return listener.heard({ kind: "answer", probe: "arp", device, address, mac });
    // Duplicate detection is answered to all nodes, like an unsolicited advertisement: it is both.
    const probedAt = listener.probedAt.get(address);
    if (heard.isReply && probedAt !== undefined && libc.bootTimeMs() - probedAt < ANSWER_WINDOW_MS) {
      listener.heard({ kind: "answer", probe: "arp", device, address, mac });
    }
    listener.heard({ kind: "announcement", device, address, mac, probe: false });
  }

  #ownMacs(): Set<string> {
    return new Set([...this.#listeners.values()].map((listener) => macText(ownMac(listener))));
  }

  /** Lets the device receive discovery about the followed addresses; memberships end with the socket. */
  #joinMulticast(fd: number, index: number): void {
    const PACKET_ADD_MEMBERSHIP = 1;
    const PACKET_MR_MULTICAST = 0;
    for (const address of this.#followed) {
      if (isIPv4(address)) continue;
      for (const mac of discoveryMacs(address)) {
        const membership = Buffer.alloc(16);
        membership.writeInt32LE(index, 0);
        membership.writeUInt16LE(PACKET_MR_MULTICAST, 4);
        membership.writeUInt16LE(mac.length, 6);
        mac.copy(membership, 8);
        libc.setOption(fd, libc.SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership);
      }
    }
  }

  /** ARP whose sender is followed, and RFC 5227 probes for a followed address. */
  #arpFilter(): FilterInstruction[] {
    const addresses = [...this.#followed]
      .filter((address) => isIPv4(address))
      .map((address) => addressBytes(address).readUInt32BE());
    if (addresses.length > MAX_FILTERED) return [ACCEPT];
    const count = addresses.length;
    // sender: load, compare with each, compare with 0; target: load, compare with each; then drop, accept.
    const dropAt = 1 + count + 1 + 1 + count;
    const acceptAt = dropAt + 1;
    const program: FilterInstruction[] = [[LOAD_WORD, 0, 0, 14 + 14]];
    const compare = (value: number, then: number, otherwise?: number): void => {
      const next = program.length + 1;
      program.push([JUMP_EQUAL, then - next, otherwise === undefined ? 0 : otherwise - next, value]);
    };
    for (const address of addresses) compare(address, acceptAt);
    compare(0, program.length + 1, dropAt);
    program.push([LOAD_WORD, 0, 0, 14 + 24]);
    for (const address of addresses) compare(address, acceptAt);
    program.push(DROP, ACCEPT);
    return program;
  }
}

const LOAD_BYTE = 0x30;
const LOAD_HALF = 0x28;
const LOAD_WORD = 0x20;
const LOAD_BYTE_INDEXED = 0x50;
const LOAD_HALF_INDEXED = 0x48;
const LOAD_HEADER_LENGTH = 0xb1;
const JUMP_EQUAL = 0x15;
const JUMP_SET = 0x45;
const ACCEPT: FilterInstruction = [0x06, 0, 0, 0xffffffff];
const DROP: FilterInstruction = [0x06, 0, 0, 0];

/** Neighbour discovery, and replies to our echoes. */
function ipv6Filter(echoId: number): FilterInstruction[] {
  return [
    [LOAD_BYTE, 0, 0, 14 + 6],
    [JUMP_EQUAL, 0, 6, 58],
    [LOAD_BYTE, 0, 0, 14 + 40],
    [JUMP_EQUAL, 5, 0, 136],
    [JUMP_EQUAL, 4, 0, 135],
    [JUMP_EQUAL, 0, 2, 129],
    [LOAD_HALF, 0, 0, 14 + 44],
    [JUMP_EQUAL, 1, 0, echoId],
    DROP,
    ACCEPT,
  ];
}

/** Replies to our echoes. */
function ipv4Filter(echoId: number): FilterInstruction[] {
  return [
    [LOAD_BYTE, 0, 0, 14 + 9],
    [JUMP_EQUAL, 0, 7, 1],
    [LOAD_HALF, 0, 0, 14 + 6],
    [JUMP_SET, 5, 0, 0x1fff],
    [LOAD_HEADER_LENGTH, 0, 0, 14],
    [LOAD_BYTE_INDEXED, 0, 0, 14],
    [JUMP_EQUAL, 0, 2, 0],
    [LOAD_HALF_INDEXED, 0, 0, 14 + 4],
    [JUMP_EQUAL, 1, 0, echoId],
    DROP,
    ACCEPT,
  ];
}

/** The device's MAC now: it may change under a bound socket. */
function ownMac(listener: Listener): Buffer {
  return Buffer.from(libc.socketName(listener.arp.fd).subarray(12, 18));
}

function transmit(listener: Listener, frame: Buffer): void {
  try {
    libc.send(listener.arp.fd, frame, linkAddress(listener.index, frame.readUInt16BE(12)));
  } catch (error) {
    if (!(error instanceof SystemError) || !LOST_FRAME.includes(error.errno)) throw error;
  }
}

/** An entry of the neighbour table that has, or recently had, a hardware address. */
function neighbourOf(body: Buffer, index: number): { address: string; mac: string }[] {
  const KNOWN = 0x02 | 0x04 | 0x08 | 0x10 | 0x80;
  if (body.readInt32LE(4) !== index || (body.readUInt16LE(8) & KNOWN) === 0) return [];
  const found = attributes(body.subarray(HEADER_BYTES.neighbour));
  const address = found.get(NDA.destination);
  const mac = found.get(NDA.linkAddress);
  return address === undefined || mac?.length !== 6 ? [] : [{ address: addressText(address), mac: macText(mac) }];
}
