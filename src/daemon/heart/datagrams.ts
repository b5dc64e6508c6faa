/**
 * One UDP socket per own link address, so that a frame leaves from that address and arrives on that link and
 * no other. An address may come late (boot) or go and come back (a recreated device): binding is tried until
 * it works, and a send that cannot work is only counted, because the core hears of it by silence.
 *
 * The sockets are the kernel's own and not those of `node:dgram`: every datagram of these costs an object for the
 * request, buffers of 64 KiB and several turns through the event machinery, ten times what the kernel does for it.
 *
 * The port is not shared (no SO_REUSEADDR): UDP has no lingering state that would ask for it, a second daemon
 * on the same node is refused this way, and no other process can take our datagrams away.
 */

import { MAX_FRAME_BYTES } from "../../core/base/limits.ts";
import { SystemError } from "../../host/linux/libc.ts";
import { Udp } from "../../host/linux/udp.ts";

export interface DatagramsOptions {
  /** Our addresses; the index is the link's number. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** A datagram arrived on our address of `link`; the bytes are the receiver's only during the call. */
  received(link: number, bytes: Uint8Array, source: () => string): void;
  log(level: "info" | "warn", message: string, fields: Readonly<Record<string, unknown>>): void;
}

const FIRST_RETRY_MS = 20;
const LONGEST_RETRY_MS = 500;

interface Port {
  readonly link: number;
  readonly address: string;
  /** Bound; undefined while it cannot be. */
  socket: Udp | undefined;
  retryMs: number;
  retry: NodeJS.Timeout | undefined;
  /** The last complaint, to log each kind once. */
  complaint: string | undefined;
}

/** The heart's UDP sockets. Nothing here throws. */
export class Datagrams {
  readonly #options: DatagramsOptions;
  readonly #ports: readonly Port[];
  #unsent = 0;
  #isClosed = false;

  constructor(options: DatagramsOptions) {
    this.#options = options;
    this.#ports = options.addresses.map((address, link) => {
      return {
        link,
        address,
        socket: undefined,
        retryMs: FIRST_RETRY_MS,
        retry: undefined,
        complaint: undefined,
      };
    });
  }

  /** Opens all; each was tried once then, bound or not. */
  open(): void {
    for (const port of this.#ports) this.#bind(port);
  }

  /** Datagrams that could not be sent. */
  get unsent(): number {
    return this.#unsent;
  }

  isBound(link: number): boolean {
    return this.#ports[link]?.socket !== undefined;
  }

  /** Sends from our address of `link`; false when it certainly did not leave. */
  send(link: number, address: string, bytes: Uint8Array): boolean {
    const isSent = this.#ports[link]?.socket?.send(bytes, address) ?? false;
    if (!isSent) this.#unsent += 1;
    return isSent;
  }

  /** Opens the socket of a link again: the device under its address is another one now. */
  rebind(link: number): void {
    const port = this.#ports[link];
    if (port === undefined || this.#isClosed) return;
    clearTimeout(port.retry);
    port.retryMs = FIRST_RETRY_MS;
    drop(port);
    this.#bind(port);
  }

  close(): void {
    this.#isClosed = true;
    for (const port of this.#ports) {
      clearTimeout(port.retry);
      drop(port);
    }
  }

  #bind(port: Port): void {
    const { link, address } = port;
    try {
      port.socket = new Udp(
        { address, port: this.#options.port, largest: MAX_FRAME_BYTES + 1 },
        (bytes, source) => this.#options.received(link, bytes, source),
        (error) => this.#failed(port, error),
      );
    } catch (error) {
      this.#failed(port, error);
      return;
    }
    port.retryMs = FIRST_RETRY_MS;
    if (port.complaint !== undefined) this.#options.log("info", "heartbeat socket is open", { link, address });
    port.complaint = undefined;
  }

  #failed(port: Port, error: unknown): void {
    if (!(error instanceof SystemError)) throw error;
    const { link, address } = port;
    const complaint = error.code;
    if (complaint !== port.complaint) {
      port.complaint = complaint;
      this.#options.log("warn", "heartbeat socket cannot be opened yet: trying again", {
        link,
        address,
        port: this.#options.port,
        error: complaint,
      });
    }
    drop(port);
    if (this.#isClosed) return;
    port.retry = setTimeout(() => this.#bind(port), port.retryMs);
    port.retryMs = Math.min(port.retryMs * 2, LONGEST_RETRY_MS);
  }
}

function drop(port: Port): void {
  port.socket?.close();
  port.socket = undefined;
}
