/** Says what this machine lacks for tests in network namespaces, so that they can be skipped with a reason. */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

const PROGRAMS = ["nft", "ip", "nginx", "haproxy", "openssl", "curl"];
const FOLDERS = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin"];

/** What is missing, in a few words; undefined when lab tests can run. */
export function labLacks(): string | undefined {
  if (process.getuid?.() !== 0) return "needs root: network namespaces with the real kernel";
  const missing = PROGRAMS.filter((program) => !FOLDERS.some((folder) => existsSync(`${folder}/${program}`)));
  if (missing.length > 0) return `needs ${missing.join(", ")}: run the set-up as root`;
  const made = spawnSync("unshare", ["--net", "--mount", "--pid", "--fork", "true"], {
    encoding: "utf8",
    timeout: 10_000,
  });
  if (made.status !== 0)
    return `needs namespaces: ${(made.stderr ?? "").trim() || String(made.error ?? "unshare failed")}`;
  return undefined;
}
