/**
 * Reads the words of one statement one after another. What cannot be read becomes a problem that points at the word,
 * names the nearest valid one and says what to do; reading goes on, so that one run finds every mistake.
 */

import { MAX_SCRIPT_PROBLEMS, MAX_SCRIPT_TIME_MS } from "../../core/base/limits.ts";
import type { Problem, TextPosition } from "../../core/base/report.ts";
import { formatDuration, parseDuration } from "../../core/config/duration.ts";
import { nearestWord } from "../../core/config/nearest.ts";
import type { Names } from "./names.ts";
import type { Span } from "./place.ts";

export type ScriptCode =
  | "SCRIPT_BAD_DURATION"
  | "SCRIPT_BAD_SHARE"
  | "SCRIPT_BAD_SPLIT"
  | "SCRIPT_BAD_WORD"
  | "SCRIPT_EMPTY"
  | "SCRIPT_EXTRA_WORD"
  | "SCRIPT_IMPOSSIBLE"
  | "SCRIPT_MISSING_WORD"
  | "SCRIPT_TOO_LONG"
  | "SCRIPT_TOO_MANY"
  | "SCRIPT_UNKNOWN_GROUP"
  | "SCRIPT_UNKNOWN_LINK"
  | "SCRIPT_UNKNOWN_MONITOR"
  | "SCRIPT_UNKNOWN_NODE"
  | "SCRIPT_UNKNOWN_SERVICE"
  | "SCRIPT_UNKNOWN_VERB";

/** A word and where it stands. */
export interface Word extends Span {
  readonly text: string;
}

/** Makes a problem of severity `error`. */
export function scriptProblem(
  code: ScriptCode,
  message: string,
  at: TextPosition | undefined,
  more: Partial<Problem> = {},
): Problem {
  return { code, severity: "error", message, ...(at && { at }), ...more };
}

/** Collects problems, and only so many: a wrong file must not drown its first mistake. */
export class Findings {
  readonly problems: Problem[] = [];
  #more = 0;

  add(problem: Problem): void {
    if (this.problems.length < MAX_SCRIPT_PROBLEMS) this.problems.push(problem);
    else this.#more++;
  }

  /** In the order of the text, with the number of those that are not told. */
  inOrder(): Problem[] {
    const rank = ({ at }: Problem) => (at === undefined ? 0 : at.line * 1e6 + at.column);
    const sorted = this.problems.toSorted((a, b) => rank(a) - rank(b));
    if (this.#more === 0) return sorted;
    const rest = scriptProblem("SCRIPT_TOO_MANY", `and ${this.#more} more problems`, undefined, {
      next: "correct these first",
    });
    return [...sorted, rest];
  }
}

/** The words of one statement behind its verb. A method that answers undefined has told what is wrong. */
export class Reader {
  readonly names: Names;
  readonly #words: readonly Word[];
  readonly #usage: string;
  readonly #findings: Findings;
  readonly #place: (span: Span) => TextPosition;
  #next = 1;

  constructor(options: {
    names: Names;
    words: readonly Word[];
    usage: string;
    findings: Findings;
    place: (span: Span) => TextPosition;
  }) {
    this.names = options.names;
    this.#words = options.words;
    this.#usage = options.usage;
    this.#findings = options.findings;
    this.#place = options.place;
  }

