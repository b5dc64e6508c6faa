/**
 * A UDP socket on one address, with as little as possible between the kernel and who uses it: one buffer, no
 * queue, no name service. What the kernel cannot take at once is lost, as UDP may lose it anywhere.
 */

import { isIPv4 } from "node:net";
import { addressBytes, addressText } from "./addressing.ts";
import * as libc from "./libc.ts";
import { SystemError } from "./libc.ts";

const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
/** Datagrams taken in a row before other sockets and timers have their turn. */
const MAX_IN_A_ROW = 32;
/** Receivers whose addresses are remembered as the kernel wants them. */
const MAX_REMEMBERED = 1_024;

export interface UdpOptions {
  /** An address of this machine, without name; a link-local one with its device (`fe80::1%eth0`). */
  readonly address: string;
  readonly port: number;
  /** Of a longer datagram only so many bytes are given out. */
  readonly largest: number;
}

/** An open, bound socket. */
export class Udp {
  readonly #options: UdpOptions;
  readonly #fd: number;
  readonly #stop: () => void;
  readonly #buffer: Buffer;
  readonly #source = Buffer.alloc(28);
  readonly #receivers = new Map<string, Buffer>();
  #isClosed = false;

  /**
   * Binds, or throws SystemError. `received` gets bytes that are valid only during the call; `failed` is told
   * when nothing can be received any more.
   */
  constructor(
    options: UdpOptions,
    received: (bytes: Uint8Array, source: () => string) => void,
    failed: (error: SystemError) => void,
  ) {
    this.#options = options;
    this.#buffer = Buffer.alloc(options.largest);
    const family = isIPv4(options.address) ? libc.AF_INET : libc.AF_INET6;
    this.#fd = libc.openSocket(family, libc.SOCK_DGRAM | libc.SOCK_NONBLOCK, 0);
    try {
      if (family === libc.AF_INET6) libc.setOption(this.#fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
      libc.bindSocket(this.#fd, socketAddress(options.address, options.port));
      this.#stop = libc.onReadable(this.#fd, () => this.#read(received, failed));
    } catch (error) {
      libc.closeDescriptor(this.#fd);
      throw error;
    }
  }

  /** Sends to the same port of `address`; false when it did not leave. */
  send(bytes: Uint8Array, address: string): boolean {
    try {
      libc.send(this.#fd, bytes, this.#receiver(address));
      return true;
    } catch (error) {
      if (error instanceof SystemError) return false;
      throw error;
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stop();
    libc.closeDescriptor(this.#fd);
  }

  #read(received: (bytes: Uint8Array, source: () => string) => void, failed: (error: SystemError) => void): void {
    for (let count = 0; count < MAX_IN_A_ROW && !this.#isClosed; count++) {
      let length: number | undefined;
      try {
        length = libc.receive(this.#fd, this.#buffer, { source: this.#source });
      } catch (error) {
        if (!(error instanceof SystemError)) throw error;
        return failed(error);
      }
      if (length === undefined) return;
      received(this.#buffer.subarray(0, Math.min(length, this.#buffer.length)), () => sourceText(this.#source));
    }
  }

  #receiver(address: string): Buffer {
    let receiver = this.#receivers.get(address);
    if (receiver === undefined) {
      if (this.#receivers.size >= MAX_REMEMBERED) this.#receivers.clear();
      receiver = socketAddress(address, this.#options.port);
      this.#receivers.set(address, receiver);
    }
    return receiver;
  }
}

/** struct sockaddr_in or sockaddr_in6. */
function socketAddress(address: string, port: number): Buffer {
  const bytes = addressBytes(address);
  const structure = Buffer.alloc(bytes.length === 4 ? 16 : 28);
  structure.writeUInt16LE(bytes.length === 4 ? libc.AF_INET : libc.AF_INET6, 0);
  structure.writeUInt16BE(port, 2);
  bytes.copy(structure, bytes.length === 4 ? 4 : 8);
  const device = /%(.+)$/.exec(address)?.[1];
  if (device !== undefined) structure.writeUInt32LE(libc.deviceIndex(device) ?? 0, 24);
  return structure;
}

function sourceText(structure: Buffer): string {
  return addressText(structure.readUInt16LE(0) === libc.AF_INET ? structure.subarray(4, 8) : structure.subarray(8, 24));
}
