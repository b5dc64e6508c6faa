/** Asks the public wire for each VIP at a steady pace and hands every use of it to a timeline. */

import { nowMs } from "../clock.ts";
import { addressBytes, arpRequest, macBytes, neighbourSolicitation, readUse } from "../frames.ts";
import type { CapturedFrame, PacketSocket } from "../packet-socket.ts";
import { HolderTimeline } from "./holders.ts";
import type { HolderReport } from "./holders.ts";

/** A report about all VIPs of a lab. */
export interface HoldersReport {
  readonly vips: Readonly<Record<string, HolderReport>>;
  /** Summed over the VIPs. */
  readonly twoHoldersMs: number;
}

/**
 * Askers' addresses in use in turn. The answer names the asker, and so the question that it answers: exact for
 * as many questions as there are askers.
 */
const ASKERS = 16;
const FIRST_ASKER = 224;

interface Watched {
  readonly vip: Buffer;
  readonly timeline: HolderTimeline;
}

/** An observer; `tick` drives it. */
export class HolderWatch {
  readonly #socket: PacketSocket;
  readonly #device: number;
  readonly #mac: Buffer;
  readonly #everyMs: number;
  readonly #watched = new Map<string, Watched>();
  #question = 0;
  #nextMs = nowMs();

  constructor(
    socket: PacketSocket,
    options: {
      readonly device: number;
      readonly mac: string;
      readonly vips: readonly string[];
      readonly everyMs: number;
    },
  ) {
    this.#socket = socket;
    this.#device = options.device;
    this.#mac = macBytes(options.mac);
    this.#everyMs = options.everyMs;
    for (const vip of options.vips) {
      this.#watched.set(vip, { vip: addressBytes(vip), timeline: new HolderTimeline() });
    }
  }

  /** Asks if it is time. */
  tick(): void {
    const now = nowMs();
    if (now < this.#nextMs) return;
    this.#nextMs = Math.max(this.#nextMs + this.#everyMs, now);
    this.#question += 1;
    for (const { vip, timeline } of this.#watched.values()) {
      const source = Buffer.from(vip);
      source[source.length - 1] = FIRST_ASKER + (this.#question % ASKERS);
      const question = { mac: this.#mac, source, target: vip };
      timeline.asked(this.#question, nowMs());
      this.#socket.send(this.#device, vip.length === 4 ? arpRequest(question) : neighbourSolicitation(question));
    }
  }

  /** A frame came from this node's port. */
  take(node: string, frame: CapturedFrame): void {
    for (const { vip, timeline } of this.#watched.values()) {
      const use = readUse(frame.bytes, vip);
      if (use !== undefined) timeline.seen(node, frame.atMs, this.#questionOf(use.answersTo, vip));
    }
  }

  #questionOf(asker: Buffer | undefined, vip: Buffer): number | undefined {
    if (asker === undefined || !asker.subarray(0, -1).equals(vip.subarray(0, -1))) return undefined;
    const number = (asker.at(-1) as number) - FIRST_ASKER;
    if (number < 0 || number >= ASKERS) return undefined;
    return this.#question - ((this.#question - number) % ASKERS);
  }

  serving(): Record<string, string[]> {
    return Object.fromEntries([...this.#watched].map(([vip, { timeline }]) => [vip, timeline.serving(nowMs())]));
  }

  report(window: { readonly fromMs: number; readonly toMs: number }): HoldersReport {
    const vips = Object.fromEntries([...this.#watched].map(([vip, { timeline }]) => [vip, timeline.report(window)]));
    return { vips, twoHoldersMs: Object.values(vips).reduce((sum, one) => sum + one.twoHoldersMs, 0) };
  }
}
