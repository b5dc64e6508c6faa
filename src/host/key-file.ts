/**
 * The cluster's shared key on disk: one key a line, the first signs, a second one is only accepted while keys
 * are being exchanged. A key that others can read is no key, so it is refused rather than warned about.
 */

import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import type { Stats } from "node:fs";
import { dirname } from "node:path";
import type { Problem, Result } from "../core/base/report.ts";

/** Keys valid at the same time: the one that signs and, during an exchange, the other. */
export const MAX_KEYS = 2;
/** Shortest key in bytes: as long as the HMAC's hash. */
export const MIN_KEY_BYTES = 32;
/** A longer file is no key file. */
const MAX_FILE_BYTES = 4_096;

/** Code words of what can be wrong with a key file. */
export type KeyCode =
  | "KEY_MISSING"
  | "KEY_UNREADABLE"
  | "KEY_WRONG_OWNER"
  | "KEY_READABLE_BY_OTHERS"
  | "KEY_MALFORMED"
  | "KEY_TOO_SHORT"
  | "KEY_TOO_MANY"
  | "KEY_EXISTS"
  | "KEY_NOT_WRITTEN";

/** Reads the keys, the signing one first, each of at least `MIN_KEY_BYTES`. Never throws. */
export function loadKeyFile(path: string): Result<readonly Uint8Array[]> {
  let descriptor: number | undefined;
  try {
    // Without O_NONBLOCK a named pipe would hold us here for ever.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const unfit = judgeFile(path, fstatSync(descriptor));
    if (unfit !== undefined) return failure(unfit);
    return readKeys(path, readFileSync(descriptor, "latin1"));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") {
      return failure(
        keyProblem(
          "KEY_MISSING",
          path,
          `the key file ${path} is missing`,
          `make it once with \`understudy keygen ${path}\`, then copy it to every node`,
        ),
      );
    }
    return failure(
      keyProblem(
        "KEY_UNREADABLE",
        path,
        `the key file ${path} cannot be read: ${message}`,
        "run as root, or correct the owner",
      ),
    );
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function judgeFile(path: string, status: Stats): Problem | undefined {
  if (!status.isFile())
    return keyProblem("KEY_UNREADABLE", path, `${path} is no regular file`, "name the key file under `key`");
  const own = process.geteuid?.() ?? 0;
  if (status.uid !== 0 && status.uid !== own) {
    return keyProblem(
      "KEY_WRONG_OWNER",
      path,
      `the key file ${path} belongs to user ${status.uid}, who could change it`,
      `chown root: ${path}`,
    );
  }
  const mode = status.mode & 0o777;
  if ((mode & 0o077) !== 0) {
    const text = mode.toString(8).padStart(4, "0");
    return keyProblem(
      "KEY_READABLE_BY_OTHERS",
      path,
      `the key file ${path} has mode ${text}: others than its owner can use it`,
      `chmod 600 ${path}`,
      "mode 0600",
    );
  }
  if (status.size > MAX_FILE_BYTES) {
    return keyProblem(
      "KEY_MALFORMED",
      path,
      `${path} has ${status.size} bytes and is no key file`,
      "name the key file under `key`",
    );
  }
  return undefined;
}

function readKeys(path: string, text: string): Result<readonly Uint8Array[]> {
  const problems: Problem[] = [];
  const keys: Uint8Array[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const word = line.replace(/#.*/, "").trim();
    if (word === "") continue;
    const key = decodeKey(word);
    const number = index + 1;
    // The line itself is a secret and is never shown.
    if (key === undefined) {
      problems.push(
        keyProblem(
          "KEY_MALFORMED",
          path,
          `line ${number} of ${path} is no key`,
          `make a new one with \`understudy keygen\``,
          "hexadecimal digits or base64",
        ),
      );
    } else if (key.length < MIN_KEY_BYTES) {
      problems.push(
        keyProblem(
          "KEY_TOO_SHORT",
          path,
          `the key in line ${number} of ${path} has ${key.length} bytes`,
          `make a new one with \`understudy keygen\``,
          `at least ${MIN_KEY_BYTES} bytes`,
        ),
      );
    } else keys.push(key);
  }
  if (keys.length > MAX_KEYS) {
    problems.push(
      keyProblem(
        "KEY_TOO_MANY",
        path,
        `${path} has ${keys.length} keys`,
        "remove the oldest",
        `at most ${MAX_KEYS}: the first signs, the second is only accepted`,
      ),
    );
  }
  if (keys.length === 0 && problems.length === 0) {
    problems.push(
      keyProblem("KEY_MALFORMED", path, `${path} holds no key`, `make one with \`understudy keygen --force ${path}\``),
    );
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: keys, problems: [] };
}

function decodeKey(word: string): Uint8Array | undefined {
  if (/^[0-9a-fA-F]+$/.test(word) && word.length % 2 === 0) return Uint8Array.from(Buffer.from(word, "hex"));
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(word) && word.length % 4 === 0) return Uint8Array.from(Buffer.from(word, "base64"));
  return undefined;
}

/** Makes a key file with one new key, mode 0600; an existing file is refused unless `replace`. Never throws. */
export function createKeyFile(path: string, replace: boolean): Result<undefined> {
  // The new file stands whole under another name before it replaces the old one: a full disk costs no key.
  const target = replace ? `${path}.new` : path;
  let descriptor: number | undefined;
  let isOurs = false;
  try {
    if (replace) rmSync(target, { force: true });
    descriptor = openSync(target, "wx", 0o600);
    isOurs = true;
    fchmodSync(descriptor, 0o600);
    writeSync(descriptor, keyFileText());
    fsyncSync(descriptor);
    if (replace) renameSync(target, path);
    return { ok: true, value: undefined, problems: [] };
  } catch (error) {
    if (isOurs) rmSync(target, { force: true });
    return failure(explainWrite(path, error as NodeJS.ErrnoException));
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function keyFileText(): string {
  return [
    "# Understudy cluster key: the same file on every node, mode 0600. Whoever has it can speak for any node.",
    "# One key a line. The first signs; a second one is only accepted. To exchange keys: add the new one as the",
    "# second line on every node and restart, then make it the first everywhere and restart, then remove the old one.",
    randomBytes(MIN_KEY_BYTES).toString("hex"),
    "",
  ].join("\n");
}

function explainWrite(path: string, { code, message }: NodeJS.ErrnoException): Problem {
  if (code === "EEXIST") {
    return keyProblem(
      "KEY_EXISTS",
      path,
      `${path} exists and is left as it is`,
      "use --force to replace it: all nodes then need the new file",
    );
  }
  if (code === "ENOENT") {
    return keyProblem("KEY_NOT_WRITTEN", path, `the directory of ${path} does not exist`, `mkdir -p ${dirname(path)}`);
  }
  return keyProblem(
    "KEY_NOT_WRITTEN",
    path,
    `${path} cannot be written: ${message}`,
    "run as root, or choose another place",
  );
}

function keyProblem(code: KeyCode, file: string, message: string, next: string, expected?: string): Problem {
  return { code, severity: "error", message, subject: { file }, next, ...(expected !== undefined && { expected }) };
}

function failure(problem: Problem): { readonly ok: false; readonly problems: readonly Problem[] } {
  return { ok: false, problems: [problem] };
}
