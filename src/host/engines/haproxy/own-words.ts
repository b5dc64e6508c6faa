/**
 * HAProxy's words when it refuses a config or cannot start, as problems: what it said, at which line, and which site or
 * pool of the cluster file that line was made from.
 */

import type { Problem } from "../../../core/base/report.ts";

/** Problems told at most; one mistake of ours can make a line of complaint for every pool. */
const MAX_PROBLEMS = 10;

export interface Refusal {
  readonly code: "ENGINE_CONFIG_REFUSED" | "ENGINE_NOT_STARTED" | "ENGINE_RELOAD_FAILED";
  /** What HAProxy wrote. */
  readonly words: string;
  /** The config that it read, to look lines up in. */
  readonly config: string;
  readonly next: string;
}

/** At least one problem. */
export function refusalProblems({ code, words, config, next }: Refusal): Problem[] {
  const alerts = words.split("\n").flatMap((line) => {
    const [, text] = /^\[ALERT\]\s+(?:\(\d+\)|[\d/]+)\s*:\s*(.*)$/.exec(line) ?? [];
    return text === undefined || isSummary(text) ? [] : [text.trim()];
  });
  // A syslog that is away ends nothing, and is only told when nothing else is.
  const grave = alerts.filter((text) => !/failed in logger #\d+/.test(text));
  const said = [...new Set(grave.length > 0 ? grave : alerts)];
  if (said.length === 0) {
    const last = words.trim().split("\n").slice(-3).join(" | ");
    return [problem(code, `haproxy ended${last === "" ? " without a word" : `: ${last.slice(0, 500)}`}`, next)];
  }
  const told = said.slice(0, MAX_PROBLEMS).map((text) => problem(code, explain(text, config.split("\n")), next));
  if (said.length <= MAX_PROBLEMS) return told;
  return [...told, problem(code, `haproxy has ${said.length - MAX_PROBLEMS} more complaints`, next)];
}

/** Lines that only say that there were others. */
function isSummary(text: string): boolean {
  return /Error\(s\) found|Fatal errors found|haproxy\.main\(\)\] Some protocols failed|exit-on-failure/i.test(text);
}

function explain(text: string, lines: readonly string[]): string {
  const clean = text.replace(/^config : /, "");
  const [whole = "", number] = /\[[^\]]*\/(?:haproxy\.cfg):(\d+)\]/.exec(clean) ?? [];
  if (number === undefined) return `haproxy says: ${clean}`;
  const index = Number(number) - 1;
  const heading = headingOf(lines, index);
  const place = `haproxy.cfg:${number}${heading === undefined ? "" : ` (${heading})`}`;
  const line = (lines[index] ?? "").trim().slice(0, 120);
  return `haproxy says: ${clean.replace(whole, place)}${line === "" ? "" : `, in the line "${line}"`}`;
}

/** The section that a line belongs to. */
function headingOf(lines: readonly string[], index: number): string | undefined {
  for (let at = index; at >= 0; at--) if (/^[a-z]/.test(lines[at] ?? "")) return lines[at]?.trim();
  return undefined;
}

function problem(code: string, message: string, next: string): Problem {
  return { code, severity: "error", message, next };
}
