/**
 * The record of what the heart's core was told and decided, for `understudy replay`: takes what the heart hands
 * over and gives it to the ring on disk, and says once when the disk does not take it.
 */

import type { ClusterConfig } from "../core/config/cluster.ts";
import { MAX_RECORDING_BYTES } from "../core/base/limits.ts";
import type { DecisionEvent } from "../core/node/effects.ts";
import { InputRing } from "../recording/input-ring.ts";
import { recordedConfig } from "../recording/segment-header.ts";
import type { Heart } from "./heart/handle.ts";
import type { TapePart } from "../recording/heart-recording.ts";
import type { Flushable } from "./lifecycle.ts";

export interface InputRecordOptions {
  readonly heart: Pick<Heart, "on" | "post">;
  readonly stateDir: string;
  readonly software: string;
  readonly node: string;
  readonly config: ClusterConfig;
  readonly configHash: string;
  record(event: Omit<DecisionEvent, "at">): void;
  /** Of all segments together; for tests. */
  readonly limitBytes?: number;
}

/** Starts recording; call in the turn that started the heart. */
export function recordInputs(options: InputRecordOptions): Flushable {
  const { heart, stateDir, software, node, configHash } = options;
  const about = { severity: "warning", group: undefined, node, link: undefined } as const;
  const ring = new InputRing({
    stateDir,
    limitBytes: options.limitBytes ?? MAX_RECORDING_BYTES,
    askToBegin: () => heart.post({ kind: "begin-segment" }),
    stopped: (error) => options.record({ ...about, reason: "RECORDING_STOPPED", facts: { detail: error.message } }),
    resumed: () => options.record({ ...about, severity: "info", reason: "RECORDING_GOES_ON", facts: {} }),
    now: () => performance.now(),
  });
  const config = recordedConfig(options.config);
  const take = (part: TapePart): void => {
    switch (part.kind) {
      case "begin": {
        const { incarnation, shape, checkpoint, wall } = part;
        const begins = checkpoint === undefined ? "start" : "checkpoint";
        return ring.begin({ software, shape, node, config, configHash, incarnation, begins, wall }, checkpoint);
      }
      case "batch":
        return ring.add(part.text);
      case "gap":
        return ring.breakOff();
      case "failed":
        return fail(part.detail);
    }
  };
  let hasFailed = false;
  const fail = (detail: string): void => {
    hasFailed = true;
    options.record({ ...about, reason: "RECORDING_STOPPED", facts: { detail: `a defect: ${detail}` } });
  };
  heart.on("tape", ({ part }) => {
    if (hasFailed) return;
    try {
      take(part);
    } catch (error) {
      // A record of the service must never end the service.
      fail((error as Error).message);
    }
  });
  return { flush: () => ring.flush() };
}
