/**
 * One phase: calm, a random wait, one fault against the holder, the site back, a while in which things can still
 * go wrong, everything healed, calm again. What counts is what the client and the wire saw.
 */

import { nowMs, pause, until } from "../src/lab/clock.ts";
import type { Lab } from "../src/lab/lab.ts";
import type { LoadClient } from "../src/lab/load-client.ts";
import { readAnatomy } from "./anatomy.ts";
import type { Anatomy } from "./anatomy.ts";
import type { Contender } from "./contender.ts";
import type { BenchmarkFault } from "./faults.ts";

/** What was seen of one phase. */
export interface Trial {
  /** Longest time without a page between the fault and the moment when healing began. */
  readonly gapMs: number;
  /** The site did not come back before healing began. */
  readonly isOpen: boolean;
  /** Longest time without a page while everything was healed. */
  readonly healingGapMs: number;
  readonly failed: number;
  /** Failures by their word. */
  readonly failures: Readonly<Record<string, number>>;
  readonly twoHoldersMs: number;
  /** Connections that were open for long and broke. */
  readonly broken: number;
  readonly hasMoved: boolean;
  /** Longest time in which the observer, which comes before all others on this machine, could not run. */
  readonly blindMs: number;
  readonly anatomy: Anatomy | undefined;
}

/** Heartbeats are at most this far apart where it matters; a random wait within it meets all their phases. */
const PHASE_MS = 200;
const MOST_ATTEMPTS = 5;
const CALM_LIMIT_MS = 90_000;
/** Time after the other node took over in which two holders can be seen; in a long phase half of its length. */
const AFTER_MOVE_MS = 500;

/** Waits until both nodes are healthy, the site answers steadily and one node alone has the address; returns it. */
export async function settled(lab: Lab, contender: Contender): Promise<string> {
  let why = "";
  try {
    return await until(
      "calm",
      async () => {
        const page = await lab.calm(10_000).catch((error: Error) => void (why = error.message));
        if (page === undefined) return undefined;
        why = await contender.obstacle(lab, page);
        if (why !== "") return undefined;
        const serving = Object.values(await lab.holders.serving()).flat();
        if (serving.join() === page) return page;
        why = `the wire shows ${serving.join(" and ") || "nobody"}, the page comes from ${page}`;
        return undefined;
      },
      { limitMs: CALM_LIMIT_MS, everyMs: 100 },
    );
  } catch {
    throw new Error(`${contender.name} does not come to rest: ${why}`);
  }
}

/** Runs one phase. Throws when nothing could be measured. */
export async function runTrial(
  { lab, contender, client }: { lab: Lab; contender: Contender; client: LoadClient },
  fault: BenchmarkFault,
  isLong: boolean,
): Promise<Trial> {
  const holder = await aimAt({ lab, contender, client });
  const brokenBefore = (await client.numbers()).established.broken;
  const beganMs = await fault.inflict(lab, holder, contender);
  const hasMoved = await movedFrom(client, { holder, beganMs, limitMs: contender.patienceMs });
  const lastsMs = isLong ? fault.longMs : fault.lastsMs;
  const afterMoveMs = isLong ? Math.max(AFTER_MOVE_MS, lastsMs / 2) : AFTER_MOVE_MS;
  const lastsUntilMs = Math.max(beganMs + lastsMs, hasMoved ? lab.now() + afterMoveMs : 0);
  await pause(Math.max(0, lastsUntilMs - lab.now()));
  const healMs = lab.now();
  await contender.heal(lab, holder, fault.key);
  await settled(lab, contender);
  await pause(100); // requests that began before the end are still on their way
  const endMs = lab.now();

  const during = await client.summary({ fromMs: beganMs - 20, toMs: healMs });
  const all = await client.summary({ fromMs: beganMs - 20, toMs: endMs });
  const wire = await lab.holders.report({ fromMs: beganMs - 20, toMs: endMs });
  if (Object.values(wire.vips).some((vip) => vip.questions === 0 || vip.evidence === 0)) {
    throw new Error("the wire's observer saw nothing");
  }
  // A gap that was open when healing began belongs to the fault, and only until then.
  const gaps = all.gaps
    .filter((gap) => gap.fromMs < healMs)
    .map((gap) => ({ ...gap, toMs: Math.min(gap.toMs, healMs) }));
  const worst = gaps.reduce((most, gap) => Math.max(most, gap.toMs - gap.fromMs), 0);
  const healing = all.gaps.filter((gap) => gap.fromMs >= healMs);
  return {
    gapMs: Math.max(worst, fault.isPlanned ? during.worstLatencyMs : 0),
    isOpen: gaps.some((gap) => gap.toMs === healMs && gap.toMs - gap.fromMs === worst),
    healingGapMs: healing.reduce((most, gap) => Math.max(most, gap.durationMs), 0),
    failed: all.failed,
    failures: all.failures,
    twoHoldersMs: wire.twoHoldersMs,
    broken: (await client.numbers()).established.broken - brokenBefore,
    hasMoved,
    blindMs: Math.max(...Object.values(wire.vips).map((vip) => vip.longestBlindMs)),
    anatomy: contender.family === "understudy" ? await readAnatomy(lab, { holder, beganMs, during }) : undefined,
  };
}

/** The holder, after calm and a random wait. On a busy machine a group may move by itself meanwhile: then again. */
async function aimAt({
  lab,
  contender,
  client,
}: {
  lab: Lab;
  contender: Contender;
  client: LoadClient;
}): Promise<string> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const holder = await settled(lab, contender);
    await client.pageAfter(lab.now(), { from: holder });
    await pause(Math.random() * PHASE_MS);
    if ((await client.numbers()).node === holder) return holder;
  }
  throw new Error(`${contender.name} moves the group by itself all the time`);
}

/** Did another node answer within the limit? */
async function movedFrom(
  client: LoadClient,
  { holder, beganMs, limitMs }: { holder: string; beganMs: number; limitMs: number },
): Promise<boolean> {
  try {
    return await until(
      "a page from the other node",
      async () => {
        const { node, sincePageMs } = await client.numbers();
        return node !== holder && sincePageMs !== undefined && nowMs() - sincePageMs > beganMs;
      },
      { limitMs, everyMs: 20 },
    );
  } catch {
    return false;
  }
}
