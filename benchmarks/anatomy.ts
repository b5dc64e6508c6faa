/**
 * Where the time of a takeover went, from the record of the node that took over: the fault met a moment between
 * two heartbeats, silence had to grow old enough, the address was opened, a client's request came through.
 */

import type { EventRecord } from "../src/api/types.ts";
import type { TrySummary } from "../src/lab/checks/tries.ts";
import type { Lab } from "../src/lab/lab.ts";

/** Durations that add up to the gap, but for the client's own pace. */
export interface Anatomy {
  /** Age of the holder's last frame when the last page arrived: then the fault struck. */
  readonly frameAgeMs: number;
  /** From the last frame that was heard until the holder was called dead. */
  readonly silenceMs: number;
  /** From then until the record says that the group was taken. */
  readonly takingMs: number;
  /** From then until the first page arrived at the client; negative when the record was later. */
  readonly answerMs: number;
}

/** Undefined when the record has no death of the holder in this phase, as for faults without one. */
export async function readAnatomy(
  lab: Lab,
  { holder, beganMs, during }: { holder: string; beganMs: number; during: TrySummary },
): Promise<Anatomy | undefined> {
  const taker = lab.nodes.find((node) => node.name !== holder)?.name ?? "";
  const toMonotonic = lab.now() - Date.now();
  const records = (await lab.ask(taker, "GET", "/v1/events?after=0")) as EventRecord[];
  const own = records
    .filter((one) => one.by === taker)
    .map((one) => ({ ...one, atMs: one.time + toMonotonic }))
    .filter((one) => one.atMs > beganMs - 5);
  const dead = own.find((one) => one.reason === "PEER_DEAD" && one.node === holder);
  const taken = own.find((one) => one.reason === "GROUP_TAKEN" && one.node === taker);
  const gap = during.gaps.find((one) => one.after === taker);
  const silenceMs = Number(dead?.facts["silentMs"]);
  if (dead === undefined || taken === undefined || gap === undefined || !Number.isFinite(silenceMs)) return undefined;
  return {
    frameAgeMs: gap.fromMs - (dead.atMs - silenceMs),
    silenceMs,
    takingMs: taken.atMs - dead.atMs,
    answerMs: gap.toMs - taken.atMs,
  };
}
