/**
 * The wall clock decides nothing: no number that goes into a core or comes out of it is a time of day, in whatever
 * unit. Schedules step the machines' wall clocks by up to years, so a core that read one would also decide otherwise.
 */

import type { Input } from "../../core/node/inputs.ts";
import type { Effect } from "../../core/node/effects.ts";
import type { Machine } from "../machine.ts";
import type { World } from "../world.ts";
import { Checker } from "./checker.ts";

/** From the year 2001 to 2096, in seconds. No clock since boot, epoch or sequence comes near. */
const FROM_S = 1e9;
const TO_S = 4e9;
/** Seconds, milliseconds, microseconds, nanoseconds. */
const UNITS = [1, 1e3, 1e6, 1e9];
const MOST_DEPTH = 8;

export class WallTime extends Checker {
  readonly name = "wall time";

  override stepped(world: World, machine: Machine, step: { input: Input; effects: readonly Effect[] }): void {
    this.runs++;
    const { input, effects } = step;
    // What a frame says was looked at when it was sent.
    let found = timeOfDay(input.kind === "frame" ? input.now : input, 0);
    let isToldOf = false;
    for (const effect of effects) {
      // Frames of one moment differ in little but who they are for.
      if (effect.kind !== "send" || !isToldOf) found ??= timeOfDay(effect, 0);
      isToldOf ||= effect.kind === "send";
    }
    if (found !== undefined) world.violate(this.name, `a time of day, ${found}, passed the core of ${machine.name}`);
  }
}

function timeOfDay(value: unknown, depth: number): number | undefined {
  if (typeof value === "number" && value <= FROM_S) return undefined;
  if (typeof value === "number")
    return UNITS.some((unit) => value > FROM_S * unit && value < TO_S * unit) ? value : undefined;
  if (typeof value !== "object" || value === null || depth > MOST_DEPTH) return undefined;
  for (const each of Object.values(value)) {
    const found = timeOfDay(each, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}
