/** Times as an operator types them: a while ago, today's clock, or a date. */

import { parseDuration } from "../core/config/duration.ts";

/** What is accepted, for help and errors. */
export const WALL_TIME_WORDS = "a while ago (2h), a clock time (03:10) or a date (2026-11-21T03:10)";

/** Milliseconds since 1970, in this machine's time zone; undefined when it is no time. A clock time is the last such. */
export function parseWallTime(text: string, now = Date.now()): number | undefined {
  const agoMs = parseDuration(text);
  if (agoMs !== undefined) return now - agoMs;
  const clock = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(text);
  if (clock !== null) {
    const [hours, minutes, seconds] = [Number(clock[1]), Number(clock[2]), Number(clock[3] ?? 0)];
    if (hours > 23 || minutes > 59 || seconds > 59) return undefined;
    const today = new Date(now).setHours(hours, minutes, seconds, 0);
    if (today <= now) return today;
    return new Date(today).setDate(new Date(today).getDate() - 1);
  }
  if (!/^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2})?)?$/.test(text)) return undefined;
  const date = new Date(text.length === 10 ? `${text}T00:00` : text.replace(" ", "T"));
  return Number.isNaN(date.getTime()) ? undefined : date.getTime();
}
