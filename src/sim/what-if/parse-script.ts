/**
 * A what-if script from text to statements: one pass that finds every mistake, or statements that may be played
 * without looking again. Statements are separated by `;` or new lines; `#` begins a remark.
 */

import { MAX_SCRIPT_LENGTH, MAX_SCRIPT_STATEMENTS, MAX_SCRIPT_TIME_MS } from "../../core/base/limits.ts";
import type { Problem, Result, TextPosition } from "../../core/base/report.ts";
import type { ClusterConfig } from "../../core/config/cluster.ts";
import { formatDuration } from "../../core/config/duration.ts";
import { nearestWord } from "../../core/config/nearest.ts";
import { Names } from "./names.ts";
import { placer, type Span } from "./place.ts";
import { Rehearsal } from "./rehearsal.ts";
import { Findings, Reader, scriptProblem, type Word } from "./reader.ts";
import type { Statement } from "./statement.ts";
import { OTHER_WORDS, SCRIPT_VERBS } from "./verbs.ts";

/** A script that may be played. */
export interface Script {
  readonly statements: readonly Statement[];
  /** How much time its `wait`s take together. */
  readonly totalMs: number;
}

/**
 * Reads a script for a cluster; `file` names it in messages. `gateways`: per link, who stands there.
 * Errors come all at once in the order of the text; it never throws.
 */
export function parseScript(
  original: string,
  options: { file: string; config: ClusterConfig; gateways: readonly (readonly string[])[] },
): Result<Script> {
  const { file, config } = options;
  const text = original.startsWith("\uFEFF") ? original.slice(1) : original;
  const refused = (problem: Problem): Result<Script> => ({ ok: false, problems: [problem] });
  if (text.length > MAX_SCRIPT_LENGTH) {
    const message = `the script has ${text.length} characters, at most ${MAX_SCRIPT_LENGTH} are read`;
    return refused(scriptProblem("SCRIPT_TOO_LONG", message, undefined, { subject: { file } }));
  }
  const place = placer(text, file);
  const findings = new Findings();
  const sentences = split(text);
  const beyond = sentences[MAX_SCRIPT_STATEMENTS]?.[0];
  if (beyond !== undefined) {
    const message = `the script has ${sentences.length} statements, at most ${MAX_SCRIPT_STATEMENTS} are played`;
    return refused(scriptProblem("SCRIPT_TOO_MANY", message, place(beyond), { next: "make several scripts of it" }));
  }
  if (sentences.length === 0) {
    return refused(
      scriptProblem("SCRIPT_EMPTY", "the script says nothing", undefined, {
        next: 'write what happens, like "power srv1; wait 5s"',
      }),
    );
  }
  const names = new Names(config);
  const rehearsal = new Rehearsal({ names, gateways: options.gateways });
  const statements: Statement[] = [];
  let totalMs = 0;
  for (const words of sentences) {
    const statement = readSentence(words, { names, findings, place });
    if (statement === undefined) continue;
    const hitch = rehearsal.play(statement.action);
    if (hitch !== undefined)
      findings.add(scriptProblem("SCRIPT_IMPOSSIBLE", hitch.message, statement.at, { next: hitch.next }));
    if (statement.action.kind === "wait") {
      const before = totalMs;
      totalMs += statement.action.ms;
      if (before <= MAX_SCRIPT_TIME_MS && totalMs > MAX_SCRIPT_TIME_MS) findings.add(tooLong(statement.at));
    }
    statements.push(statement);
  }
  const problems = findings.inOrder();
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: { statements, totalMs }, problems: [] };
}

function tooLong(at: TextPosition): Problem {
  const limit = formatDuration(MAX_SCRIPT_TIME_MS);
  return scriptProblem("SCRIPT_TOO_LONG", `with this wait the script lasts longer than ${limit}`, at, {
    expected: `at most ${limit} in all`,
  });
}

/** Statements as lists of words; empty ones are left out. */
function split(text: string): Word[][] {
  const sentences: Word[][] = [[]];
  for (const match of text.matchAll(/#[^\n]*|[;\n]|[^\s;#]+/g)) {
    const [word] = match;
    if (word.startsWith("#")) continue;
    if (word === ";" || word === "\n") sentences.push([]);
    else sentences.at(-1)?.push({ text: word, start: match.index, end: match.index + word.length });
  }
  return sentences.filter((words) => words.length > 0);
}

function readSentence(
  words: readonly Word[],
  tools: { names: Names; findings: Findings; place: (span: Span) => TextPosition },
): Statement | undefined {
  const { names, findings, place } = tools;
  const [first] = words;
  const last = words.at(-1);
  if (first === undefined || last === undefined) return undefined;
  const verb = Object.hasOwn(SCRIPT_VERBS, first.text) ? SCRIPT_VERBS[first.text] : undefined;
  if (verb === undefined) {
    findings.add(unknownVerb(first, place(first)));
    return undefined;
  }
  const reader = new Reader({ names, words, usage: verb.usage, findings, place });
  const action = verb.read(reader);
  if (action === undefined) return undefined;
  reader.end();
  return { action, text: words.map((word) => word.text).join(" "), at: place({ start: first.start, end: last.end }) };
}

function unknownVerb({ text }: Word, at: TextPosition): Problem {
  const known = Object.keys(SCRIPT_VERBS);
  const other = Object.hasOwn(OTHER_WORDS, text.toLowerCase()) ? OTHER_WORDS[text.toLowerCase()] : undefined;
  const nearest = other ?? nearestWord(text, known);
  const usage = nearest === undefined ? undefined : SCRIPT_VERBS[nearest]?.usage;
  return scriptProblem("SCRIPT_UNKNOWN_VERB", `there is no verb "${text}"`, at, {
    ...(nearest === undefined ? { expected: known.join(", ") } : { nearest }),
    ...(usage !== undefined && { next: `write ${usage}` }),
  });
}
