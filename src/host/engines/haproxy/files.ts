/** All files of a candidate: rendered from the cluster file, and read from this machine; and what differs between two. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Result } from "../../../core/base/report.ts";
import type { ChangedFile } from "../../../core/balancer/change.ts";
import { CONFIG_FILE, USERS_FILE } from "../../../core/balancer/haproxy-names.ts";
import { errorHead, statsUsers } from "../../../core/balancer/haproxy.ts";
import type { RenderedFile, Wanted } from "../../../core/balancer/wanted.ts";
import type { EngineFile } from "../generations.ts";
import { type BundleFile, fingerprint, readHostFiles } from "../host-files.ts";

/** Fingerprints of files from outside the cluster file, by path. */
export type Prints = Readonly<Record<string, string>>;

/** Beside the config: what it was made from, for a next self of the daemon that finds it running. */
export const ORIGIN_FILE = "origin.json";

/** What a config was made from. */
export interface Origin {
  readonly wanted: Wanted;
  readonly prints: Prints;
}

export interface Candidate {
  readonly files: readonly EngineFile[];
  readonly bundles: readonly BundleFile[];
  readonly prints: Prints;
}

/** Refused when a file of this machine cannot be used. */
export function prepareCandidate(wanted: Wanted, rendered: readonly RenderedFile[]): Result<Candidate> {
  const host = readHostFiles(wanted.config);
  if (!host.ok) return host;
  const { bundles, errorPages, login } = host.value;
  const own: EngineFile[] = [
    { path: USERS_FILE, content: statsUsers(login), secret: true },
    ...bundles,
    ...errorPages.map(({ path, status, html }) => ({
      path,
      content: Buffer.concat([Buffer.from(errorHead(status, html.length)), html]),
    })),
  ];
  const prints = Object.fromEntries(own.map(({ path, content }) => [path, fingerprint(content)]));
  const origin: EngineFile = { path: ORIGIN_FILE, content: JSON.stringify({ wanted, prints }), secret: true };
  return { ok: true, value: { files: [...rendered, ...own, origin], bundles, prints }, problems: host.problems };
}

/** Reads what the config in a folder was made from; undefined: it is not told. */
export function readOrigin(folder: string): Origin | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, ORIGIN_FILE), "utf8")) as Origin;
  } catch {
    return undefined;
  }
}

/** Files whose content differs. Those that come or go are named in the config, which tells of them. */
export function changedFiles(before: Prints | undefined, after: Prints): ChangedFile[] {
  if (before === undefined) return [];
  return Object.entries(after)
    .filter(([path, print]) => before[path] !== undefined && before[path] !== print)
    .map(([path]) => ({ path, kind: kindOf(path) }));
}

function kindOf(path: string): ChangedFile["kind"] {
  if (path === USERS_FILE) return "login";
  return path.startsWith("certificates/") ? "certificate" : "error-page";
}

/** The text that HAProxy's complaints are about. */
export function configText({ files }: Candidate): string {
  return String(files.find(({ path }) => path === CONFIG_FILE)?.content ?? "");
}

/** What tells one candidate from another. */
export function candidatePrint({ files }: Candidate): string {
  const hash = createHash("sha256");
  for (const { path, content } of files) hash.update(path).update("\0").update(content).update("\0");
  return hash.digest("hex");
}
