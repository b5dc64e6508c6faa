/** One part of a bundle: how it is had, within which time and size, and what became of it. */

import { LEFT_OUT, leaveSecretsOut } from "../core/recording/redact.ts";

/** What a part may give: a text, from which secrets are left out, or bytes that hold none; several files, or none. */
export interface Content {
  readonly name: string;
  readonly content: string | Buffer;
}

/** Something a bundle should hold. */
export interface Part {
  /** For the manifest. */
  readonly title: string;
  /** Rejects with the reason when it cannot be had. */
  collect(signal: AbortSignal): Promise<readonly Content[]>;
}

/** A file of the bundle, ready. */
export interface BundleFile {
  readonly name: string;
  readonly content: Buffer;
  /** How many places were left out, and whether the beginning is missing. */
  readonly leftOut: number;
  readonly isCut: boolean;
}

/** What became of a part. */
export interface Collected {
  readonly title: string;
  readonly files: readonly BundleFile[];
  /** Why there is none. */
  readonly missing: string | undefined;
}

const PART_LIMIT_MS = 10_000;
/** Of one text; the end of a longer one is kept, where the news is. */
export const TEXT_LIMIT_BYTES = 4 * 1_024 * 1_024;

/** Collects a part; never rejects, and never takes longer than its limit. */
export async function collectPart(part: Part, limitMs = PART_LIMIT_MS): Promise<Collected> {
  const { title } = part;
  const abort = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      abort.abort();
      reject(new Error(`it was not had within ${limitMs / 1_000} s`));
    }, limitMs);
  });
  try {
    const contents = await Promise.race([part.collect(abort.signal), limit]);
    return { title, files: contents.map(makeFile), missing: undefined };
  } catch (error) {
    return { title, files: [], missing: leaveSecretsOut(whyMissing(error)) };
  } finally {
    clearTimeout(timer);
  }
}

function whyMissing(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, path } = error as NodeJS.ErrnoException;
  return code === "ENOENT" && path !== undefined ? `there is no ${path}` : error.message;
}

function makeFile({ name, content }: Content): BundleFile {
  if (typeof content !== "string") return { name, content, leftOut: 0, isCut: false };
  const clean = leaveSecretsOut(content);
  const leftOut = clean.split(LEFT_OUT).length - 1;
  const bytes = Buffer.from(clean);
  const isCut = bytes.length > TEXT_LIMIT_BYTES;
  return { name, content: isCut ? bytes.subarray(bytes.length - TEXT_LIMIT_BYTES) : bytes, leftOut, isCut };
}
