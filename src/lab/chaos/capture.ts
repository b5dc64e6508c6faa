/**
 * What the nodes' cables carried about each VIP towards visitors: a log of it, folded, and the shared promise that no
 * visitor reaches two holders, fed frame by frame. Frames are taken at the node's own port, with the kernel's timestamp
 * from there, which is the moment they left the node: at the visitor's cable they arrive later, and on a busy machine
 * in another order. What faults of the cable keep from everybody is not handed to this at all.
 */

import { OneHolderReachable } from "../../promises/one-holder.ts";
import type { Overlap } from "../../promises/one-holder.ts";
import { addressBytes, readUse } from "../frames.ts";
import type { CapturedFrame, PacketSocket } from "../packet-socket.ts";
import { CaptureLog } from "./capture-log.ts";
import type { CaptureEntry } from "./capture-log.ts";

export interface CaptureReport {
  readonly entries: readonly CaptureEntry[];
  /** Holders that took turns faster than a group can move, and how many answers were compared in all. */
  readonly overlaps: readonly Overlap[];
  readonly compared: number;
  /** Frames of any kind that the socket saw since the beginning, and how many the kernel had no room for. */
  readonly frames: number;
  readonly dropped: number;
}

const ARP_TYPE = 0x0806;
/** One capture has one order of frames; what its timestamps can be wrong by against each other. */
const SLACK_MS = 0.05;
/** A group needs longer than this to move away and back. */
const TURN_MS = 100;
const OBSERVER = "visitor";

export class Capture {
  readonly #socket: PacketSocket;
  readonly #vips: readonly { readonly vip: string; readonly bytes: Buffer }[];
  readonly #log = new CaptureLog();
  readonly #promise = new OneHolderReachable({ slackMs: SLACK_MS, turnMs: TURN_MS });
  #frames = 0;
  #dropped = 0;

  constructor(socket: PacketSocket, vips: readonly string[]) {
    this.#socket = socket;
    this.#vips = vips.map((vip) => ({ vip, bytes: addressBytes(vip) }));
    socket.statistics(); // what was before is not counted
  }

  /** A frame came from this node's port. */
  take(node: string, { bytes: frame, atMs }: CapturedFrame): void {
    for (const { vip, bytes } of this.#vips) {
      const use = readUse(frame, bytes);
      if (use === undefined) continue;
      const isArp = frame.readUInt16BE(12) === ARP_TYPE;
      const kind = use.answersTo !== undefined ? "arp-answer" : isArp ? "announcement" : "packet";
      this.#log.seen(vip, node, kind, atMs);
      this.#promise.answered({ at: atMs, observer: OBSERVER, vip, holder: node });
    }
  }

  /** What was seen in a window. */
  report(window: { readonly fromMs: number; readonly toMs: number }): CaptureReport {
    const { frames, dropped } = this.#socket.statistics();
    this.#frames += frames;
    this.#dropped += dropped;
    return {
      entries: this.#log.list(window),
      overlaps: this.#promise.overlaps.filter(({ from }) => from >= window.fromMs && from <= window.toMs),
      compared: this.#promise.runs,
      frames: this.#frames,
      dropped: this.#dropped,
    };
  }
}
