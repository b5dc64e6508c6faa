/**
 * The cluster file on disk: read within its limit, parsed, judged and hashed. Whoever gets a config from here
 * need not check anything again.
 */

import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { MAX_CONFIG_LENGTH } from "../core/base/limits.ts";
import type { Problem, Result } from "../core/base/report.ts";
import { canonicalText } from "../core/config/canonical.ts";
import { checkCluster } from "../core/config/check.ts";
import type { ClusterConfig } from "../core/config/cluster.ts";
import { parseCluster } from "../core/config/parse.ts";
import type { ParseOptions } from "../core/config/parse.ts";
import type { Positions } from "../core/config/source.ts";

/** A config that may be used, and its name among nodes. */
export interface LoadedCluster {
  readonly config: ClusterConfig;
  /** SHA-256 of the normalised config without its balancer, hexadecimal; equal configs have equal hashes. */
  readonly hash: string;
  /** Where its settings stand. */
  readonly positions: Positions;
}

/** Reads and judges a cluster file. With a value, `problems` holds warnings only. Never throws. */
export function loadClusterFile(path: string, options: ParseOptions = {}): Result<LoadedCluster> {
  const text = readText(path);
  if (typeof text !== "string") return { ok: false, problems: [text] };
  const parsed = parseCluster(text, path, options);
  if (!parsed.ok) return parsed;
  const { config, positions } = parsed.value;
  const problems = checkCluster(config, positions);
  if (problems.some((found) => found.severity === "error")) return { ok: false, problems };
  return { ok: true, value: { config, hash: hashOfConfig(config), positions }, problems };
}

/** SHA-256 of a config's canonical text, hexadecimal; the balancer takes no part. */
export function hashOfConfig(config: ClusterConfig): string {
  return createHash("sha256").update(canonicalText(config)).digest("hex");
}

/** Code word of a file that could not be read at all. */
export const UNREADABLE = "FILE_UNREADABLE";

function readText(path: string): string | Problem {
  let descriptor: number | undefined;
  try {
    // Without O_NONBLOCK a named pipe would hold us here for ever.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const status = fstatSync(descriptor);
    if (!status.isFile()) return unreadable(path, "it is no regular file");
    if (status.size > 4 * MAX_CONFIG_LENGTH)
      return unreadable(path, `it has ${status.size} bytes, far more than any cluster file`);
    const bytes = readFileSync(descriptor);
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ERR_ENCODING_INVALID_ENCODED_DATA") return unreadable(path, "it is no UTF-8 text");
    return unreadable(path, code === "ENOENT" ? "there is no such file" : message);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function unreadable(path: string, why: string): Problem {
  return {
    code: UNREADABLE,
    severity: "error",
    message: `${path} cannot be read: ${why}`,
    subject: { file: path },
    next: "name the cluster file, by default /etc/understudy/cluster.yaml",
  };
}
