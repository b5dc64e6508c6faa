/**
 * A cluster file as it may be passed on: comments are left out, since nobody knows what people write there, and so
 * is whatever looks like a secret. It works on the text and not on the parsed file, because the file of a bug report
 * may be one that cannot be parsed; line numbers stay, for the problems that name them.
 */

import { LEFT_OUT, leaveSecretsOut } from "../core/recording/redact.ts";

/** A cluster file's text without comments and secrets. */
export function cleanConfig(text: string): string {
  return leaveSecretsOut(text.split("\n").map(withoutComment).join("\n"));
}

/** A comment begins with a number sign at the line's beginning or after a blank, outside of quotes. */
function withoutComment(line: string): string {
  let quote: string | undefined;
  for (let at = 0; at < line.length; at++) {
    const sign = line[at] as string;
    if (quote !== undefined) {
      if (sign === "\\" && quote === '"') at++;
      else if (sign === quote) quote = undefined;
    } else if ((sign === '"' || sign === "'") && /(^|[\s[{,:])$/.test(line.slice(0, at))) quote = sign;
    else if (sign === "#" && (at === 0 || /\s/.test(line[at - 1] ?? ""))) return `${line.slice(0, at)}# ${LEFT_OUT}`;
  }
  return line;
}
