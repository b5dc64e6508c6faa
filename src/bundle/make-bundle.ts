/** Collects all parts at once and packs them, with a manifest that says what is there, what is not, and why. */

import { open, rm } from "node:fs/promises";
import { gzipSync } from "node:zlib";

import { collectPart, type Collected, type Part } from "./part.ts";
import { makeTar } from "./tar.ts";

/** What people must know before they pass a bundle on. */
export const WARNING =
  "It holds addresses, names of machines and services, and log lines. Read it before you pass it on: what looks like a secret was left out, but a program cannot know every secret.";

/** A bundle as it was written. */
export interface Bundle {
  readonly file: string;
  readonly sizeBytes: number;
  readonly collected: readonly Collected[];
  readonly manifest: string;
}

/** Makes the file; it must not exist yet, and only its owner can read it. Rejects when it cannot be written. */
export async function makeBundle(options: {
  readonly file: string;
  /** Folder inside the archive. */
  readonly folder: string;
  readonly parts: readonly Part[];
  readonly time: number;
  readonly about: string;
}): Promise<Bundle> {
  const { file, folder, time } = options;
  // Opened first: nobody waits for the parts to learn that the file cannot be made.
  const opened = await open(file, "wx", 0o600);
  try {
    const collected = await Promise.all(options.parts.map((part) => collectPart(part)));
    const manifest = makeManifest(options.about, collected);
    const entries = collected.flatMap(({ files }) => files);
    const packed = gzipSync(
      makeTar(
        [{ name: "MANIFEST", content: Buffer.from(manifest) }, ...entries].map(({ name, content }) => ({
          name: `${folder}/${name}`,
          content,
        })),
        time,
      ),
    );
    await opened.writeFile(packed);
    await opened.sync();
    return { file, sizeBytes: packed.length, collected, manifest };
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  } finally {
    await opened.close();
  }
}

function makeManifest(about: string, collected: readonly Collected[]): string {
  const lines = collected.flatMap(({ title, files, missing }) => {
    if (missing !== undefined) return [`missing  ${title}: ${missing.replaceAll(/\s+/g, " ")}`];
    return files.map(({ name, content, leftOut, isCut }) => {
      const notes = [
        ...(leftOut > 0 ? [`${leftOut} ${leftOut === 1 ? "place" : "places"} left out`] : []),
        ...(isCut ? ["its beginning is cut off"] : []),
      ];
      return `${name}  ${content.length} bytes  ${title}${notes.length === 0 ? "" : ` (${notes.join(", ")})`}`;
    });
  });
  const never =
    "Never in it: key files, environments of processes and units, commands of the cluster in recordings, comments of the cluster file.";
  return `${about}\n\n${WARNING}\n${never}\n\n${lines.join("\n")}\n`;
}
