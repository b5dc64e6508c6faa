/**
 * Words and columns for a terminal: colours only where they are seen as such, columns aligned by what is
 * visible, times as the clock on the wall shows them.
 */

import { stripVTControlCharacters, styleText } from "node:util";

import type { Severity } from "../core/base/report.ts";

type Style = Parameters<typeof styleText>[0];

/** Colours text when standard output is a terminal that wants colours. */
export function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

/** Rows as aligned columns, two spaces apart, without trailing blanks; the first row is the heading. */
export function table(rows: readonly (readonly string[])[], indent = ""): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, width(cell));
  }
  return rows
    .map(
      (row) =>
        indent +
        row
          .map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - width(cell)))
          .join("  ")
          .trimEnd(),
    )
    .join("\n");
}

function width(text: string): number {
  return stripVTControlCharacters(text).length;
}

/** A heading row for `table`. */
export function heading(...titles: readonly string[]): string[] {
  return titles.map((title) => paint("dim", title));
}

/** Time of the day with milliseconds, and the date when it is not today's. */
export function clockTime(time: number, now = Date.now()): string {
  const date = new Date(time);
  const two = (value: number): string => String(value).padStart(2, "0");
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, "0")}`;
  if (date.toDateString() === new Date(now).toDateString()) return clock;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock}`;
}

/** Milliseconds as people say them. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return "for ever";
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${Math.round(ms / 60_000)} min`;
}

/** A severity or an event's weight in its colour. */
export function severityWord(severity: Severity | "alert"): string {
  if (severity === "error" || severity === "alert") return paint("red", severity);
  return severity === "warning" ? paint("yellow", severity) : paint("dim", severity);
}

/**
 * Text that came from elsewhere, made harmless: a name or an output line must not be able to steer the
 * terminal.
 */
export function harmless(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/\p{Cc}/gu, " ");
}
