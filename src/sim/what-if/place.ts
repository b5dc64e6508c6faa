/** From offsets in a script to lines that can be drawn. */

import type { TextPosition } from "../../core/base/report.ts";

/** A piece of the text: `end` is the first character behind it. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Finds the line and column of a span; one that goes on in the next line ends with its first. */
export function placer(text: string, file: string): (span: Span) => TextPosition {
  const starts = [0];
  for (let newline = text.indexOf("\n"); newline !== -1; newline = text.indexOf("\n", newline + 1))
    starts.push(newline + 1);
  return ({ start, end }) => {
    const from = Math.min(start, text.length);
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] as number) <= from) low = middle;
      else high = middle - 1;
    }
    const lineStart = starts[low] as number;
    const newline = text.indexOf("\n", lineStart);
    const line = text.slice(lineStart, newline === -1 ? text.length : newline).replace(/\r$/, "");
    const column = Math.min(from - lineStart, line.length) + 1;
    const length = Math.max(1, Math.min(end - lineStart, line.length) - (column - 1));
    return { file, line: low + 1, column, length, text: line };
  };
}
