/**
 * Leaves secrets out of texts that people pass on: what follows a word like "password", credentials in addresses,
 * and what looks like key material. It errs on the side of leaving out, and it cannot know a secret that looks like
 * an ordinary word: whoever reads a bundle is told so. Applying it twice changes nothing more.
 */

/** Stands for what was left out. */
export const LEFT_OUT = "<left-out>";

const SECRET_WORD =
  "pass(?:word|wd|phrase)?|secret|token|api[-_]?key|credentials?|authorization|auth[-_]?key|private[-_]?key";

/** Between an option and its argument: in a command line, in a list on one line, in a list of lines. */
const SEPARATOR = "(?:\\s{1,9}|[\"']?\\s{0,9},\\s{0,9}|[\"']?[ \\t]*\\n\\s{0,60}-[ \\t]+)";

const PATTERNS: readonly (readonly [pattern: RegExp, instead: string])[] = [
  // `https://user:password@host`
  [/(?<![a-z0-9+.-])([a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/@"']{1,300}@/gi, `$1${LEFT_OUT}@`],
  // `Authorization: Bearer abc`, `Bearer abc`
  [/\b(bearer|basic)\s{1,9}[A-Za-z0-9+/._~-]{8,}=*/gi, `$1 ${LEFT_OUT}`],
  // `password=x`, `--token x`, `"secret": "x y"`, `DB_PASSWORD: x`
  [
    new RegExp(
      `((?:${SECRET_WORD})[\\w-]{0,60}["']?\\s{0,9}[=:]\\s{0,9})("[^"\\n]*"|'[^'\\n]*'|(?!(?:bearer|basic)\\s)[^\\s,;&"']+)`,
      "gi",
    ),
    `$1${LEFT_OUT}`,
  ],
  [
    new RegExp(
      `(?<![\\w-])(--?(?:[\\w-]{0,60}[-_])?(?:${SECRET_WORD})[\\w-]{0,60}${SEPARATOR})("[^"\\n]*"|'[^'\\n]*'|[^\\s,\\]"'-][^\\s,\\]"']*)`,
      "gi",
    ),
    `$1${LEFT_OUT}`,
  ],
  // PEM blocks, and 32 bytes or more in hexadecimal or base64 that stand alone
  [/-----BEGIN [A-Z ]*KEY-----[\s\S]*?(?:-----END [A-Z ]*KEY-----|$)/g, LEFT_OUT],
  [
    /(?<![A-Za-z0-9+/=_-])(?:[0-9a-fA-F]{64,}|(?=[A-Za-z0-9+/]*[0-9+/])(?=[A-Za-z0-9+/]*[A-Z])[A-Za-z0-9+/]{43,}={0,2})(?![A-Za-z0-9+/=])/g,
    LEFT_OUT,
  ],
];

/** What was left out may bring things together that look like a secret again; more rounds than this never helped. */
const MAX_ROUNDS = 10;

/** The text without what looks like a secret. */
export function leaveSecretsOut(text: string): string {
  let left = text;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const before = left;
    // Between two marks each: a mark is not the secret that follows a word.
    left = before.split(LEFT_OUT).map(leaveOutOnce).join(LEFT_OUT);
    if (left === before) break;
  }
  return left;
}

function leaveOutOnce(text: string): string {
  let left = text;
  for (const [pattern, instead] of PATTERNS) left = left.replace(pattern, instead);
  return left;
}

/** An argument list without what looks like a secret, also when word and secret are two arguments. */
export function leaveSecretsOutOfArguments(argv: readonly string[]): readonly string[] {
  const isSecretOption = new RegExp(`^--?(?:[\\w-]*[-_])?(?:${SECRET_WORD})[\\w-]*$`, "i");
  return argv.map((each, index) =>
    index > 0 && isSecretOption.test(argv[index - 1] ?? "") ? LEFT_OUT : leaveSecretsOut(each),
  );
}