  /** Takes the word when it is this one. */
  accept(word: string): boolean {
    if (this.#words[this.#next]?.text !== word) return false;
    this.#next++;
    return true;
  }

  /** The word that comes next, not taken. */
  peek(): string | undefined {
    return this.#words[this.#next]?.text;
  }

  node(): number | undefined {
    const word = this.#take("a node");
    return word && this.#nodeNamed(word, word.text);
  }

  /** `NODE` or `NODE:LINK`; without a link all links are meant. */
  cable(): { node: number; links: readonly number[]; isWhole: boolean } | undefined {
    const word = this.#take("a node");
    if (word === undefined) return undefined;
    const colon = word.text.indexOf(":");
    const name = colon < 0 ? word.text : word.text.slice(0, colon);
    const node = this.#nodeNamed({ ...word, end: word.start + name.length }, name);
    if (node === undefined) return undefined;
    if (colon < 0) return { node, links: this.names.wires.map(({ link }) => link), isWhole: true };
    const rest = { start: word.start + colon + 1, end: word.end, text: word.text.slice(colon + 1) };
    const links = this.#linksNamed(rest, node);
    return links && { node, links, isWhole: false };
  }

  links(): readonly number[] | undefined {
    const word = this.#take("a link");
    return word && this.#linksNamed(word, undefined);
  }

  /** What `heal` is about: `all`, a node, a node's cable, or a link. */
  healed(): { node: number | undefined; links: readonly number[] | undefined } | "all" | undefined {
    const text = this.peek();
    if (text === "all") {
      this.#next++;
      return "all";
    }
    const [first = ""] = text?.split(",") ?? [];
    if (this.names.linksNamed(first).length > 0 && !this.names.nodes.includes(first))
      return { node: undefined, links: this.links() };
    const cable = this.cable();
    return cable && { node: cable.node, links: cable.isWhole ? undefined : cable.links };
  }

  group(): string | undefined {
    return this.#named("a group", this.names.groups, "SCRIPT_UNKNOWN_GROUP");
  }

  monitor(): string | undefined {
    return this.#named("a monitor", this.names.monitors, "SCRIPT_UNKNOWN_MONITOR");
  }

  service(): string | undefined {
    const word = this.#words[this.#next];
    if (word?.text.startsWith("everywhere/")) {
      this.#next++;
      return this.refuse(word, "SCRIPT_UNKNOWN_SERVICE", "services that run everywhere move nothing", {
        expected: this.#list(this.names.services),
        next: "let a monitor that groups require go down instead",
      });
    }
    return this.#named("a service", this.names.services, "SCRIPT_UNKNOWN_SERVICE");
  }

  /** One of some words. */
  word<T extends string>(words: readonly T[]): T | undefined {
    const word = this.#take(words.join(" or "));
    if (word === undefined) return undefined;
    const found = words.find((one) => one === word.text);
    if (found !== undefined) return found;
    const nearest = nearestWord(word.text, words);
    return this.refuse(word, "SCRIPT_BAD_WORD", `"${word.text}" is not understood here`, {
      expected: words.join(", "),
      ...(nearest && { nearest }),
      next: `write ${this.#usage}`,
    });
  }

  duration(): number | undefined {
    const word = this.#take("a duration like 5s");
    if (word === undefined) return undefined;
    const ms = parseDuration(word.text);
    const expected = "a duration like 100ms, 5s or 2m";
    if (ms === undefined) {
      const isBare = /^[0-9.]+$/.test(word.text);
      const what = word.text.startsWith("-") ? "goes back in time" : isBare ? "has no unit" : "is no duration";
      return this.refuse(word, "SCRIPT_BAD_DURATION", `${word.text} ${what}`, { expected });
    }
    if (ms === 0) return this.refuse(word, "SCRIPT_BAD_DURATION", `${word.text} is no time at all`, { expected });
    if (ms <= MAX_SCRIPT_TIME_MS) return ms;
    return this.refuse(word, "SCRIPT_BAD_DURATION", `${word.text} is longer than a script may last`, {
      expected: `at most ${formatDuration(MAX_SCRIPT_TIME_MS)}`,
    });
  }

  /** `for DURATION` at the end of a trouble; absent means until something ends it. */
  lasting(): { forMs: number | undefined } | undefined {
    if (!this.accept("for")) return { forMs: undefined };
    const forMs = this.duration();
    return forMs === undefined ? undefined : { forMs };
  }

  /** `20%`, as a fraction. */
  share(): number | undefined {
    const word = this.#take("a share like 20%");
    if (word === undefined) return undefined;
    const percent = /^([0-9]{1,3}(?:\.[0-9]{1,3})?)%$/.exec(word.text)?.[1];
    if (percent !== undefined && Number(percent) <= 100) return Number(percent) / 100;
    return this.refuse(word, "SCRIPT_BAD_SHARE", `${word.text} is no share of packets`, { expected: "0% to 100%" });
  }

  /** All remaining words before `for`, as one: for lists in which blanks may stand. */
  list(what: string): Word[] {
    const words: Word[] = [];
    while (this.#next < this.#words.length && this.peek() !== "for") {
      words.push(this.#words[this.#next] as Word);
      this.#next++;
    }
    if (words.length === 0) this.#take(what);
    return words;
  }

  nodeOrNothing(name: string): number | undefined {
    const index = this.names.nodes.indexOf(name);
    return index < 0 ? undefined : index;
  }

  /** Tells that a word is wrong; answers undefined, for `return`. */
  refuse(at: Span, code: ScriptCode, message: string, more: Partial<Problem>): undefined {
    this.#findings.add(scriptProblem(code, message, this.#place(at), more));
  }

  unknownNode(at: Span, name: string): undefined {
    const nearest = nearestWord(name, this.names.nodes);
    return this.refuse(at, "SCRIPT_UNKNOWN_NODE", `there is no node "${name}"`, {
      expected: this.#list(this.names.nodes),
      ...(nearest && { nearest }),
    });
  }

  /** Words that are left over at the end are a mistake. */
  end(): void {
    const [first] = this.#words.slice(this.#next);
    const last = this.#words.at(-1);
    if (first === undefined || last === undefined) return;
    this.refuse({ start: first.start, end: last.end }, "SCRIPT_EXTRA_WORD", `"${first.text}" is one word too many`, {
      next: `write ${this.#usage}; statements are separated by ; or a new line`,
    });
  }

  #nodeNamed(at: Span, name: string): number | undefined {
    return this.nodeOrNothing(name) ?? this.unknownNode(at, name);
  }

  /** One link, or several with commas between them. */
  #linksNamed(word: Word, node: number | undefined): readonly number[] | undefined {
    const links = new Set<number>();
    let start = word.start;
    for (const text of word.text.split(",")) {
      const named = this.names.linksNamed(text, node);
      if (named.length === 0) return this.#unknownLink({ start, end: start + text.length }, text, node);
      for (const link of named) links.add(link);
      start += text.length + 1;
    }
    return [...links].toSorted((a, b) => a - b);
  }

