/** JSON without secrets: sentences, argument lists and what stands under a name like "password". */

import { LEFT_OUT, leaveSecretsOut, leaveSecretsOutOfArguments } from "../core/recording/redact.ts";

const SECRET_NAME = /pass(word|wd|phrase)|secret|token|api[-_]?key|credential|authorization|private[-_]?key/i;
/** Names of files by their content: they look like key material and are none. */
const HASH_NAME = /^(config|configHash|hash)$/;

/** The value without secrets, to be written as JSON. */
export function cleanJson(value: unknown, name = ""): unknown {
  if (typeof value === "string") {
    if (SECRET_NAME.test(name)) return LEFT_OUT;
    return HASH_NAME.test(name) && /^[0-9a-f]{64}$/.test(value)
      ? `sha256:${value.slice(0, 16)}`
      : leaveSecretsOut(value);
  }
  if (Array.isArray(value)) {
    if (value.every((each) => typeof each === "string")) return leaveSecretsOutOfArguments(value);
    return value.map((each) => cleanJson(each, name));
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, cleanJson(each, key)]));
}

/** Lines of JSON, each cleaned; a line that is none is cleaned as text. */
export function cleanJsonLines(text: string): string {
  return text
    .split("\n")
    .map((line) => {
      try {
        return line === "" ? "" : JSON.stringify(cleanJson(JSON.parse(line)));
      } catch {
        return leaveSecretsOut(line);
      }
    })
    .join("\n");
}
