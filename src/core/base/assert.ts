/**
 * Programmer errors. An assertion stays on in production: a crash is safe here, because the kernel's lease
 * lapses by itself and another node takes over, while going on with a wrong state is not.
 */

/** Throws when `condition` is false; `sentence` says what was believed. */
export function assert(condition: boolean, sentence: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${sentence}`);
}

/** Ends an exhaustive `switch`: the compiler refuses a forgotten case, and a value from outside throws. */
export function unreachable(value: never): never {
  throw new Error(`assertion failed: unexpected value ${JSON.stringify(value)}`);
}
