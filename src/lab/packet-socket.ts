/**
 * A raw packet socket (AF_PACKET) through the C library: frames of all devices of the namespace in the order in
 * which the kernel saw them, with the kernel's own timestamps. Observers need it because only the wire can tell
 * who used an address.
 */

import koffi from "koffi";
import { nowMs } from "./clock.ts";

const libc = koffi.load("libc.so.6");
const timespec = koffi.struct({ seconds: "int64", nanoseconds: "int64" });
const socket = libc.func("int socket(int domain, int type, int protocol)");
const bind = libc.func("int bind(int fd, void *address, uint32_t length)");
const setsockopt = libc.func("int setsockopt(int fd, int level, int name, void *value, uint32_t length)");
const recvfrom = libc.func(
  "int64 recvfrom(int fd, void *buffer, size_t length, int flags, void *address, void *addressLength)",
);
const sendto = libc.func(
  "int64 sendto(int fd, void *buffer, size_t length, int flags, void *address, uint32_t addressLength)",
);
const getsockopt = libc.func("int getsockopt(int fd, int level, int name, void *value, void *length)");
const stamp = libc.func("ioctl", "int", ["int", "unsigned long", koffi.out(koffi.pointer(timespec))]);
const clockGettime = libc.func("clock_gettime", "int", ["int", koffi.out(koffi.pointer(timespec))]);
const ifNameToIndex = libc.func("uint32_t if_nametoindex(const char *name)");
const closeFd = libc.func("int close(int fd)");

const AF_PACKET = 17;
const SOCK_RAW_NONBLOCK = 3 | 0o4000;
const ETH_P_ALL_NETWORK_ORDER = 0x0300;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const SOL_PACKET = 263;
const PACKET_STATISTICS = 6;
const PACKET_IGNORE_OUTGOING = 23;
const MSG_DONTWAIT = 0x40;
const SIOCGSTAMPNS = 0x8907;
const CLOCK_REALTIME = 0;
const ADDRESS_BYTES = 20;

/** A frame that arrived. `bytes` is only valid until the next frame is read. */
export interface CapturedFrame {
  readonly device: number;
  readonly bytes: Buffer;
  /** CLOCK_MONOTONIC milliseconds of the kernel's own timestamp. */
  readonly atMs: number;
}

interface Timespec {
  seconds: number | bigint;
  nanoseconds: number | bigint;
}

function toMs(time: Timespec): number {
  return Number(time.seconds) * 1000 + Number(time.nanoseconds) / 1e6;
}

/** Index of a device by name; 0 when there is none. */
export function deviceIndex(name: string): number {
  return ifNameToIndex(name) as number;
}

/** A socket that sees what arrives on every device of this namespace, and can send on any of them. */
export class PacketSocket {
  readonly #fd: number;
  readonly #buffer = Buffer.alloc(70_000);
  readonly #address = Buffer.alloc(ADDRESS_BYTES);
  readonly #length = Buffer.alloc(4);

  /** Throws without CAP_NET_RAW. */
  constructor() {
    this.#fd = socket(AF_PACKET, SOCK_RAW_NONBLOCK, ETH_P_ALL_NETWORK_ORDER) as number;
    if (this.#fd < 0) throw new Error(`no packet socket: errno ${koffi.errno()}`);
    this.#option(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
    this.#option(SOL_SOCKET, SO_RCVBUFFORCE, 16 * 1024 * 1024, true);
    const all = Buffer.alloc(ADDRESS_BYTES);
    all.writeUInt16LE(AF_PACKET, 0);
    all.writeUInt16LE(ETH_P_ALL_NETWORK_ORDER, 2);
    if ((bind(this.#fd, all, ADDRESS_BYTES) as number) < 0) throw new Error(`cannot bind: errno ${koffi.errno()}`);
    stamp(this.#fd, SIOCGSTAMPNS, {}); // the first question switches timestamps on
  }

  /** In a user namespace the receive buffer cannot be forced beyond the system's limit; that is tolerable. */
  #option(level: number, name: number, number: number, isOptional = false): void {
    const value = Buffer.alloc(4);
    value.writeInt32LE(number);
    if ((setsockopt(this.#fd, level, name, value, 4) as number) < 0 && !isOptional) {
      throw new Error(`socket option ${level}/${name} refused: errno ${koffi.errno()}`);
    }
  }

  /** Hands over every frame that waits, oldest first. */
  drain(take: (frame: CapturedFrame) => void): void {
    const time: Timespec = { seconds: 0, nanoseconds: 0 };
    clockGettime(CLOCK_REALTIME, time);
    const toMonotonicMs = nowMs() - toMs(time);
    for (;;) {
      this.#length.writeInt32LE(ADDRESS_BYTES);
      const size = Number(
        recvfrom(this.#fd, this.#buffer, this.#buffer.length, MSG_DONTWAIT, this.#address, this.#length),
      );
      if (size < 0) return;
      const isStamped = (stamp(this.#fd, SIOCGSTAMPNS, time) as number) === 0;
      take({
        device: this.#address.readInt32LE(4),
        bytes: this.#buffer.subarray(0, size),
        atMs: isStamped ? toMs(time) + toMonotonicMs : nowMs(),
      });
    }
  }

  /** Frames that arrived here since the last such question, and how many of them the kernel had no room for. */
  statistics(): { readonly frames: number; readonly dropped: number } {
    const counts = Buffer.alloc(8);
    const length = Buffer.alloc(4);
    length.writeInt32LE(counts.length);
    if ((getsockopt(this.#fd, SOL_PACKET, PACKET_STATISTICS, counts, length) as number) < 0) {
      throw new Error(`the packet socket does not tell its statistics: errno ${koffi.errno()}`);
    }
    return { frames: counts.readUInt32LE(0), dropped: counts.readUInt32LE(4) };
  }

  /** Sends a whole frame on a device. A device that is down swallows it, as a pulled cable would. */
  send(device: number, frame: Buffer): void {
    const address = Buffer.alloc(ADDRESS_BYTES);
    address.writeUInt16LE(AF_PACKET, 0);
    address.writeInt32LE(device, 4);
    sendto(this.#fd, frame, frame.length, MSG_DONTWAIT, address, ADDRESS_BYTES);
  }

  close(): void {
    closeFd(this.#fd);
  }
}
