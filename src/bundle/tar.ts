/**
 * Writes a tar archive (the format of POSIX.1-1988, "ustar", which every tar reads) from files in memory: plain
 * files with short names only. A page of code, so neither a library nor a `tar` program on the machine is needed.
 */

/** A file of an archive. */
export interface TarEntry {
  /** Path with slashes, at most 100 bytes. */
  readonly name: string;
  readonly content: Buffer;
}

const BLOCK_BYTES = 512;

/** The archive: every file with mode 0600 and the same time, in milliseconds since 1970. */
export function makeTar(entries: readonly TarEntry[], time: number): Buffer {
  const parts: Buffer[] = [];
  for (const { name, content } of entries) {
    const padding = (BLOCK_BYTES - (content.length % BLOCK_BYTES)) % BLOCK_BYTES;
    parts.push(headOf(name, content.length, time), content, Buffer.alloc(padding));
  }
  // Two empty blocks are the end.
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK_BYTES)]);
}

function headOf(name: string, sizeBytes: number, time: number): Buffer {
  const head = Buffer.alloc(BLOCK_BYTES);
  if (Buffer.byteLength(name) > 100) throw new Error(`"${name}" is too long a name for an archive`);
  head.write(name, 0);
  head.write(octal(0o600, 7), 100);
  head.write(octal(0, 7), 108);
  head.write(octal(0, 7), 116);
  head.write(octal(sizeBytes, 11), 124);
  head.write(octal(Math.floor(time / 1_000), 11), 136);
  // The sum is taken over the head with blanks in its own place.
  head.write("        ", 148);
  head.write("0", 156);
  head.write("ustar\u000000", 257);
  head.write("root", 265);
  head.write("root", 297);
  const sum = head.reduce((total, byte) => total + byte, 0);
  head.write(`${octal(sum, 6)}\u0000 `, 148);
  return head;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0");
}
