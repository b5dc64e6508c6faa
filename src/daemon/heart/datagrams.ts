/**
 * One UDP socket per own link address, so that a frame leaves from that address and arrives on that link and
 * no other. An address may come late (boot) or go and come back (a recreated device): binding is tried until
 * it works, and a send that cannot work is only counted, because the core hears of it by silence.
 *
 * The port is not shared (no SO_REUSEADDR): UDP has no lingering state that would ask for it, a second daemon
 * on the same node is refused this way, and no other process can take our datagrams away.
 */

import { createSocket, type Socket } from "node:dgram";
import { familyOf } from "./links.ts";

export interface DatagramsOptions {
  /** Our addresses; the index is the link's number. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** A datagram arrived on our address of `link`; the bytes are the receiver's to keep. */
  received(link: number, bytes: Uint8Array, source: string): void;
  log(level: "info" | "warn", message: string, fields: Readonly<Record<string, unknown>>): void;
}

const FIRST_RETRY_MS = 20;
const LONGEST_RETRY_MS = 500;

interface Port {
  readonly link: number;
  readonly address: string;
  socket: Socket | undefined;
  isBound: boolean;
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
        isBound: false,
        retryMs: FIRST_RETRY_MS,
        retry: undefined,
        complaint: undefined,
      };
    });
  }

  /** Opens all; resolves when each was tried once, bound or not. */
  async open(): Promise<void> {
    await Promise.all(this.#ports.map((port) => this.#bind(port)));
  }

  /** Datagrams that could not be sent. */
  get unsent(): number {
    return this.#unsent;
  }

  isBound(link: number): boolean {
    return this.#ports[link]?.isBound ?? false;
  }

  /** Sends from our address of `link`; false when it certainly did not leave. */
  send(link: number, address: string, bytes: Uint8Array): boolean {
    const port = this.#ports[link];
    if (port?.socket === undefined || !port.isBound) {
      this.#unsent += 1;
      return false;
    }
    try {
      port.socket.send(bytes, this.#options.port, address, this.#sent);
      return true;
    } catch {
      this.#unsent += 1;
      return false;
    }
  }

  /** Opens the socket of a link again: the device under its address is another one now. */
  rebind(link: number): void {
    const port = this.#ports[link];
    if (port === undefined || this.#isClosed) return;
    clearTimeout(port.retry);
    port.retryMs = FIRST_RETRY_MS;
    drop(port);
    void this.#bind(port);
  }

  close(): void {
    this.#isClosed = true;
    for (const port of this.#ports) {
      clearTimeout(port.retry);
      drop(port);
    }
  }

  readonly #sent = (error: Error | null): void => {
    if (error !== null) this.#unsent += 1;
  };

  #bind(port: Port): Promise<void> {
    return new Promise((tried) => {
      const type = familyOf(port.address) === 4 ? "udp4" : "udp6";
      // Addresses are numbers already: without a lookup a send leaves in the same turn.
      const lookup = (host: string, _: unknown, found: (error: null, address: string, family: number) => void): void =>
        found(null, host, type === "udp4" ? 4 : 6);
      const socket = createSocket({ type, lookup, ipv6Only: type === "udp6" });
      port.socket = socket;
      socket.on("message", (bytes, source) => this.#options.received(port.link, bytes, source.address));
      socket.on("error", (error) => {
        if (port.socket === socket) this.#failed(port, error);
        tried();
      });
      socket.bind({ address: port.address, port: this.#options.port, exclusive: true }, () => {
        if (port.socket !== socket) return;
        port.isBound = true;
        port.retryMs = FIRST_RETRY_MS;
        if (port.complaint !== undefined)
          this.#options.log("info", "heartbeat socket is open", { link: port.link, address: port.address });
        port.complaint = undefined;
        tried();
      });
    });
  }

  #failed(port: Port, error: Error): void {
    const { link, address } = port;
    const complaint = (error as NodeJS.ErrnoException).code ?? error.message;
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
    port.retry = setTimeout(() => void this.#bind(port), port.retryMs);
    port.retryMs = Math.min(port.retryMs * 2, LONGEST_RETRY_MS);
  }
}

function drop(port: Port): void {
  const socket = port.socket;
  port.socket = undefined;
  port.isBound = false;
  if (socket === undefined) return;
  try {
    socket.close();
  } catch {
    // Closed already.
  }
}