  #unknownLink(at: Span, name: string, node: number | undefined): undefined {
    const words = [...new Set(this.names.linkWords(node))];
    const nearest = nearestWord(name, words);
    const whose = node === undefined ? "there is no link" : `${this.names.nodes[node]} has no link`;
    return this.refuse(at, "SCRIPT_UNKNOWN_LINK", `${whose} "${name}"`, {
      expected: this.#list(words),
      ...(nearest && { nearest }),
    });
  }

  #named(what: string, names: readonly string[], code: ScriptCode): string | undefined {
    const word = this.#take(what);
    if (word === undefined || names.includes(word.text)) return word?.text;
    const nearest = nearestWord(word.text, names);
    return this.refuse(word, code, `there is no ${what.replace(/^an? /, "")} "${word.text}"`, {
      ...(names.length === 0 ? { next: "the cluster file has none" } : { expected: this.#list(names) }),
      ...(nearest && { nearest }),
    });
  }

  #list(words: readonly string[]): string {
    return words.length <= MOST_LISTED ? words.join(", ") : `${words.slice(0, MOST_LISTED).join(", ")}, …`;
  }

  #take(what: string): Word | undefined {
    const word = this.#words[this.#next];
    if (word !== undefined) {
      this.#next++;
      return word;
    }
    const last = this.#words.at(-1) as Word;
    return this.refuse({ start: last.start, end: last.end }, "SCRIPT_MISSING_WORD", `${what} is missing here`, {
      next: `write ${this.#usage}`,
    });
  }
}

/** Names that a hint lists. */
const MOST_LISTED = 16;
