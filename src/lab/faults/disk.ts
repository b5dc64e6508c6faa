/**
 * A small disk of its own for a node's state, so that it can be full without harm to the machine. It is mounted
 * inside the lab's wall before the members boot; each of them sees it, and it outlives their loss of power.
 */

import { spawnSync } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";
import { feed } from "../topology.ts";

export interface Disk {
  readonly path: string;
  readonly sizeBytes: number;
}

const BLOCK_BYTES = 65_536;

export async function mountDisk({ path, sizeBytes }: Disk): Promise<void> {
  await feed(["mount", "-t", "tmpfs", "-o", `size=${sizeBytes},mode=0700`, "tmpfs", path], "");
}

/** Makes the folder an ordinary one again, whoever still uses the disk; at the end of a lab it must not be waited for. */
export function unmountDisk({ path }: Disk): void {
  spawnSync("umount", ["--lazy", path], { stdio: "ignore" });
}

/** Writes into a file until not one byte more has room. */
export function fillUp(path: string): void {
  const file = openSync(path, "a", 0o600);
  try {
    for (let bytes = BLOCK_BYTES; bytes >= 1; bytes = Math.floor(bytes / 2)) {
      const block = Buffer.alloc(bytes);
      try {
        for (;;) if (writeSync(file, block) < bytes) break;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      }
    }
  } finally {
    closeSync(file);
  }
}
