/**
 * Expected failures are values. A `Problem` says what is wrong, where, and what to do next; whoever shows it
 * (command line, API, journal) only prints it.
 */

/** How bad: an `error` refuses the input, a `warning` is legal but risky, `info` is worth knowing. */
export type Severity = "error" | "warning" | "info";

/** Where in a text a problem is; line and column count from 1. */
export interface TextPosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** How many characters the drawn caret underlines. */
  readonly length: number;
  /** The whole line of the text, to be drawn. */
  readonly text: string;
}

/** What a problem is about, when it is not a place in a text. */
export interface Subject {
  readonly node?: string;
  readonly group?: string;
  readonly resource?: string;
  readonly link?: string;
  readonly file?: string;
}

/** One finding: a code word, one sentence, and the operator's next step. */
export interface Problem {
  /** Upper-case words, stable across versions: `CONFIG_UNKNOWN_KEY`. */
  readonly code: string;
  readonly severity: Severity;
  /** One sentence without the position. */
  readonly message: string;
  readonly at?: TextPosition;
  readonly subject?: Subject;
  /** What would have been accepted. */
  readonly expected?: string;
  /** The nearest valid word, when something was misspelled. */
  readonly nearest?: string;
  /** What the operator should do. */
  readonly next?: string;
}

/** The result of an operation that may fail as expected. */
export type Result<T> =
  | { readonly ok: true; readonly value: T; readonly problems: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };
