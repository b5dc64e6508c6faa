/**
 * A daemon's last will to its next self: which leases it holds until when, in the machine's boot-time clock.
 * It counts only once, only in the same boot, and only while some lease still runs; anything doubtful is
 * ignored, because a start without it is merely slower.
 */

import { readFile, rm } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { Handover } from "../core/node/inputs.ts";
import { writeAtomically } from "./atomic-file.ts";

interface Will {
  readonly bootId: string;
  readonly writtenAtMs: number;
  readonly handover: Handover;
}

/** A next self that starts later than this begins anew. */
const VALID_MS = 30_000;

function fileIn(runtimeDir: string): string {
  return join(runtimeDir, "handover.json");
}

/** Milliseconds since the machine booted, suspend included; a reading good to 10 ms. */
export function bootTimeMs(): number {
  return Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 1_000;
}

function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

/** Writes it; rejects when the disk refuses, and then the daemon must not exec. */
export async function writeHandover(runtimeDir: string, handover: Handover): Promise<void> {
  const will: Will = { bootId: bootId(), writtenAtMs: bootTimeMs(), handover };
  await writeAtomically(fileIn(runtimeDir), JSON.stringify(will));
}

/** Takes it back: what it speaks of has ended. */
export async function discardHandover(runtimeDir: string): Promise<void> {
  await rm(fileIn(runtimeDir), { force: true });
}

/** Reads and deletes it; undefined when there is none that counts. */
export async function takeHandover(runtimeDir: string): Promise<Handover | undefined> {
  const path = fileIn(runtimeDir);
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  await rm(path, { force: true });
  let will: Will;
  try {
    will = JSON.parse(text);
    if (will.bootId !== bootId() || !Array.isArray(will.handover.groups) || !Array.isArray(will.handover.wishes))
      return undefined;
  } catch {
    return undefined;
  }
  const now = bootTimeMs();
  const isOld = !(will.writtenAtMs <= now + 100 && now - will.writtenAtMs <= VALID_MS);
  const { groups } = will.handover;
  const isPast = groups.length > 0 && groups.every((group) => !(group.until > now));
  return isOld || isPast ? undefined : will.handover;
}
