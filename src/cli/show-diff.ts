/** What a new cluster file would change, on the screen: settings, lines of the engine's files, how, and who is at risk. */

import type { ConfigChange, ConfigPart } from "../core/config/diff.ts";
import { harmless, paint, table } from "./terminal.ts";

/** Everything that `diff` found; printed as it is with --json. */
export interface DiffReport {
  /** What is compared: a daemon's node or a file. */
  readonly before: string;
  readonly after: string;
  readonly changes: readonly ConfigChange[];
  /** Files of the engine that differ, each as lines of a unified diff. */
  readonly files: readonly { readonly path: string; readonly lines: readonly string[] }[];
  /** How it would come into effect, in order. */
  readonly how: readonly string[];
  readonly atRisk: readonly string[];
}

/** Ready to print. */
export function showDiff(report: DiffReport): string {
  const { before, after, changes, files, how, atRisk } = report;
  const title = `${paint("bold", harmless(after))}  ${paint("dim", `compared with ${harmless(before)}`)}`;
  if (changes.length === 0) return `${title}\n\nnothing changes: both mean the same`;
  const parts = [...new Set(changes.map(({ part }) => part))];
  return [
    title,
    ...parts.map((part) => showPart(part, changes)),
    ...files.map(({ lines }) => lines.map(paintLine).join("\n")),
    section("how", how),
    section(
      "at risk",
      atRisk.length === 0 ? ["nobody: no connection is cut, and visitors keep their members"] : atRisk,
    ),
  ].join("\n\n");
}

function showPart(part: ConfigPart, changes: readonly ConfigChange[]): string {
  const rows = changes
    .filter((change) => change.part === part)
    .map(({ path, before, after }) => {
      const mark = before === undefined ? "+" : after === undefined ? "-" : "~";
      const style = mark === "+" ? "green" : mark === "-" ? "red" : "yellow";
      const [old, now] = [harmless(before ?? ""), harmless(after ?? "")];
      const words = mark === "~" ? `${old} -> ${now}` : mark === "+" ? now : old;
      return [paint(style, mark), harmless(path), words];
    });
  return `${paint("bold", part)}\n${table(rows, "  ")}`;
}

function section(title: string, lines: readonly string[]): string {
  return `${paint("bold", title)}\n${lines.map((line) => `  ${harmless(line)}`).join("\n")}`;
}

/** As `diff --color` does. */
function paintLine(line: string): string {
  const text = harmless(line.replaceAll("\t", "    "));
  if (/^(---|\+\+\+) /.test(text)) return paint("bold", text);
  if (text.startsWith("@@")) return paint("cyan", text);
  if (text.startsWith("-")) return paint("red", text);
  return text.startsWith("+") ? paint("green", text) : text;
}
