/**
 * Deadlines in a BPF map: one boot-time instant per VIP, compared with the clock for every packet that uses a
 * VIP. Renewing is one system call of microseconds that takes no lock of nftables, so another process's huge
 * rule load cannot delay it (measured: seconds with timed sets), and the deadline is absolute, so a delay
 * anywhere can only shorten a lease. It is no nftables transaction either: while those come every 50 ms, an
 * `nft list ruleset` of a large rule set starts again and again and never ends.
 *
 * IP packets meet the programs as an x_tables match inside our nftables rules. For ARP the kernel allows no
 * such match; ARP and the advertisements that we send by packet sockets meet one on the way out of each device
 * (egress-guard.ts). All this needs CAP_BPF and the kernel's xt_bpf, nft_compat and cls_bpf; where something
 * is missing the gate falls back to timed sets.
 */

import { readFileSync } from "node:fs";
import { constants } from "node:os";
import type { Instant } from "../../core/base/time.ts";
import { MAX_VIPS } from "../../core/base/limits.ts";
import type { Closed, Place } from "./gate-rules.ts";
import { bpf, closeDescriptor, pinned, pointer, SystemError } from "./libc.ts";
import { xtablesMatch } from "./nftables.ts";

const MAP_CREATE = 0;
const MAP_UPDATE = 2;
const MAP_DELETE = 3;
const PROGRAM_LOAD = 5;
const MAP_TYPE_HASH = 1;
const PROGRAM_TYPE_SOCKET_FILTER = 1;
const PROGRAM_TYPE_TRAFFIC_CONTROL = 3;
const KEY_BYTES = 16;

/** Where in an IP packet an address lies, from the network header, and how long it is. */
const PLACES: Readonly<Record<Exclude<Place, "arp-sender">, Span>> = {
  "ipv4-source": { offset: 12, bytes: 4 },
  "ipv4-destination": { offset: 16, bytes: 4 },
  "ipv6-source": { offset: 8, bytes: 16 },
  "ipv6-destination": { offset: 24, bytes: 16 },
  advertised: { offset: 48, bytes: 16 },
};

const EGRESS_KINDS = ["arp", "ipv4", "ipv6"] as const;
type EgressKind = (typeof EGRESS_KINDS)[number];

/** Throws SystemError where the kernel or our rights do not allow it. */
export class DeadlineMap {
  readonly #map: number;
  readonly #programs: ReadonlyMap<string, number>;
  /** Traffic control programs that drop our own frames that use a closed VIP. */
  readonly egressPrograms: Readonly<Record<EgressKind, number>>;
  readonly #key = pinned(KEY_BYTES);
  readonly #value = pinned(8);
  readonly #element = pinned(32);

