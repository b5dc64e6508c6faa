/** A what-if script from a file or from standard input, read within its limit. */

import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { MAX_SCRIPT_LENGTH } from "../core/base/limits.ts";
import type { Problem } from "../core/base/report.ts";

/** UTF-8 needs at most so many bytes for the longest script; what is longer is none. */
const MOST_BYTES = 4 * MAX_SCRIPT_LENGTH;

/** The text, or why it cannot be read. `-` is standard input. */
export function readScript(path: string): string | Problem {
  const descriptor = path === "-" ? 0 : undefined;
  try {
    return descriptor === undefined ? readFile(path) : decode(readAll(descriptor));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ERR_ENCODING_INVALID_ENCODED_DATA") return unreadable(path, "it is no UTF-8 text");
    return unreadable(path, code === "ENOENT" ? "there is no such file" : message);
  }
}

function readFile(path: string): string {
  const descriptor = openSync(path, constants.O_RDONLY);
  try {
    if (fstatSync(descriptor).isDirectory()) throw new Error("it is a directory");
    return decode(readAll(descriptor));
  } finally {
    closeSync(descriptor);
  }
}

function readAll(descriptor: number): Buffer {
  const chunks: Buffer[] = [];
  let size = 0;
  for (;;) {
    const chunk = Buffer.alloc(65_536);
    const count = readSync(descriptor, chunk);
    if (count === 0) return Buffer.concat(chunks);
    size += count;
    if (size > MOST_BYTES) throw new Error(`it has more than ${MOST_BYTES} bytes, far more than any script`);
    chunks.push(chunk.subarray(0, count));
  }
}

function decode(bytes: Buffer): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}

function unreadable(path: string, why: string): Problem {
  const name = path === "-" ? "standard input" : path;
  return {
    code: "FILE_UNREADABLE",
    severity: "error",
    message: `${name} cannot be read: ${why}`,
    subject: { file: name },
    next: "name a file with a script, - for standard input, or write the script as an argument",
  };
}
