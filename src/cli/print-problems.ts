/**
 * Draws problems for people at a terminal: place, code word, sentence, the line with a pointer, and the next
 * step. The one place where this is done, so that all commands look the same. Texts may come from a broken file
 * or from the network, so control characters never reach the terminal.
 */

import { styleText } from "node:util";
import type { Problem, TextPosition } from "../core/base/report.ts";

/** A line that is longer is drawn in part, around the pointer. */
const LONGEST_DRAWN = 110;
/** Hints that are longer together stand below each other. */
const LONGEST_HINTS = 90;

/** Writes problems to a stream (standard error unless told), in colour where a person reads it. */
export function printProblems(problems: readonly Problem[], stream: NodeJS.WriteStream = process.stderr): void {
  if (problems.length > 0) stream.write(`${showProblems(problems, stream)}\n`);
}

/** The drawing as text for a stream (standard output unless told), in colour where a person reads that. */
export function showProblems(problems: readonly Problem[], stream: NodeJS.WriteStream = process.stdout): string {
  return drawProblems(problems, hasColour(stream));
}

/** The drawing of several problems as text without a trailing newline. */
export function drawProblems(problems: readonly Problem[], colour = false): string {
  const paint = painter(colour);
  return problems.map((problem) => draw(problem, paint)).join("\n");
}

/** Is a person with a colour terminal at the other end? Follows NO_COLOR and FORCE_COLOR. */
function hasColour(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && stream.hasColors();
}

type Style = Parameters<typeof styleText>[0];
type Paint = (style: Style, text: string) => string;

function painter(colour: boolean): Paint {
  return (style, text) => (colour && text !== "" ? styleText(style, text, { validateStream: false }) : text);
}

const SEVERITY_STYLE: Record<Problem["severity"], Style> = { error: "red", warning: "yellow", info: "cyan" };

function draw(problem: Problem, paint: Paint): string {
  const style = SEVERITY_STYLE[problem.severity];
  const label = problem.severity === "error" ? [] : [paint(style, problem.severity)];
  const place = placeOf(problem);
  const head = [
    ...(place === "" ? [] : [paint("bold", place)]),
    ...label,
    paint(style, problem.code),
    printable(problem.message),
  ];
  const hints = hintsOf(problem);
  if (problem.at === undefined || problem.at.text.trim() === "") {
    return [head.join("  "), ...hints.map((hint) => `     ${paint("dim", hint)}`)].join("\n");
  }
  return [
    head.join("  "),
    ...drawLine(
      problem.at,
      hints,
      (text) => paint(style, text),
      (text) => paint("dim", text),
    ),
  ].join("\n");
}

function placeOf(problem: Problem): string {
  if (problem.at !== undefined) return printable(`${problem.at.file}:${problem.at.line}:${problem.at.column}`);
  const { node, group, resource, link, file } = problem.subject ?? {};
  // A message about a file or a group usually names it; a place that only repeats it is noise.
  const subject = [file, node, group, resource, link].filter(
    (word) => word !== undefined && !problem.message.includes(word),
  );
  return printable(subject.join(" "));
}

function hintsOf(problem: Problem): string[] {
  const hints: string[] = [];
  if (problem.nearest !== undefined) hints.push(`did you mean "${problem.nearest}"?`);
  else if (problem.expected !== undefined) hints.push(`expected: ${problem.expected}`);
  if (problem.next !== undefined) hints.push(`next: ${problem.next}`);
  return hints.map(printable);
}

function drawLine(
  at: TextPosition,
  hints: readonly string[],
  mark: (text: string) => string,
  faint: (text: string) => string,
): string[] {
  const number = String(at.line).padStart(6);
  const gutter = faint(`${" ".repeat(number.length)} |`);
  const { text, start } = windowOf(at);
  const pointer = `${" ".repeat(start)}${mark("^".repeat(Math.max(1, Math.min(at.length, text.length - start))))}`;
  const drawn = [`${faint(`${number} |`)} ${text}`];
  const isShort = hints.join("   ").length <= LONGEST_HINTS;
  if (isShort) return [...drawn, `${gutter} ${[`${pointer} `, hints.join("   ")].join(" ").trimEnd()}`];
  return [...drawn, `${gutter} ${pointer}`, ...hints.map((hint) => `${gutter} ${faint(hint)}`)];
}

/** The part of the line that is drawn, and where in it the pointer begins. */
function windowOf(at: TextPosition): { text: string; start: number } {
  const text = printable(at.text);
  const start = at.column - 1;
  if (text.length <= LONGEST_DRAWN) return { text, start };
  const from = Math.max(0, Math.min(start - 30, text.length - LONGEST_DRAWN));
  const before = from > 0 ? "…" : "";
  return { text: `${before}${text.slice(from, from + LONGEST_DRAWN)}…`, start: start - from + before.length };
}

/** One character stays one character, so that pointers stay under what they point at. */
function printable(text: string): string {
  return text.replaceAll("\t", " ").replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "\uFFFD");
}
