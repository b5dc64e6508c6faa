/** Gathers what the observers saw, phase by phase, so that none of them has to remember a run of hours. */

import type { Try } from "../checks/tries.ts";
import { nowMs } from "../clock.ts";
import type { Lab } from "../lab.ts";
import type { LoadClient } from "../load-client.ts";
import { PUBLIC_VIP } from "../plan.ts";
import type { SegmentSeen } from "./evidence.ts";

export class Collected {
  readonly tries: Try[] = [];
  readonly standing: Try[] = [];
  #segment: SegmentSeen = {
    questions: 0,
    evidence: 0,
    compared: 0,
    meetings: [],
    overlaps: [],
    capture: [],
    frames: 0,
    dropped: 0,
    longestBlindMs: 0,
  };
  readonly #lab: Lab;
  readonly #visitor: LoadClient;
  #untilMs: number;

  constructor(lab: Lab, visitor: LoadClient, fromMs: number) {
    this.#lab = lab;
    this.#visitor = visitor;
    this.#untilMs = fromMs;
  }

  get segment(): SegmentSeen {
    return this.#segment;
  }

  /** Takes in everything since the last time. */
  async gather(): Promise<void> {
    const window = { fromMs: this.#untilMs, toMs: nowMs() };
    this.#untilMs = window.toMs;
    const isNew = ({ endMs }: Try): boolean => endMs < window.toMs;
    for (const one of await this.#visitor.tries(window.fromMs, "own")) if (isNew(one)) this.tries.push(one);
    for (const one of await this.#visitor.tries(window.fromMs, "standing")) if (isNew(one)) this.standing.push(one);
    const report = await this.#lab.call("captured", window);
    const vip = (await this.#lab.holders.report(window)).vips[PUBLIC_VIP];
    if (vip === undefined) throw new Error("the observer does not watch the site's address");
    const before = this.#segment;
    this.#segment = {
      // These two count from the observer's beginning.
      questions: vip.questions,
      evidence: vip.evidence,
      compared: report.compared,
      meetings: [...before.meetings, ...vip.meetings],
      overlaps: [...before.overlaps, ...report.overlaps],
      // An entry that goes on across the border is in both windows.
      capture: [...before.capture.filter(({ toMs }) => toMs < window.fromMs), ...report.entries],
      frames: report.frames,
      dropped: report.dropped,
      longestBlindMs: Math.max(before.longestBlindMs, vip.longestBlindMs),
    };
  }
}
