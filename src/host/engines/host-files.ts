/**
 * Files of an engine that no renderer can make, because their content lies outside the cluster file: certificate and key
 * as one PEM, error pages as whole answers, the login of the page with figures. They are read anew each time, and what
 * is wrong with them is a problem of the candidate, so a bad renewal never reaches the running engine.
 */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Result } from "../../core/base/report.ts";
import { neededFiles } from "../../core/balancer/needed-files.ts";
import type { BalancerConfig } from "../../core/config/balancer.ts";
import { balancerFileProblems } from "../balancer-files.ts";
import type { EngineFile } from "./generations.ts";

/** A certificate with its key, as the engine gets it. */
export interface BundleFile extends EngineFile {
  readonly content: string;
}

export interface HostFiles {
  readonly bundles: readonly BundleFile[];
  /** HTML only: the head is the engine's. */
  readonly errorPages: readonly { readonly path: string; readonly status: number; readonly html: Buffer }[];
  readonly login: { readonly user: string; readonly password: string } | undefined;
}

/** Reads all of them; refused with every problem that makes one unusable. */
export function readHostFiles(config: BalancerConfig): Result<HostFiles> {
  const problems = balancerFileProblems(config);
  if (problems.some(({ severity }) => severity === "error")) return { ok: false, problems };
  const needed = neededFiles(config);
  try {
    const value = {
      bundles: needed.bundles.map(({ path, certificate, key }) => ({
        path,
        content: bundleText(readFileSync(certificate, "latin1"), key && readFileSync(key, "latin1")),
        secret: true,
      })),
      errorPages: needed.errorPages.map(({ path, status, source }) => ({ path, status, html: readFileSync(source) })),
      login: needed.login && { user: needed.login.user, password: firstLine(needed.login.passwordFile) },
    };
    return { ok: true, value, problems };
  } catch (error) {
    // A file that was there a moment ago.
    const { path, message } = error as NodeJS.ErrnoException;
    const problem = {
      code: "FILE_UNREADABLE",
      severity: "error" as const,
      message: `${path ?? "a file"} cannot be read: ${message}`,
      next: "it changed while it was read: reload again",
    };
    return { ok: false, problems: [...problems, problem] };
  }
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]+?-----END \1-----/g;

/** Only the blocks, without texts between them and without blank lines, which would end a runtime command. */
function bundleText(certificates: string, key: string | undefined): string {
  const blocks = [...certificates.matchAll(BLOCK), ...(key ?? "").matchAll(BLOCK)];
  const wanted = blocks.filter(([, kind = ""]) => /CERTIFICATE|PRIVATE KEY|DH PARAMETERS|EC PARAMETERS/.test(kind));
  return wanted.map(([block]) => `${block.replaceAll("\r", "").replaceAll(/\n\s*\n/g, "\n")}\n`).join("");
}

function firstLine(file: string): string {
  return (readFileSync(file, "latin1").split("\n")[0] ?? "").replace(/\r$/, "");
}

/** What tells a content from another. */
export function fingerprint(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}