  constructor() {
    if (hasOwnClock())
      throw new SystemError("deadline map", constants.errno.ENOTSUP, "this time namespace has its own boot-time clock");
    this.#map = createMap();
    const programs = new Map<string, number>();
    this.#programs = programs;
    try {
      for (const [place, span] of Object.entries(PLACES)) {
        programs.set(place, loadProgram(PROGRAM_TYPE_SOCKET_FILTER, matchProgram(this.#map, span)));
      }
      for (const kind of EGRESS_KINDS) {
        programs.set(kind, loadProgram(PROGRAM_TYPE_TRAFFIC_CONTROL, egressProgram(this.#map, kind)));
      }
    } catch (error) {
      this.close();
      throw error;
    }
    this.egressPrograms = {
      arp: programs.get("arp") as number,
      ipv4: programs.get("ipv4") as number,
      ipv6: programs.get("ipv6") as number,
    };
    this.#element.writeUInt32LE(this.#map, 0);
    this.#element.writeBigUInt64LE(pointer(this.#key), 8);
    this.#element.writeBigUInt64LE(pointer(this.#value), 16);
  }

  /** The expressions for the rules. */
  readonly closed: Closed = (place) => {
    const BY_DESCRIPTOR = 2;
    const info = Buffer.alloc(528);
    info.writeUInt16LE(BY_DESCRIPTOR, 0);
    info.writeInt32LE(this.#programs.get(place) as number, 4);
    return [xtablesMatch("bpf", 1, info)];
  };

  /** The address is open before `until` and closed from then on; 0 closes it now. */
  set(address: Buffer, until: Instant | 0): void {
    keyOf(address).copy(this.#key);
    this.#value.writeBigUInt64LE(BigInt(Math.max(0, Math.floor(until * 1e6))));
    bpf(MAP_UPDATE, this.#element);
  }

  /** The address is ours to guard no longer. */
  forget(address: Buffer): void {
    keyOf(address).copy(this.#key);
    try {
      bpf(MAP_DELETE, this.#element.subarray(0, 16));
    } catch (error) {
      if (!(error instanceof SystemError) || error.errno !== constants.errno.ENOENT) throw error;
    }
  }

  /** Lets go; rules that use the programs keep them, and the deadlines, alive. */
  close(): void {
    for (const program of this.#programs.values()) closeDescriptor(program);
    closeDescriptor(this.#map);
  }
}

/** Map keys have 16 bytes; IPv4 addresses are written as IPv4-mapped. */
function keyOf(address: Buffer): Buffer {
  return address.length === 16 ? address : Buffer.concat([Buffer.alloc(10), Buffer.from([0xff, 0xff]), address]);
}

/** Inside a time namespace our clock differs from the one that the kernel compares with. */
function hasOwnClock(): boolean {
  try {
    const [, seconds, nanoseconds] =
      /^boottime\s+(-?\d+)\s+(\d+)/m.exec(readFileSync("/proc/self/timens_offsets", "utf8")) ?? [];
    return Number(seconds ?? 0) !== 0 || Number(nanoseconds ?? 0) !== 0;
  } catch {
    return false;
  }
}

function createMap(): number {
  const attributes = Buffer.alloc(72);
  attributes.writeUInt32LE(MAP_TYPE_HASH, 0);
  attributes.writeUInt32LE(KEY_BYTES, 4);
  attributes.writeUInt32LE(8, 8);
  attributes.writeUInt32LE(MAX_VIPS, 12);
  attributes.write("understudy", 28);
  return bpf(MAP_CREATE, attributes);
}

function loadProgram(type: number, source: Buffer): number {
  const instructions = pinned(source.length);
  source.copy(instructions);
  const license = pinned(16);
  license.write("Apache-2.0");
  const attributes = Buffer.alloc(72);
  attributes.writeUInt32LE(type, 0);
  attributes.writeUInt32LE(instructions.length / 8, 4);
  attributes.writeBigUInt64LE(pointer(instructions), 8);
  attributes.writeBigUInt64LE(pointer(license), 16);
  attributes.write("understudy", 48);
  return bpf(PROGRAM_LOAD, attributes);
}

interface Span {
  readonly offset: number;
  readonly bytes: 4 | 16;
}

const HELPER = { lookup: 1, load: 26, loadRelative: 68, bootTime: 125 } as const;
const CONTEXT = 6;
const DEADLINE = 7;
const FRAME = 10;

/** Instructions of the extended BPF (linux/bpf.h), with jumps to named places further down. */
class Program {
  readonly #code: { bytes: Buffer; to?: string }[] = [];
  readonly #labels = new Map<string, number>();

  emit(code: number, destination = 0, source = 0, immediate = 0, offset = 0, to?: string): this {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt8(code, 0);
    bytes.writeUInt8(destination | (source << 4), 1);
    bytes.writeInt16LE(offset, 2);
    bytes.writeInt32LE(immediate, 4);
    this.#code.push(to === undefined ? { bytes } : { bytes, to });
    return this;
  }

  set(register: number, value: number): this {
    return this.emit(0xb7, register, 0, value);
  }

  copy(register: number, from: number): this {
    return this.emit(0xbf, register, from);
  }

  call(helper: number): this {
    return this.emit(0x85, 0, 0, helper);
  }

  jumpUnless(register: number, value: number, to: string): this {
    return this.emit(0x55, register, 0, value, 0, to);
  }

  jumpIf(register: number, value: number, to: string): this {
    return this.emit(0x15, register, 0, value, 0, to);
  }

  /** Loads packet bytes to the stack below the frame pointer; jumps when the packet is too short. */
  load(
    span: { readonly offset: number; readonly bytes: number; readonly to: number },
    relative: boolean,
    tooShort: string,
  ): this {
    this.copy(1, CONTEXT).set(2, span.offset).copy(3, FRAME).emit(0x07, 3, 0, span.to).set(4, span.bytes);
    if (relative) this.set(5, 1);
    return this.call(relative ? HELPER.loadRelative : HELPER.load).jumpUnless(0, 0, tooShort);
  }

  /** Looks the address up and compares its deadline with the clock. */
  compare(
    map: number,
    span: Span,
    relative: boolean,
    to: { readonly tooShort: string; readonly unknown: string; readonly closed: string },
  ): this {
    // The key on the stack, as IPv4-mapped until overwritten.
    this.emit(0x7a, FRAME, 0, 0, -16).emit(0x62, FRAME, 0, -65_536, -8).emit(0x62, FRAME, 0, 0, -4);
    this.load({ ...span, to: -span.bytes }, relative, to.tooShort);
    this.emit(0x18, 1, 1, map).emit(0).copy(2, FRAME).emit(0x07, 2, 0, -16).call(HELPER.lookup);
    this.jumpIf(0, 0, to.unknown).emit(0x79, DEADLINE, 0).call(HELPER.bootTime);
    return this.emit(0x3d, 0, DEADLINE, 0, 0, to.closed);
  }

  label(name: string): this {
    this.#labels.set(name, this.#code.length);
    return this;
  }

  end(value: number): this {
    return this.set(0, value).emit(0x95);
  }

  assembled(): Buffer {
    this.#code.forEach(({ bytes, to }, i) => {
      if (to !== undefined) bytes.writeInt16LE((this.#labels.get(to) as number) - i - 1, 2);
    });
    return Buffer.concat(this.#code.map(({ bytes }) => bytes));
  }
}

/** As a match: 1 ("the rule goes on to drop") unless the address's deadline is still ahead. */
function matchProgram(map: number, span: Span): Buffer {
  const closed = "closed";
  return new Program()
    .copy(CONTEXT, 1)
    .compare(map, span, true, { tooShort: closed, unknown: closed, closed })
    .end(0)
    .label(closed)
    .end(1)
    .assembled();
}

const ETHERNET_BYTES = 14;

/** Offset in the kernel's description of a packet: the device that it came in by, 0 for our own. */
const CAME_IN_BY = 36;
const ARP_SENDER: Span = { offset: ETHERNET_BYTES + 14, bytes: 4 };
const IPV4_SOURCE: Span = { offset: ETHERNET_BYTES + 12, bytes: 4 };
const IPV6_SOURCE: Span = { offset: ETHERNET_BYTES + 8, bytes: 16 };
const ADVERTISED: Span = { offset: ETHERNET_BYTES + 48, bytes: 16 };

/**
 * On the way out: drops a frame of our own that uses a VIP whose deadline is over; everything else goes on, also
 * what this machine only forwards. IP packets are looked at here too although a rule did so before: one that waits
 * for its neighbour's hardware address waits behind the rules, and may leave seconds after the gate closed.
 */
function egressProgram(map: number, kind: EgressKind): Buffer {
  const GO_ON = -1;
  const DROP = 2;
  const program = new Program().copy(CONTEXT, 1);
  program.emit(0x61, 1, CONTEXT, 0, CAME_IN_BY).jumpUnless(1, 0, "go on");
  const expect = (offset: number, value: number): void => {
    program.emit(0x7a, FRAME, 0, 0, -8).load({ offset: ETHERNET_BYTES + offset, bytes: 1, to: -8 }, false, "go on");
    program.emit(0x71, 1, FRAME, 0, -8).jumpUnless(1, value, "go on");
  };
  const refuse = (span: Span, unknown: string): void => {
    program.compare(map, span, false, { tooShort: "go on", unknown, closed: "closed" });
  };
  if (kind === "arp") refuse(ARP_SENDER, "go on");
  if (kind === "ipv4") refuse(IPV4_SOURCE, "go on");
  if (kind === "ipv6") {
    refuse(IPV6_SOURCE, "advertisement");
    program.label("advertisement");
    expect(6, 58);
    expect(40, 136);
    refuse(ADVERTISED, "go on");
  }
  return program.label("go on").end(GO_ON).label("closed").end(DROP).assembled();
}
