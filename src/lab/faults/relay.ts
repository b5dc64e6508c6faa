/**
 * A bad path for heartbeats: late, twice, out of order, or recorded and played again later. The lab's rules drop
 * the original datagrams at the bridge's ports; this relay saw them there and puts its own copies on the
 * destination's cable, because this must also work on kernels without netem.
 */

import { nowMs } from "../clock.ts";
import { destinationOf, isDatagramTo, withChecksum } from "../frames.ts";
import type { CapturedFrame, PacketSocket } from "../packet-socket.ts";

export interface RelayOptions {
  readonly port: number;
  /** Every datagram is late by a time chosen between these; different times change the order. */
  readonly delayMs: readonly [least: number, most: number];
  /** Share of datagrams that arrive a second time. */
  readonly duplicatePercent: number;
  /** How much later than the first the second copy comes. */
  readonly duplicateAfterMs: number;
}

const MAX_KEPT = 20_000;

/** A relay and recorder; `tick` drives it. */
export class Relay {
  readonly #socket: PacketSocket;
  /** Device of the port behind which a hardware address lives. */
  readonly #deviceOf: (mac: string) => number | undefined;
  #options: RelayOptions | undefined;
  #waiting: { readonly atMs: number; readonly mac: string; readonly bytes: Buffer }[] = [];
  #recording: { readonly mac: string; readonly bytes: Buffer }[] | undefined;
  #recordedPort = 694;
  passed = 0;
  replayed = 0;

  constructor(socket: PacketSocket, deviceOf: (mac: string) => number | undefined) {
    this.#socket = socket;
    this.#deviceOf = deviceOf;
  }

  /** Begins, changes or (undefined) ends the bad path. */
  set(options: RelayOptions | undefined): void {
    this.#options = options;
    if (options === undefined) this.#waiting = [];
  }

  /** Begins to record datagrams to this port. */
  record(port: number): void {
    this.#recordedPort = port;
    this.#recording = [];
  }

  /** Ends recording and puts everything recorded on the wire again, `times` times. Returns how many datagrams. */
  replay(times: number): number {
    const recorded = this.#recording ?? [];
    this.#recording = undefined;
    for (let round = 0; round < times; round += 1) for (const one of recorded) this.#deliver(one.mac, one.bytes);
    this.replayed += recorded.length * times;
    return recorded.length * times;
  }

  /** A frame came from a node's port. */
  take(frame: CapturedFrame): void {
    if (
      this.#recording !== undefined &&
      this.#recording.length < MAX_KEPT &&
      isDatagramTo(frame.bytes, this.#recordedPort)
    ) {
      this.#recording.push({ mac: destinationOf(frame.bytes), bytes: withChecksum(frame.bytes) });
    }
    const options = this.#options;
    if (options === undefined || !isDatagramTo(frame.bytes, options.port) || this.#waiting.length > MAX_KEPT) return;
    const mac = destinationOf(frame.bytes);
    const bytes = withChecksum(frame.bytes);
    const [least, most] = options.delayMs;
    const atMs = nowMs() + least + Math.random() * (most - least);
    this.#waiting.push({ atMs, mac, bytes });
    if (Math.random() * 100 < options.duplicatePercent) {
      this.#waiting.push({ atMs: atMs + options.duplicateAfterMs, mac, bytes });
    }
  }

  tick(): void {
    if (this.#waiting.length === 0) return;
    const now = nowMs();
    const due = this.#waiting.filter((one) => one.atMs <= now).sort((a, b) => a.atMs - b.atMs);
    if (due.length === 0) return;
    this.#waiting = this.#waiting.filter((one) => one.atMs > now);
    for (const one of due) this.#deliver(one.mac, one.bytes);
    this.passed += due.length;
  }

  #deliver(mac: string, bytes: Buffer): void {
    const device = this.#deviceOf(mac);
    if (device !== undefined) this.#socket.send(device, bytes);
  }
}
