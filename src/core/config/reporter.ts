/**
 * Collects what is wrong while the parts of a cluster file are put together, with places, and knows the sentences
 * that are needed everywhere: an unknown name, something listed twice, too many entries.
 */

import { MAX_NODES } from "../base/limits.ts";
import type { Problem } from "../base/report.ts";
import { pathText } from "./findings.ts";
import { nearestWord } from "./nearest.ts";
import type { ConfigCode } from "./setting.ts";
import { problem } from "./source.ts";
import type { ConfigPath, Positions } from "./source.ts";

/** What can be named elsewhere in the file. */
export type NamedKind = "node" | "monitor" | "pool";

const UNKNOWN_CODES: Readonly<Record<NamedKind, ConfigCode>> = {
  node: "CONFIG_UNKNOWN_NODE",
  monitor: "CONFIG_UNKNOWN_MONITOR",
  pool: "CONFIG_UNKNOWN_POOL",
};

export class Reporter {
  readonly problems: Problem[] = [];
  private readonly positions: Positions;

  constructor(positions: Positions) {
    this.positions = positions;
  }

  /** A problem at the value of `path`; the message begins with the path unless it names it. */
  report(code: ConfigCode, path: ConfigPath, message: string, more: Partial<Problem>): void {
    const where = message.includes(pathText(path)) ? "" : `${pathText(path)}: `;
    this.problems.push(problem(code, `${where}${message}`, this.positions.value(path), more));
  }

  /** The same at the key of `path`. */
  reportKey(code: ConfigCode, path: ConfigPath, message: string, more: Partial<Problem>): void {
    const where = message.includes(pathText(path)) ? "" : `${pathText(path)}: `;
    this.problems.push(problem(code, `${where}${message}`, this.positions.key(path), more));
  }

  /** Refuses a name that is not among `names`. */
  known(kind: NamedKind, name: string, path: ConfigPath, names: ReadonlySet<string>): boolean {
    if (names.has(name)) return true;
    const nearest = nearestWord(name, names);
    this.report(UNKNOWN_CODES[kind], path, `there is no ${kind} "${name}"`, {
      ...(names.size > 0 && names.size <= MAX_NODES && { expected: [...names].join(", ") }),
      ...(nearest && { nearest }),
      next: nearest ? "correct the name" : `add it under \`${kind}s\`, or leave it out here`,
    });
    return false;
  }

  /** Refuses what is in a list twice. */
  distinct(path: ConfigPath, names: readonly string[]): void {
    const seen = new Set<string>();
    for (const [index, name] of names.entries()) {
      if (seen.has(name))
        this.report("CONFIG_DUPLICATE_ENTRY", [...path, index], `${name} is listed twice`, {
          next: "keep one of them",
        });
      seen.add(name);
    }
  }

  /** Refuses too few or too many entries. */
  count(path: ConfigPath, count: number, limit: { least: number; most: number; what: string }): void {
    if (count >= limit.least && count <= limit.most) return;
    const code = count < limit.least ? "CONFIG_EMPTY" : "CONFIG_TOO_MANY";
    const expected = count < limit.least ? `at least one ${limit.what}` : `at most ${limit.most}`;
    const at = this.positions.key(path);
    this.problems.push(
      problem(code, `${pathText(path)} ${count === 0 ? "is empty" : `has ${count} entries`}`, at, { expected }),
    );
  }
}
