/** What nginx says when it refuses something: the lines that matter, without times and numbers of processes. */

import type { Problem } from "../../../core/base/report.ts";
import { engineProblem } from "../engine.ts";

const SERIOUS = /^(?:nginx: |\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d )\[(?:emerg|crit|alert)\] (?:\d+#\d+: )?(?:\*\d+ )?(.*)$/;
const MAX_SENTENCES = 3;

/** Sentences of nginx' words that say why something did not work, each once. */
export function seriousWords(words: string): readonly string[] {
  const sentences = words.split("\n").flatMap((line) => {
    const sentence = SERIOUS.exec(line)?.[1];
    return sentence === undefined ? [] : [sentence];
  });
  return [...new Set(sentences)];
}

/** One problem for each sentence; the place in the config that it names is quoted, so that nobody must look for it. */
export function refusalProblems(said: {
  readonly code: string;
  readonly words: string;
  /** The config that was refused. */
  readonly config: string;
  readonly next: string;
}): readonly Problem[] {
  const sentences = seriousWords(said.words).slice(0, MAX_SENTENCES);
  const whole = said.words.trim().split("\n").slice(-MAX_SENTENCES).join(" | ");
  if (sentences.length === 0)
    return [engineProblem(said.code, `nginx: ${whole === "" ? "it says nothing" : whole}`, said.next)];
  return sentences.map((sentence) => engineProblem(said.code, `nginx: ${withLine(sentence, said.config)}`, said.next));
}

function withLine(sentence: string, config: string): string {
  const [, rest = sentence, line] = /^(.*?) in \S+nginx\.conf:(\d+)$/.exec(sentence) ?? [];
  const quoted = line === undefined ? undefined : config.split("\n")[Number(line) - 1]?.trim();
  return quoted === undefined ? rest : `${rest} (${quoted})`;
}
