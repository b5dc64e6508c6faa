/**
 * Which program listens on a TCP port of this machine: what an administrator would ask `ss -ltnp`. Looked up in /proc
 * (proc_pid_net(5), proc_pid_fd(5)), without starting anything; programs of other users need root to be seen.
 */

import { readdir, readFile, readlink } from "node:fs/promises";
import { basename } from "node:path";

/** TCP_LISTEN in /proc/net/tcp (include/net/tcp_states.h). */
const LISTENING = "0A";

export interface PortHolder {
  readonly pid: number;
  /** Its name without the folder. */
  readonly program: string;
}

/** The first program found; undefined when nobody listens there or it may not be seen. */
export async function findPortHolder(port: number): Promise<PortHolder | undefined> {
  const tables = await Promise.all(["/proc/net/tcp", "/proc/net/tcp6"].map(readOrNothing));
  const sockets = new Set(tables.flatMap((table) => listenersIn(table, port)).map((inode) => `socket:[${inode}]`));
  if (sockets.size === 0) return undefined;
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  for (const pid of pids) {
    if (await holdsOneOf(pid, sockets)) return { pid, program: await nameOf(pid) };
  }
  return undefined;
}

/** As it was called; the kernel's own name is that of a thread in some programs. `nginx: master process …` is nginx. */
async function nameOf(pid: number): Promise<string> {
  const [called = ""] = (await readOrNothing(`/proc/${pid}/cmdline`)).split("\0");
  const name = basename(called.split(" ")[0] ?? "").replace(/:$/, "");
  return name === "" ? (await readOrNothing(`/proc/${pid}/comm`)).trim() : name;
}

/** Inodes of listening sockets: `sl local_address rem_address st … uid timeout inode`. */
function listenersIn(table: string, port: number): string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return table.split("\n").flatMap((line) => {
    const [, local = "", , state, , , , , , inode = "0"] = line.trim().split(/\s+/);
    return state === LISTENING && local.endsWith(`:${hex}`) && inode !== "0" ? [inode] : [];
  });
}

async function holdsOneOf(pid: number, sockets: ReadonlySet<string>): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  const descriptors = await readdir(folder).catch(() => []);
  for (const descriptor of descriptors) {
    // Gone meanwhile, or not ours to see.
    if (sockets.has(await readlink(`${folder}/${descriptor}`).catch(() => ""))) return true;
  }
  return false;
}

function readOrNothing(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}
