/**
 * The Unix socket in the runtime directory: who may open it is decided by file modes (root and the group
 * `understudy`), a socket left by a crashed daemon is replaced, one that answers is not.
 */

import { chmod, chown, mkdir, readFile, rm, stat } from "node:fs/promises";
import type { Server } from "node:http";
import { connect, createServer } from "node:net";
import type { Server as NetServer } from "node:net";
import { join, resolve as resolvePath } from "node:path";

/** Members of this group may use the command line without being root. */
const GROUP_NAME = "understudy";

/** Path of the socket in a runtime directory. */
export function socketPath(runtimeDir: string): string {
  return join(runtimeDir, "understudy.sock");
}

/** Does somebody answer there? */
export function isAnswering(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (answers: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answers);
    };
    const timer = setTimeout(() => settle(true), 2_000); // accepted by the kernel but not by a busy daemon
    socket.on("connect", () => settle(true));
    socket.on("error", () => settle(false));
  });
}

/**
 * Claims a runtime directory for this process until it ends, however it ends: a name in the abstract socket
 * namespace that the kernel frees by itself. Returns undefined when another daemon has it.
 */
export async function lockRuntimeDir(runtimeDir: string): Promise<NetServer | undefined> {
  await mkdir(runtimeDir, { recursive: true, mode: 0o755 });
  const { dev, ino } = await stat(resolvePath(runtimeDir));
  const lock = createServer((socket) => socket.destroy());
  const taken = await new Promise<boolean>((resolve, reject) => {
    lock.once("error", (error: NodeJS.ErrnoException) => (error.code === "EADDRINUSE" ? resolve(true) : reject(error)));
    lock.listen(`\0understudy/${dev}/${ino}`, () => resolve(false));
  });
  // Abstract names belong to a network namespace; a daemon in another one still answers on the socket file.
  if (taken || (await isAnswering(socketPath(runtimeDir)))) {
    lock.close();
    return undefined;
  }
  lock.unref();
  return lock;
}

/** Listens on the socket file, replacing a stale one. Call it with the runtime directory locked. */
export async function listenOnSocket(server: Server, path: string): Promise<void> {
  await rm(path, { force: true });
  // Nobody may open it between its birth and the right mode.
  const before = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, () => {
        server.off("error", reject);
        resolve();
      });
    });
  } finally {
    process.umask(before);
  }
  const gid = await groupId(GROUP_NAME);
  if (gid !== undefined && process.getuid?.() === 0) await chown(path, 0, gid);
  await chmod(path, 0o660);
}

async function groupId(name: string): Promise<number | undefined> {
  const text = await readFile("/etc/group", "utf8").catch(() => "");
  const line = text.split("\n").find((entry) => entry.startsWith(`${name}:`));
  const gid = Number(line?.split(":")[2]);
  return line !== undefined && Number.isInteger(gid) ? gid : undefined;
}
