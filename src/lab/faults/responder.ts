/** A host on the wire that answers ARP questions for addresses that are not its own, as proxies and old switches do. */

import { nowMs } from "../clock.ts";
import { addressBytes, arpReply, macBytes, readArpRequest } from "../frames.ts";
import type { CapturedFrame, PacketSocket } from "../packet-socket.ts";

export interface ResponderOptions {
  /** Hardware address that it gives as the answer. */
  readonly mac: string;
  /** Only questions for these; undefined answers for everything. */
  readonly addresses?: readonly string[];
  /** Time between question and answer. */
  readonly delayMs: number;
}

/** A liar; `tick` drives it. */
export class Responder {
  readonly #socket: PacketSocket;
  readonly #device: number;
  #options: ResponderOptions | undefined;
  #waiting: { readonly atMs: number; readonly frame: Buffer }[] = [];
  answered = 0;

  /** `device` is where its answers come from. */
  constructor(socket: PacketSocket, device: number) {
    this.#socket = socket;
    this.#device = device;
  }

  set(options: ResponderOptions | undefined): void {
    this.#options = options;
    this.#waiting = [];
  }

  /** A frame came from a port of the public wire. */
  take(frame: CapturedFrame): void {
    const options = this.#options;
    const question = options === undefined ? undefined : readArpRequest(frame.bytes);
    if (options === undefined || question === undefined) return;
    // A gratuitous request asks for its own address; answering it would start a quarrel that no proxy starts.
    if (question.target.equals(question.asker.address)) return;
    const isMeant = options.addresses?.some((address) => addressBytes(address).equals(question.target)) ?? true;
    if (!isMeant) return;
    const reply = arpReply({ mac: macBytes(options.mac), address: question.target }, question.asker);
    this.#waiting.push({ atMs: nowMs() + options.delayMs, frame: reply });
  }

  tick(): void {
    const now = nowMs();
    while (this.#waiting[0] !== undefined && this.#waiting[0].atMs <= now) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#socket.send(this.#device, next.frame);
      this.answered += 1;
    }
  }
}
