/**
 * The visitor's eyes: a process inside the client's namespace that captures what arrives on its one cable, with the
 * kernel's timestamps, and asks for each VIP at a steady pace. A holder is who answers there, whatever is open or
 * closed elsewhere: what does not reach a visitor's cable harms no visitor. It also says when it was blind: when the
 * kernel had no room for a frame, and when this process itself did not run.
 */

import { comeFirst } from "../clock.ts";
import { HolderWatch } from "../checks/holder-watch.ts";
import type { HoldersReport } from "../checks/holder-watch.ts";
import { addressBytes, readUse, sourceOf } from "../frames.ts";
import { OneHolderReachable } from "../../promises/one-holder.ts";
import type { Overlap } from "../../promises/one-holder.ts";
import { LineChannel } from "../line-channel.ts";
import { deviceIndex, PacketSocket } from "../packet-socket.ts";
import { CaptureLog } from "./capture-log.ts";
import type { CaptureEntry } from "./capture-log.ts";

export interface SegmentOptions {
  readonly device: string;
  /** The client's own hardware address, to which answers come. */
  readonly mac: string;
  /** Node by hardware address. */
  readonly nodes: Readonly<Record<string, string>>;
  readonly vips: readonly string[];
  readonly everyMs: number;
}

export interface SegmentReport {
  readonly holders: HoldersReport;
  /** Holders that took turns faster than a group can move, and how many answers were compared. */
  readonly overlaps: readonly Overlap[];
  readonly compared: number;
  readonly capture: readonly CaptureEntry[];
  /** Since the process began. */
  readonly frames: number;
  readonly dropped: number;
}

/** What can be asked, with the answer. */
export interface SegmentAnswers {
  /** Nodes that used each VIP within the last 20 ms. */
  readonly serving: Record<string, string[]>;
  readonly report: SegmentReport;
}

export type SegmentQuestion = keyof SegmentAnswers;

export interface SegmentCall<Name extends SegmentQuestion> {
  readonly ask: Name;
  readonly window?: { readonly fromMs: number; readonly toMs: number };
}

const ARP_TYPE = 0x0806;
/** One capture has one order of frames; what its timestamps can be wrong by against each other. */
const SLACK_MS = 0.05;
/** A group needs longer than this to move away and back. */
const TURN_MS = 100;
const OBSERVER = "client";

function main(options: SegmentOptions): void {
  const socket = new PacketSocket();
  const device = deviceIndex(options.device);
  const watch = new HolderWatch(socket, { ...options, device });
  const log = new CaptureLog();
  const promise = new OneHolderReachable({ slackMs: SLACK_MS, turnMs: TURN_MS });
  const vips = options.vips.map((vip) => ({ vip, bytes: addressBytes(vip) }));
  const counts = { frames: 0, dropped: 0 };

  const turn = (): void => {
    socket.drain((frame) => {
      if (frame.device !== device) return;
      const source = sourceOf(frame.bytes);
      const node = options.nodes[source] ?? source;
      watch.take(node, frame);
      for (const { vip, bytes } of vips) {
        const use = readUse(frame.bytes, bytes);
        if (use === undefined) continue;
        const isArp = frame.bytes.readUInt16BE(12) === ARP_TYPE;
        const kind = use.answersTo !== undefined ? "arp-answer" : isArp ? "announcement" : "packet";
        log.seen(vip, node, kind, frame.atMs);
        promise.answered({ at: frame.atMs, observer: OBSERVER, vip, holder: node });
      }
    });
    watch.tick();
  };
  const count = (): void => {
    const { frames, dropped } = socket.statistics();
    counts.frames += frames;
    counts.dropped += dropped;
  };

  const methods: { readonly [Name in SegmentQuestion]: (params: never) => SegmentAnswers[Name] } = {
    serving: () => watch.serving(),
    report: (window: { fromMs: number; toMs: number }) => {
      turn();
      count();
      return {
        holders: watch.report(window),
        overlaps: promise.overlaps.filter(({ from }) => from >= window.fromMs && from <= window.toMs),
        compared: promise.runs,
        capture: log.list(window),
        ...counts,
      };
    },
  };
  const channel = new LineChannel(process.stdin, process.stdout, (method, params) => {
    const answer = methods[method as SegmentQuestion];
    if (answer === undefined) throw new Error(`the segment's observer knows no ${method}`);
    return answer(params as never);
  });
  void channel.closed.then(() => process.exit(0));
  comeFirst();
  setInterval(turn, 1);
  setInterval(count, 1_000);
}

main(JSON.parse(process.argv[2] ?? "{}") as SegmentOptions);
