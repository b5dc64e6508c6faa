/**
 * Where nginx puts bodies and answers that are larger than its buffers. They may be many and large, so on a node they
 * lie on disk and not beside the config, which lies in memory; and its workers, who are not root, must get there.
 */

import { statSync } from "node:fs";
import { dirname, join } from "node:path";

const ON_DISK = "/var/cache/understudy-nginx";
const OTHERS_MAY_PASS = 0o001;

/** The folder for an engine's directory. */
export function temporaryFolder(directory: string, account: { readonly groupId: number } | undefined): string {
  // Each directory has its own, because it is removed with the engine.
  const onDisk = `${ON_DISK}${directory.replaceAll("/", "-")}`;
  if (directory.startsWith("/run/")) return onDisk;
  const isReached = account === undefined || mayOthersPass(dirname(directory));
  return isReached ? join(directory, "temporary") : onDisk;
}

function mayOthersPass(folder: string): boolean {
  try {
    if ((statSync(folder).mode & OTHERS_MAY_PASS) === 0) return false;
  } catch {
    // One that is still to be made is made passable.
  }
  return folder === "/" || mayOthersPass(dirname(folder));
}
